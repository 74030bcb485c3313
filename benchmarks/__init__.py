"""Benchmarks of the project; each is run by a target of the Makefile."""
