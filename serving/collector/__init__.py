"""Collects the events of KServe's logger for a REST predictor as request logs.

Start it with `python -m serving.collector`. It is for TensorFlow Serving in production,
which logs no requests itself. The records have the form of
`serving/server/request_log.py`.
"""
