"""The gate that stops a run before bad data reaches the model."""
