"""Chooses one of the two locks for this machine, with the reason."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass

from bootstrap.errors import SetupError

AUTO = "auto"

# The oldest glibc that each lock's wheels load on, as their platform tags say:
# ml-metadata 1.21 is manylinux_2_39; several parts of the compat lock (kfp's and
# jupyter's compiled dependencies) are manylinux_2_28.
_CURRENT_GLIBC = (2, 39)
_COMPAT_GLIBC = (2, 28)


@dataclass(frozen=True)
class Host:
    """Properties of a machine that decide which wheels load on it.

    Attributes:
        system: `sys.platform`: "linux", "darwin", "win32"...
        machine: The processor as the kernel names it: "x86_64", "arm64"...
        glibc: Version of the GNU C library; None if there is none (musl, macOS).
    """

    system: str
    machine: str
    glibc: tuple[int, int] | None

    @classmethod
    def detect(cls) -> Host:
        """Describes the running machine."""
        return cls(sys.platform, platform.machine(), _glibc_version())


@dataclass(frozen=True)
class Lock:
    """One hashed lock in `requirements/`.

    Attributes:
        name: Stem of its files: `NAME.txt` for running, `NAME-dev.txt` for testing.
        pythons: Minor versions of Python 3 that it covers, the preferred one first.
    """

    name: str
    pythons: tuple[int, ...]

    def covers(self, version: tuple[int, ...]) -> bool:
        """Tells whether the lock was resolved for this version of Python."""
        return version[0] == 3 and version[1] in self.pythons


CURRENT = Lock("current", (13, 12, 11))
COMPAT = Lock("compat", (11,))
LOCKS = {lock.name: lock for lock in (CURRENT, COMPAT)}


def choose_lock(host: Host, requested: str = AUTO) -> tuple[Lock, str]:
    """Chooses the lock for a machine.

    Args:
        host: The machine.
        requested: "current" or "compat" to overrule the choice, "auto" to leave it.

    Returns:
        The lock and, in a few words, the reason.

    Raises:
        SetupError: No lock, or not the requested one, loads on this machine.
    """
    if requested not in (AUTO, *LOCKS):
        raise SetupError(
            f"LOCK={requested} is none of {AUTO}, {CURRENT.name} and {COMPAT.name}"
        )
    fitting, reason = _fitting_locks(host)
    if requested == AUTO:
        return fitting[0], reason
    lock = LOCKS[requested]
    if lock not in fitting:
        raise SetupError(
            f"LOCK={requested} does not load here ({reason}); "
            f"use LOCK={fitting[0].name}"
        )
    return lock, "asked for"


def _fitting_locks(host: Host) -> tuple[tuple[Lock, ...], str]:
    """Returns the locks whose wheels load on `host`, best first, and the reason."""
    if host.system == "darwin" and host.machine == "arm64":
        return (CURRENT,), "macOS on Apple silicon"
    if host.system == "linux" and host.machine == "x86_64" and host.glibc:
        version = _dotted(host.glibc)
        if host.glibc >= _CURRENT_GLIBC:
            reason = f"glibc {version}, {_dotted(_CURRENT_GLIBC)} or newer"
            return (CURRENT, COMPAT), reason
        if host.glibc >= _COMPAT_GLIBC:
            reason = f"glibc {version}, older than {_dotted(_CURRENT_GLIBC)}"
            return (COMPAT,), reason
    raise SetupError(
        f"no TFX wheels exist for {_describe(host)}; use Linux on x86_64 with glibc "
        f"{_dotted(_COMPAT_GLIBC)} or newer (Debian 12, Ubuntu 22.04, RHEL 9: a "
        "container or WSL 2 will do), or macOS on Apple silicon"
    )


def _describe(host: Host) -> str:
    if host.system != "linux":
        names = {"darwin": "macOS", "win32": "Windows"}
        return f"{names.get(host.system, host.system)} on {host.machine}"
    if host.glibc is None:
        return f"Linux on {host.machine} without glibc (musl, as in Alpine)"
    return f"Linux on {host.machine} with glibc {_dotted(host.glibc)}"


def _glibc_version() -> tuple[int, int] | None:
    try:
        answer = os.confstr("CS_GNU_LIBC_VERSION")  # "glibc 2.36"
    except (AttributeError, OSError, ValueError):
        return None
    name, _, version = (answer or "").partition(" ")
    if name != "glibc":
        return None
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
