"""What keeps a model from being served."""

from contract.errors import BrokenError


class LaunchError(BrokenError):
    """Nothing can be served; one line says why."""
