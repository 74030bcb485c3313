"""The peak of this process's memory is really measured."""

import sys
from pathlib import Path

import pytest

from runner import memory

BLOCK = 200_000_000

linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="needs Linux' /proc/self/clear_refs"
)


def hold_and_let_go() -> None:
    """Makes the process 200 MB larger for a moment."""
    block = bytearray(BLOCK)
    block[::4096] = b"x" * len(block[::4096])


@linux_only
def test_what_was_held_for_a_moment_is_the_peak_until_one_begins_anew() -> None:
    assert memory.reset_peak()
    before = memory.peak()
    hold_and_let_go()
    after = memory.peak()
    assert memory.reset_peak()
    anew = memory.peak()

    assert before is not None
    assert after is not None
    assert anew is not None
    assert after - before > 0.9 * BLOCK
    assert after - anew > 0.9 * BLOCK


def test_where_the_system_does_not_tell_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_CLEAR_REFS", str(tmp_path / "none/clear_refs"))
    monkeypatch.setattr(memory, "_STATUS", str(tmp_path / "none/status"))
    assert not memory.reset_peak()
    assert memory.peak() is None


def test_a_system_that_tells_other_things_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmRSS:\t 100 kB\n")
    monkeypatch.setattr(memory, "_STATUS", str(tmp_path / "status"))
    assert memory.peak() is None
