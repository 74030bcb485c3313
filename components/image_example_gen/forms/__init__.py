"""The forms in which people have labelled images: one module for each."""
