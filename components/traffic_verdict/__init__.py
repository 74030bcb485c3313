"""Fails its node if the traffic gate has findings."""
