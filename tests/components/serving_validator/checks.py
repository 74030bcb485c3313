"""The names of the checks that the probe makes with these requests."""

IMAGE_CHECKS = [f"serving_default, batch of {size}" for size in (1, 7, 20)]
EXAMPLE_CHECKS = [f"tf_examples, batch of {size}" for size in (1, 7, 20)]
NOVELTY_CHECKS = [f"novelty, batch of {size}" for size in (1, 7, 20)]
FURTHER_CHECKS = ["classify, batch of 3", *NOVELTY_CHECKS, "describe"]
REFUSAL = "serving_default, refusal of an image of 784x1"
