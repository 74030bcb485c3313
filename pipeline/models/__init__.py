"""Looking after pushed versions: list, roll back, prune, verify."""
