"""The page's parts as Jinja templates, and its style."""
