"""What version 0.1 called `version_store`."""
