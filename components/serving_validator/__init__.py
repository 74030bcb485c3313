"""Does the candidate work in a server? Asked in a process of its own."""
