"""An embedded model server that speaks TensorFlow Serving's protocol.

Start it with `python -m serving.server`; `--help` lists the flags, which have
the names `tensorflow_model_server` gives them.
"""
