"""An embedded model server that speaks TensorFlow Serving's protocol.

`python -m serving.server` starts it; `--help` lists the flags, which have the names
of `tensorflow_model_server`'s flags.
"""
