"""Readers of the file formats of labelled images, one module for each."""
