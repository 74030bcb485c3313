"""What every test process needs before anything imports TensorFlow."""

from runner import environment

environment.prepare()
