"""Serving: the model server, the client and the page."""
