"""``make serve``: serves the pushed model with the best server that this machine has.

The order is: the real ``tensorflow_model_server`` on the PATH; the
``tensorflow/serving`` image where a container engine runs; the embedded server.
All three get the same ports, the same model folder and the same flags. The server
replaces this process, so that it gets the signals and sets the exit code.
"""
