"""Measurements of the project, each run by a target of the Makefile."""
