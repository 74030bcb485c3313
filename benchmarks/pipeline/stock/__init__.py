"""A TFX pipeline for MNIST written the usual way, as its templates show."""
