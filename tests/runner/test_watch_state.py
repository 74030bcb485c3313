"""The due run, and the effect of its end on the spans; pure, without a clock."""

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from components.image_example_gen.spans import Span
from contract.errors import BadInputError
from contract.exits import Exit
from pipeline.watching import Watch
from runner.watch_state import DONE, PASSED, QUARANTINED, WAITING, Job, State, StateFile

SETTINGS = Watch(tries=3, retry_seconds=100, at_latest_hours=24, monitor_hours=6)
WINDOW = 3
HOUR = 3600.0


def spans(*numbers: int) -> list[Span]:
    return [Span(number, None, f"in/{number}") for number in numbers]


def due(
    state: State,
    there: Sequence[Span],
    now: float = 0.0,
    findings: Sequence[str] = (),
    window: int = WINDOW,
) -> Job | None:
    return state.next_job(there, findings, window, SETTINGS, now)


def end(
    state: State,
    code: Exit | None = Exit.PUSHED,
    now: float = 0.0,
    reason: str = "it was refused",
) -> None:
    state.conclude(code, "run", reason, SETTINGS, now)


def states(state: State) -> dict[str, str]:
    return {name: record.state for name, record in state.spans.items()}


@pytest.fixture
def state() -> State:
    """A state in which spans 1 and 2 succeeded."""
    state = State()
    due(state, spans(1, 2))
    end(state)
    return state


def test_what_is_there_first_is_tried_together() -> None:
    job = due(State(), spans(1, 2, 3))
    assert job is not None
    assert job.window == [*job.tried] == ["1", "2", "3"]
    assert job.why == "spans 1, 2, 3 complete"


def test_what_is_older_than_the_first_window_is_passed_over() -> None:
    state = State()
    job = due(state, spans(1, 2, 3, 4, 5))
    assert job is not None
    assert job.window == ["3", "4", "5"]
    assert states(state)["1"] == states(state)["2"] == PASSED


def test_nothing_is_run_twice(state: State) -> None:
    assert states(state) == {"1": DONE, "2": DONE}
    assert due(state, spans(1, 2)) is None


def test_each_new_span_has_a_run_of_its_own_the_oldest_first(state: State) -> None:
    there = spans(1, 2, 3, 4)
    for tried, window in (["3", ["1", "2", "3"]], ["4", ["2", "3", "4"]]):
        job = due(state, there)
        assert job is not None
        assert ([*job.tried], job.window) == ([tried], window)
        end(state)
    assert due(state, there) is None


def test_a_span_that_failed_does_not_stop_the_next(state: State) -> None:
    due(state, spans(1, 2, 3))
    end(state, Exit.REFUSED)
    job = due(state, spans(1, 2, 3, 4))
    assert job is not None
    assert [*job.tried] == ["4"]
    assert job.window == ["1", "2", "4"]


def test_a_span_is_tried_again_after_longer_and_longer_pauses(state: State) -> None:
    there, now, why = spans(1, 2, 3), 1000.0, ""
    due(state, there, now)
    end(state, Exit.REFUSED, now)
    for pause in (100, 200):
        assert due(state, there, now + pause - 1) is None
        now += pause
        job = due(state, there, now)
        assert job is not None
        why = job.why
        end(state, Exit.REFUSED, now)
    assert why == "span 3 complete, try 3 of 3"


def test_after_the_last_try_it_is_set_aside_with_its_reason(state: State) -> None:
    there = spans(1, 2, 3)
    for number in range(3):
        due(state, there, number * HOUR)
        end(state, Exit.REFUSED, number * HOUR)
    assert state.spans["3"].state == QUARANTINED
    assert state.spans["3"].reason == "it was refused"
    assert due(state, there, 10 * HOUR) is None
    assert due(state, spans(1, 2, 3, 4), 10 * HOUR) is not None


def test_a_released_span_is_tried_as_if_it_were_new(state: State) -> None:
    for number in range(3):
        due(state, spans(1, 2, 3), number * HOUR)
        end(state, Exit.REFUSED, number * HOUR)
    state.release("3")
    job = due(state, spans(1, 2, 3), 4 * HOUR)
    assert job is not None
    assert ([*job.tried], state.spans["3"].tries) == (["3"], 1)


def test_only_what_was_set_aside_is_released(state: State) -> None:
    with pytest.raises(BadInputError, match=r"--release: 1: expected .* found none"):
        state.release("1")


def test_of_several_spans_that_one_is_blamed_that_the_reason_names() -> None:
    state, there = State(), spans(1, 11, 2)
    due(state, there)
    end(state, Exit.BAD_INPUT, reason="in/11: no such form")
    assert [state.spans[name].tries for name in ("1", "11", "2")] == [0, 1, 0]
    job = due(state, there)
    assert job is not None
    assert [*job.tried] == ["1", "2"]


def test_who_stopped_the_run_did_not_try_it(state: State) -> None:
    due(state, spans(1, 2, 3))
    end(state, Exit.TERMINATED)
    assert state.spans["3"].tries == 0
    assert due(state, spans(1, 2, 3)) is not None


def test_a_run_that_is_killed_goes_on_at_once_but_not_for_ever(state: State) -> None:
    there = spans(1, 2, 3)
    for _ in range(3):
        assert due(state, there) is not None
        end(state, None, reason="")
    assert state.spans["3"].state == QUARANTINED
    assert "killed" in state.spans["3"].reason


def test_a_span_older_than_the_window_is_passed_over() -> None:
    state = State()
    due(state, spans(5, 6, 7))
    end(state)
    assert due(state, spans(4, 5, 6, 7)) is None
    assert states(state)["4"] == PASSED


def test_also_very_many_of_them() -> None:
    state = State()
    due(state, spans(5001, 5002, 5003))
    end(state)
    assert due(state, spans(*range(5005))) is not None
    assert states(state)["4999"] == PASSED


def test_a_new_version_of_a_span_takes_the_place_of_the_old_one() -> None:
    state = State()
    first, second = Span(1, 1, "in/1.1"), Span(1, 2, "in/1.2")
    due(state, [first, Span(2, 1, "in/2.1")])
    end(state)
    job = due(state, [first, second, Span(2, 1, "in/2.1")])
    assert job is not None
    assert job.window == ["1/2", "2/1"]
    end(state, Exit.REFUSED)
    job = due(state, [first, second, Span(2, 1, ""), Span(3, 1, "")])
    assert job is not None
    assert job.window == ["1/1", "2/1", "3/1"]


def test_a_finding_starts_one_run_on_the_spans_that_there_are(state: State) -> None:
    job = due(state, spans(1, 2), findings=["traffic-1"])
    assert job is not None
    assert ([*job.tried], job.window) == ([], ["1", "2"])
    assert "traffic-1" in job.why
    end(state, Exit.REFUSED)
    assert due(state, spans(1, 2), findings=["traffic-1"]) is None
    assert due(state, spans(1, 2), findings=["traffic-1", "traffic-2"]) is not None


def test_findings_that_came_together_start_one_run(state: State) -> None:
    names = ["traffic-1", "traffic-2", "traffic-3"]
    job = due(state, spans(1, 2), findings=names)
    assert job is not None
    assert job.why == "finding in the traffic, traffic-3 (and 2 more)"
    end(state)
    assert due(state, spans(1, 2), findings=names) is None


def test_a_finding_waits_for_data() -> None:
    assert due(State(), [], findings=["traffic-1"]) is None


def test_at_the_latest_a_run_starts_after_the_set_time(state: State) -> None:
    assert due(state, spans(1, 2), 23 * HOUR) is None
    job = due(state, spans(1, 2), 24 * HOUR)
    assert job is not None
    assert job.why == "no run for 24 hours"


def test_a_clock_that_went_back_makes_nothing_wait_longer(state: State) -> None:
    due(state, spans(1, 2, 3), 1000 * HOUR)
    end(state, Exit.REFUSED, 1000 * HOUR)
    assert due(state, spans(1, 2, 3), 1 * HOUR) is None
    assert due(state, spans(1, 2, 3), 1 * HOUR + 100) is not None


def test_a_clock_that_went_back_is_no_reason_to_wait_for_years(state: State) -> None:
    due(state, spans(1, 2, 3), 1000 * HOUR)
    end(state, Exit.PUSHED, 1000 * HOUR)
    assert due(state, spans(1, 2, 3), 1 * HOUR) is None
    assert due(state, spans(1, 2, 3), 25 * HOUR) is not None


def test_the_traffic_is_looked_at_as_often_as_was_set(state: State) -> None:
    assert state.is_look_due(SETTINGS, 100 * HOUR)
    state.last_look = 100 * HOUR
    assert not state.is_look_due(SETTINGS, 105 * HOUR)
    assert state.is_look_due(SETTINGS, 106 * HOUR)
    assert state.is_look_due(SETTINGS, 1 * HOUR)
    assert not state.is_look_due(Watch(), 1000 * HOUR)


def test_a_look_that_failed_is_made_up_for_by_the_next_ones(state: State) -> None:
    state.conclude_look(1 * HOUR, SETTINGS, 1 * HOUR, well=True)
    assert not state.conclude_look(2 * HOUR, SETTINGS, 2 * HOUR, well=False)
    assert (state.looked_until, state.last_look) == (1 * HOUR, 2 * HOUR)
    state.conclude_look(3 * HOUR, SETTINGS, 3 * HOUR, well=True)
    assert state.looked_until == 3 * HOUR


def test_what_cannot_be_looked_at_is_passed_over_in_the_end(state: State) -> None:
    looks = [
        state.conclude_look(hour * HOUR, SETTINGS, hour * HOUR, well=False)
        for hour in range(1, 5)
    ]
    assert looks == [False, False, True, False]
    assert state.looked_until == 3 * HOUR


def test_no_two_states_have_runs_of_the_same_name() -> None:
    jobs = [due(State(), spans(1)) for _ in range(2)]
    assert len({job.because for job in jobs if job}) == 2


def test_the_state_is_kept(tmp_path: Path, state: State) -> None:
    file = StateFile(str(tmp_path / "watch"))
    with file.changing() as kept:
        kept.spans = state.spans
        due(kept, spans(1, 2, 3))
    assert states(file.read()) == {"1": DONE, "2": DONE, "3": WAITING}
    job = file.read().job
    assert job is not None
    assert [*job.tried] == ["3"]


def test_what_fails_meanwhile_changes_nothing(tmp_path: Path) -> None:
    file = StateFile(str(tmp_path))

    def change() -> None:
        with file.changing() as state:
            state.jobs = 7
            state.release("1")

    with pytest.raises(BadInputError):
        change()
    assert file.read().jobs == 0


def test_a_full_disk_leaves_what_was_there_and_does_not_gather_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = StateFile(str(tmp_path))

    def change(jobs: int) -> None:
        with file.changing() as kept:
            kept.jobs = jobs

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    change(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for jobs in (2, 3):
            with pytest.raises(OSError, match="No space left"):
                change(jobs)
    assert file.read().jobs == 1
    assert len(os.listdir(tmp_path)) == 3
    change(4)
    assert {*os.listdir(tmp_path)} == {"state.json", ".state.lock"}


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    file = StateFile(str(tmp_path))
    Path(file.path).write_text(json.dumps({"spans": 7}))
    with pytest.raises(
        BadInputError, match=r"state.json: expected the state of `watch`"
    ):
        file.read()
