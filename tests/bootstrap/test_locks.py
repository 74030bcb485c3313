from __future__ import annotations

import pytest

from bootstrap.errors import SetupError
from bootstrap.locks import COMPAT, CURRENT, Host, Lock, choose_lock

BOOKWORM = Host("linux", "x86_64", (2, 36))
TRIXIE = Host("linux", "x86_64", (2, 41))


@pytest.mark.parametrize(
    ("host", "lock", "reason"),
    [
        (Host("linux", "x86_64", (2, 28)), COMPAT, "glibc 2.28, older than 2.39"),
        (BOOKWORM, COMPAT, "glibc 2.36, older than 2.39"),
        (Host("linux", "x86_64", (2, 38)), COMPAT, "glibc 2.38, older than 2.39"),
        (Host("linux", "x86_64", (2, 39)), CURRENT, "glibc 2.39, 2.39 or newer"),
        (TRIXIE, CURRENT, "glibc 2.41, 2.39 or newer"),
        (Host("darwin", "arm64", None), CURRENT, "macOS on Apple silicon"),
    ],
)
def test_machine_decides(host: Host, lock: Lock, reason: str) -> None:
    assert choose_lock(host) == (lock, reason)


def test_choice_can_be_overruled() -> None:
    assert choose_lock(TRIXIE, "compat") == (COMPAT, "asked for")


@pytest.mark.parametrize(
    ("host", "requested", "message"),
    [
        (
            BOOKWORM,
            "current",
            "LOCK=current does not load here (glibc 2.36, older than 2.39); "
            "use LOCK=compat",
        ),
        (
            Host("darwin", "arm64", None),
            "compat",
            "LOCK=compat does not load here (macOS on Apple silicon); use LOCK=current",
        ),
        (BOOKWORM, "newest", "LOCK=newest is none of auto, current and compat"),
    ],
)
def test_choice_that_cannot_work_is_refused(
    host: Host, requested: str, message: str
) -> None:
    with pytest.raises(SetupError) as refusal:
        choose_lock(host, requested)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("host", "description"),
    [
        (Host("win32", "AMD64", None), "Windows on AMD64"),
        (Host("darwin", "x86_64", None), "macOS on x86_64"),
        (
            Host("linux", "x86_64", None),
            "Linux on x86_64 without glibc (musl, as in Alpine)",
        ),
        (Host("linux", "x86_64", (2, 27)), "Linux on x86_64 with glibc 2.27"),
        (Host("linux", "aarch64", (2, 41)), "Linux on aarch64 with glibc 2.41"),
        (Host("freebsd14", "amd64", None), "freebsd14 on amd64"),
    ],
)
def test_machine_without_wheels_is_told_so_in_one_line(
    host: Host, description: str
) -> None:
    with pytest.raises(SetupError) as refusal:
        choose_lock(host)
    message = str(refusal.value)
    assert message.startswith(f"no TFX wheels exist for {description}; use Linux on ")
    assert "\n" not in message


@pytest.mark.parametrize(("lock", "covered"), [(CURRENT, {11, 12, 13}), (COMPAT, {11})])
def test_lock_covers_the_pythons_it_was_resolved_for(
    lock: Lock, covered: set[int]
) -> None:
    assert {n for n in range(6, 20) if lock.covers((3, n, 1))} == covered
    assert not lock.covers((2, 11, 0))
