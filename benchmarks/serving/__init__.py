"""How fast the embedded server is, against the plain way and the limit.

``make bench-serving`` runs ``python -m benchmarks.serving``; README.md beside this
file says what is measured and how to read it.
"""
