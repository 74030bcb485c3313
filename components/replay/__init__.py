"""Has the new model answer what the champion answered in the logged traffic."""
