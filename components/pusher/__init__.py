"""Pushes a model as a version that appears whole or not at all."""
