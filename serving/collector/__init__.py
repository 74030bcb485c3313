"""Collects what KServe's logger sends of a REST predictor, as logs of requests.

Start it with `python -m serving.collector`. It is for TensorFlow Serving in production,
which logs no requests itself; the records are those of `serving/server/request_log.py`.
"""
