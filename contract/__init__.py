"""Definitions that all parts share: task, features, demands, exit codes, names."""
