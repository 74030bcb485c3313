"""The name of `lineage` in version 0.1."""
