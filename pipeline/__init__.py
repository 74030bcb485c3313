"""The pipeline: configuration, wiring, schema, preprocessing, model."""
