"""Seconds per component come from what TFX logs."""

from datetime import datetime

from benchmarks.pipeline.runlog import Span, spans

START = datetime(2026, 11, 22, 13, 50, 3).timestamp()


def test_components_that_ended() -> None:
    lines = [
        "2026-11-22 13:50:03,000 I absl: Component Trainer is running.",
        "2026-11-22 13:50:04,100 I absl: Running launcher for node_info {",
        "a line of some library",
        "2026-11-22 13:50:05,250 I absl: Component Trainer is finished.",
        "2026-11-22 13:50:05,300 I absl: Component Evaluator is running.",
    ]
    assert spans(lines) == [Span("Trainer", START, START + 2.25)]


def test_a_component_may_run_twice() -> None:
    lines = [
        "2026-11-22 13:50:03,000 I absl: Component A is running.",
        "2026-11-22 13:50:03,250 I absl: Component A is finished.",
        "2026-11-22 13:50:04,000 I absl: Component A is running.",
        "2026-11-22 13:50:05,000 I absl: Component A is finished.",
    ]
    found = spans(lines)
    assert [span.seconds for span in found] == [0.25, 1.0]
    assert found[0].start == START


def test_an_end_without_a_beginning_is_not_counted() -> None:
    lines = ["2026-11-22 13:50:03,000 I absl: Component Trainer is finished."]
    assert spans(lines) == []
