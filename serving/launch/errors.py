"""What keeps a model from being served."""


class LaunchError(Exception):
    """Nothing can be served; one line says why."""
