"""What a run was started from: which code, and which environment."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Provenance:
    """Facts that only the starting side knows; what it does not is empty.

    Attributes:
        commit: Of the checkout, in git.
        clean: Whether the checkout was that commit and nothing else; None where
            nobody knows.
        lock: Name of the lock that the environment was made from.
        lock_digest: SHA-256 of the lock's file as it was installed.
    """

    commit: str = ""
    clean: bool | None = None
    lock: str = ""
    lock_digest: str = ""
