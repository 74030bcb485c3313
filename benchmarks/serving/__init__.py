"""Compares the speed of the embedded server with the plain way and with the limit.

``make bench-serving`` runs ``python -m benchmarks.serving``; README.md beside this
file says what is measured and how to read it.
"""
