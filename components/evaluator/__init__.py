"""Evaluates the candidate with TFMA; the baseline model may not exist yet."""
