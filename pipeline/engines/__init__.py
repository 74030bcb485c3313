"""Runs Beam jobs on Flink or Spark through a Beam job server."""
