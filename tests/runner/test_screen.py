"""The screen of a run: a line for each event, or a live view on a terminal."""

import io
import re

import pytest
from rich.console import Console

from runner import memory
from runner.events import Event
from runner.screen import DownloadBar, Screen


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def screen(stream: io.StringIO) -> Screen:
    """Writes to a stream that is no terminal."""
    return Screen(stream)


def tell(screen: Screen, *events: Event) -> None:
    for event in events:
        screen.on_event(event)


def lines(stream: io.StringIO) -> list[str]:
    """Returns the lines shown, with times made equal."""
    return re.sub(r" +\d+\.\d s", " T s", stream.getvalue()).splitlines()


RUN = (
    Event("started", "StatisticsGen"),
    Event("cached"),
    Event("finished", "StatisticsGen"),
    Event("started", "Trainer"),
    Event("progress", text="epoch 1/2, validation accuracy 0.9100, loss 0.3000"),
    Event("progress", text="epoch 2/2, validation accuracy 0.9300, loss 0.2000"),
    Event("finished", "Trainer"),
    Event("started", "Evaluator"),
)


def test_off_a_terminal_each_event_is_a_line(
    screen: Screen, stream: io.StringIO
) -> None:
    with screen.live():
        with screen.waiting_for("loading"):
            pass
        tell(screen, *RUN)
        screen.on_failure()

    assert lines(stream) == [
        "loading",
        "↺ StatisticsGen T s  reused",
        "    epoch 1/2, validation accuracy 0.9100, loss 0.3000",
        "    epoch 2/2, validation accuracy 0.9300, loss 0.2000",
        "✓ Trainer T s",
        "✗ Evaluator T s",
    ]


def test_off_a_terminal_there_are_no_control_sequences(
    screen: Screen, stream: io.StringIO
) -> None:
    with screen.live():
        tell(screen, *RUN)
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_steps_are_kept_for_the_summary(screen: Screen) -> None:
    tell(screen, *RUN)
    screen.on_failure()
    assert [(step.node, step.state) for step in screen.steps] == [
        ("StatisticsGen", "cached"),
        ("Trainer", "done"),
        ("Evaluator", "failed"),
    ]
    assert all(step.seconds >= 0 for step in screen.steps)


def test_a_node_that_says_no_has_no_tick(screen: Screen, stream: io.StringIO) -> None:
    tell(
        screen,
        Event("started", "Evaluator"),
        Event("refused", text="2 of 12 demands are not met"),
        Event("finished", "Evaluator"),
        Event("started", "Pusher"),
        Event("skipped", text="not blessed, so nothing is pushed"),
        Event("finished", "Pusher"),
    )
    assert [step.state for step in screen.steps] == ["refused", "skipped"]
    assert lines(stream) == [
        "    2 of 12 demands are not met",
        "✗ Evaluator T s",
        "    not blessed, so nothing is pushed",
        "- Pusher T s",
    ]


def test_each_step_has_the_peak_of_memory_while_it_ran(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = iter([300, 200, 100])
    monkeypatch.setattr(memory, "reset_peak", lambda: True)
    monkeypatch.setattr(memory, "peak", lambda: next(peaks))
    tell(screen, *RUN)
    screen.on_failure()
    assert [step.peak_memory for step in screen.steps] == [300, 200, 100]


def test_without_a_fresh_start_a_peak_says_nothing(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "reset_peak", lambda: False)
    tell(screen, *RUN)
    assert {step.peak_memory for step in screen.steps} == {None}


def test_a_failure_after_the_last_step_is_none_of_its(screen: Screen) -> None:
    tell(screen, Event("started", "Pusher"), Event("finished", "Pusher"))
    screen.on_failure()
    assert [step.state for step in screen.steps] == ["done"]


def test_a_failure_before_the_first_step_shows_nothing(
    screen: Screen, stream: io.StringIO
) -> None:
    screen.on_failure()
    assert (screen.steps, stream.getvalue()) == ([], "")


@pytest.mark.parametrize("kind", ["cached", "progress", "finished"])
def test_an_event_of_no_step_is_left_out(screen: Screen, kind: str) -> None:
    """TFX may log in another order; that must not break a run."""
    screen.on_event(Event(kind, "Trainer"))
    assert screen.steps == []


@pytest.fixture
def terminal(screen: Screen, stream: io.StringIO) -> Screen:
    """The same screen on a terminal of 80 columns."""
    stream.isatty = lambda: True  # type: ignore[method-assign]
    screen._redraws = True
    screen.console = Console(
        file=stream, force_terminal=True, width=80, color_system=None
    )
    return screen


def picture(screen: Screen) -> list[str]:
    """Returns the current picture, line by line, with times made equal."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with console.capture() as captured:
        console.print(screen._picture())
    plain = re.sub(r"\x1b\[[\d;]*m", "", captured.get())
    equal = re.sub(r" +\d+\.\d s", " T s", plain)
    return [line.rstrip() for line in equal.splitlines()]


def test_on_a_terminal_the_picture_has_a_line_for_each_step(terminal: Screen) -> None:
    tell(terminal, *RUN[:-3])
    *steps, elapsed = picture(terminal)
    assert steps[0] == "↺  StatisticsGen T s  reused"
    assert re.fullmatch(
        r". {2}Trainer +T s +epoch 1/2, validation accuracy 0\.9100, loss 0\.3000",
        steps[1],
    )
    assert len(steps) == 2
    assert re.fullmatch(r"elapsed \d+ s", elapsed)


def test_on_a_terminal_it_shows_what_is_waited_for(terminal: Screen) -> None:
    with terminal.waiting_for("loading TensorFlow"):
        assert picture(terminal)[0].endswith(" loading TensorFlow")
    assert [line.split()[0] for line in picture(terminal)] == ["elapsed"]


def test_on_a_terminal_the_last_picture_stays(
    terminal: Screen, stream: io.StringIO
) -> None:
    with terminal.live():
        tell(terminal, *RUN)
        terminal.on_failure()
    last = stream.getvalue().rsplit("StatisticsGen", 1)[1]
    assert "✓" in last
    assert "✗" in last
    # There are no lines beside the picture.
    assert "epoch 1/2" not in stream.getvalue().rsplit("elapsed", 1)[1]


def test_a_download_shows_each_file_and_how_much_of_it(stream: io.StringIO) -> None:
    stream.isatty = lambda: True  # type: ignore[method-assign]
    bar = DownloadBar(Console(file=stream, width=100, color_system=None))
    bar("train-images", 500_000, 1_000_000)
    bar("train-labels", 10_000, 0)
    bar("train-images", 1_000_000, 1_000_000)
    bar.stop()
    last = stream.getvalue().rsplit("train-images", 1)[1]
    assert "1.0/1.0 MB" in last
    assert "train-labels" in last


def test_without_a_terminal_a_download_is_a_line_for_each_file_and_mirror(
    stream: io.StringIO,
) -> None:
    # A log with forced colours is still not treated as a terminal.
    bar = DownloadBar(Console(file=stream, force_terminal=True, color_system=None))
    bar("images from a.example", 0, 0)
    bar("images from b.example", 0, 0)
    bar("images from b.example", 500_000, 1_000_000)
    bar.stop()
    assert stream.getvalue() == (
        "fetching images from a.example\nfetching images from b.example\n"
    )


def test_no_download_no_bar(stream: io.StringIO) -> None:
    DownloadBar(Console(file=stream, force_terminal=True)).stop()
    assert stream.getvalue() == ""


def test_a_step_that_was_interrupted_is_not_called_failed(stream: io.StringIO) -> None:
    screen = Screen(stream)
    tell(screen, *RUN[:-3])
    screen.on_failure(interrupted=True)
    assert screen.steps[-1].state == "interrupted"
    assert "■ Trainer" in stream.getvalue()


def test_in_a_log_progress_is_a_line_now_and_then_and_the_last_one(
    stream: io.StringIO,
) -> None:
    screen = Screen(stream)
    screen.on_event(Event("started", "Trainer"))
    for epoch in range(1, 26):
        screen.on_event(Event("progress", "Trainer", f"epoch {epoch}/25, {'x' * 90}"))
    screen.on_event(Event("finished", "Trainer"))
    lines = [line for line in stream.getvalue().splitlines() if "epoch" in line]
    assert [line.split(",")[0].strip() for line in lines] == [
        "epoch 1/25",
        "epoch 25/25",
    ]


def test_names_of_the_user_are_shown_as_they_are(
    screen: Screen, stream: io.StringIO
) -> None:
    """`:boom:` and `[red]` are no pictures and colours, and no line is wrapped."""
    name = f"net.py:boom: {'x' * 60} [red]"
    tell(screen, Event("started", "Trainer"), Event("progress", text=name))
    screen.say(name)
    assert lines(stream) == [f"    {name}", name]
