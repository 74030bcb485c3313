"""The process says why it cannot start."""

import pytest

from serving.server import __main__ as program


def test_without_room_for_its_threads_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """TensorFlow would abort it while it loads the model."""
    monkeypatch.setattr(program, "_startable", lambda wanted: 10)
    options = program.flags.parse(["--port=0", "--model_base_path=/nowhere"])
    assert options is not None
    assert program._run(options, 2) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("cannot start: the server has up to ")
    assert "and only 10 are allowed here: raise `ulimit -u`" in line


def test_all_threads_that_are_wanted_can_be_started_here() -> None:
    assert program._startable(program._THREADS) == program._THREADS
