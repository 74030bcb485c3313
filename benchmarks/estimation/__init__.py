"""Measures how good estimates without labels are, on MNIST and on disturbed images."""
