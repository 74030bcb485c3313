"""SchemaGen that completes the curated schema with the task's values."""
