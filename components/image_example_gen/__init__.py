"""ExampleGen for IDX files: 28x28 grey images with ten classes."""
