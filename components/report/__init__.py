"""The page about a run: what a person sees after it."""
