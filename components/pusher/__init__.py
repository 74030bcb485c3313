"""Pushes a model as a new version, atomically."""
