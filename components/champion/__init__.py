"""The model that is being served now, brought into the pipeline."""
