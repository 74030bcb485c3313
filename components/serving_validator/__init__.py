"""Checks in a separate process that the candidate can be loaded and served."""
