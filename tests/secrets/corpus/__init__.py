"""The parts of the secret scanner's test set; generate.py puts them together."""
