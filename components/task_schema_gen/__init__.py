"""SchemaGen that completes the curated schema by what the task says."""
