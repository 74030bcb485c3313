"""What was found in traffic, as the success or failure of a node."""
