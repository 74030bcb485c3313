"""What every test process needs before anything imports TensorFlow."""

import signal

from runner import environment

environment.prepare()

# A background job of a shell ignores Ctrl-C, and hands that on to its children;
# what the tests start is to be interrupted wherever they run.
signal.signal(signal.SIGINT, signal.default_int_handler)
