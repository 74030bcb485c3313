"""Fails its node if a gate refused the model."""
