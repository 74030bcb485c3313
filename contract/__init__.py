"""What all parts agree on: the task, an example's features, demands, endings."""
