"""The gate that looks at what is asked of a model, and at what it answers."""
