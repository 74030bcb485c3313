"""What version 0.1 called `lineage`."""
