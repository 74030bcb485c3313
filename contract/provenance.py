"""Code and environment that a run was started from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Provenance:
    """Facts that only the machine which starts a run knows; unknown ones are empty.

    Attributes:
        commit: Git commit of the checkout.
        clean: Whether the checkout had no changes beside that commit; None if unknown.
        lock: Name of the lock that the environment was made from.
        lock_digest: SHA-256 of the installed lock file.
    """

    commit: str = ""
    clean: bool | None = None
    lock: str = ""
    lock_digest: str = ""
