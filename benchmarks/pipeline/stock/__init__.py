"""A TFX pipeline for MNIST, written as in TFX's templates."""
