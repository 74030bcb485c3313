"""Pushed versions: what each is, and to list, roll back, prune and verify them."""
