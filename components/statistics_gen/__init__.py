"""TFX's StatisticsGen, without Beam where Beam has nothing to spread."""
