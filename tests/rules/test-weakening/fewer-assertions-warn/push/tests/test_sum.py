def test_sum():
    assert total([1, 2]) == 3


def test_none():
    total([])
