import pytest


def test_sum():
    assert total([1, 2]) == 3


@pytest.mark.skip
def test_none():
    assert total([]) == 0
