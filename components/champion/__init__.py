"""Imports the model that is being served now, the champion, into the pipeline."""
