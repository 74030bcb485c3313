"""TFX's Evaluator, for a baseline that may not exist yet."""
