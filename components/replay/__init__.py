"""Replays logged traffic on the candidate and compares it with the champion."""
