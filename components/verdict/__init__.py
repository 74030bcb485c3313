"""What all gates came to, as the success or failure of a node."""
