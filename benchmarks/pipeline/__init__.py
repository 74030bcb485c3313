"""Compares the time of a whole run with the bare notebook and a stock TFX pipeline.

``make bench`` runs ``python -m benchmarks.pipeline``; README.md beside the package
(``benchmarks/README.md``) says what is measured and how to read it.
"""
