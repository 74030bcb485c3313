"""``make serve``: serve the pushed model with the best server this machine has.

In this order: the real ``tensorflow_model_server`` on the PATH; the
``tensorflow/serving`` image where a container engine runs; the embedded server.
All three get the same ports, the same model folder and the same flags. The chosen
one replaces the process, so signals and exit codes are its own.
"""
