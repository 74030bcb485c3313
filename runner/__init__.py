"""Runs the pipeline on this machine: paths, screen, logs, results."""
