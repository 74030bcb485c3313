"""The error of a model that cannot be served."""

from contract.errors import BrokenError


class LaunchError(BrokenError):
    """No model can be served; the message gives the reason in one line."""
