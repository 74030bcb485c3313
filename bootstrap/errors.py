"""Errors that end the set-up."""

from __future__ import annotations


class SetupError(Exception):
    """Set-up cannot go on; the message is one line and says what to do."""


class NoFittingPythonError(SetupError):
    """No Python on this machine is of a version that the lock covers."""
