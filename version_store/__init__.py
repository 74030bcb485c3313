"""Describes the pushed versions; lists, rolls back, prunes and verifies them."""
