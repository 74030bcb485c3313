"""TFX's StatisticsGen; it works without Beam where Beam would have one worker."""
