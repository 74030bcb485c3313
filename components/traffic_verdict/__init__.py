"""Fails its node if the traffic gate found an anomaly."""
