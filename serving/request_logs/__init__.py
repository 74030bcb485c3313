"""Reads and lists a server's logged requests, and removes single ones on demand."""
