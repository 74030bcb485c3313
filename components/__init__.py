"""The pipeline's own components, a package each."""
