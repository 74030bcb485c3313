"""What the pipeline is: configuration, wiring, schema, preprocessing, model."""
