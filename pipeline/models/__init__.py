"""The name of `version_store` in version 0.1."""
