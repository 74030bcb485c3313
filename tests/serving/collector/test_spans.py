"""An hour becomes visible only when it is complete; disk use is limited."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.collector.spans import Spans
from serving.request_logs.reading import PassedOver, entries, find_files, records

HOUR = 3600
TEN = 1_795_687_200
"""2026-11-26, 10:00 UTC."""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = float(TEN)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Open = Callable[..., Spans]


@pytest.fixture
def open_(tmp_path: Path, clock: Clock) -> Open:
    def open_(max_bytes: int = 1 << 20, keep_hours: int = 24) -> Spans:
        return Spans(str(tmp_path / "log"), max_bytes, keep_hours, clock)

    return open_


def append(spans: Spans, *ids: str, size: int = 10) -> None:
    for name in ids:
        entry = {
            "request_id": name,
            "model": "letters",
            "version": None,
            "signatures": ["serving_default"],
            "timestamp_secs": TEN,
        }
        spans.append(b"x" * size, entry)


def there(folder: Path) -> list[str]:
    """Returns the names that readers see."""
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


def ids(folder: Path) -> list[str]:
    """Returns the request ids of the index, after checking that each has a record."""
    found = []
    for path in find_files(str(folder)):
        with open(path, "rb") as stream:
            offsets = [offset for offset, _ in records(stream, PassedOver())]
        lines = list(entries(path))
        assert [line.offset for line in lines] == offsets
        found += [line.request_id for line in lines]
    return found


def test_an_hour_is_there_when_it_is_over(
    open_: Open, clock: Clock, tmp_path: Path
) -> None:
    spans = open_()
    append(spans, "a", "b")
    clock.now += HOUR - 1
    spans.turn()
    assert there(tmp_path / "log") == []
    clock.now += 1
    spans.turn()
    assert there(tmp_path / "log") == ["20261126T10"]
    assert ids(tmp_path / "log") == ["a", "b"]


def test_the_first_record_of_an_hour_is_not_in_the_one_before(
    open_: Open, clock: Clock, tmp_path: Path
) -> None:
    spans = open_()
    append(spans, "a")
    clock.now += HOUR
    append(spans, "b")
    spans.turn()
    assert ids(tmp_path / "log") == ["a"]


def test_an_hour_that_could_not_be_completed_is_when_it_can(
    open_: Open, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = open_()
    append(spans, "a")
    clock.now += HOUR

    def fails(*paths: str) -> None:
        raise OSError("the disk is away")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", fails)
        with pytest.raises(OSError, match="the disk is away"):
            spans.turn()
        # Records that come meanwhile are not lost.
        append(spans, "b")
    spans.turn()
    assert there(tmp_path / "log") == ["20261126T10"]
    assert ids(tmp_path / "log") == ["a"]


def test_an_hour_goes_on_after_a_restart(
    open_: Open, clock: Clock, tmp_path: Path
) -> None:
    spans = open_()
    append(spans, "a")
    spans.close()
    clock.now += 60
    append(open_(), "b")
    clock.now += HOUR
    open_()
    assert there(tmp_path / "log") == ["20261126T10"]
    assert sorted(ids(tmp_path / "log")) == ["a", "b"]


def test_a_clock_that_was_set_back_overwrites_nothing(
    open_: Open, clock: Clock, tmp_path: Path
) -> None:
    spans = open_()
    append(spans, "a")
    clock.now += HOUR
    append(spans, "b")
    spans.turn()
    clock.now -= HOUR
    append(spans, "c")
    clock.now += 2 * HOUR
    spans.turn()
    names = ["20261126T10", "20261126T10-2", "20261126T11"]
    assert there(tmp_path / "log") == names
    assert sorted(ids(tmp_path / "log")) == ["a", "b", "c"]


def test_nobody_else_reads_them(open_: Open, clock: Clock, tmp_path: Path) -> None:
    spans = open_()
    append(spans, "a")
    clock.now += HOUR
    spans.turn()
    modes = {
        path: stat.S_IMODE(os.stat(path).st_mode)
        for path in [tmp_path / "log", *(tmp_path / "log").rglob("*")]
    }
    for path, mode in modes.items():
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_old_spans_go(open_: Open, clock: Clock, tmp_path: Path) -> None:
    spans = open_(keep_hours=2)
    for name in ("a", "b", "c", "d"):
        append(spans, name)
        clock.now += HOUR
    spans.turn()
    assert ids(tmp_path / "log") == ["c", "d"]


def test_it_is_bounded_on_disk(open_: Open, clock: Clock, tmp_path: Path) -> None:
    spans = open_(max_bytes=100_000)
    for hour in range(8):
        append(spans, *(f"{hour}-{count}" for count in range(30)), size=1_000)
        clock.now += HOUR
        spans.turn()
        files = (tmp_path / "log").rglob("requests-*")
        assert sum(path.stat().st_size for path in files) <= 100_000
    found = ids(tmp_path / "log")
    assert found[-1] == "7-29"
    assert not any(name.startswith("0-") for name in found)


def test_a_folder_that_somebody_removed_is_made_again(
    open_: Open, clock: Clock, tmp_path: Path
) -> None:
    spans = open_()
    append(spans, "a")
    clock.now += HOUR
    spans.turn()
    shutil.rmtree(tmp_path / "log")
    append(spans, "b")
    clock.now += HOUR
    spans.turn()
    assert ids(tmp_path / "log") == ["b"]
