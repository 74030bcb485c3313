"""Beam's work on a Flink or Spark that a Beam job server stands before."""
