"""Each day of a week in small ends as docs/a-week-in-production.md says."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from docs.week_in_production import DEAD_ADDRESS, MODEL
from runner.watch_state import StateFile
from tests.docs.small_week import DAYS, Day
from version_store.decisions import WITHDRAWN, read_decisions
from version_store.serving_config import serving

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(600)
"""The first test plays the week: 85 s of processor time, longer on a busy machine."""


@dataclass(frozen=True)
class Played:
    """The folder of the played week's runs, and its days by name."""

    output: Path
    days: dict[str, Day]

    @property
    def models(self) -> str:
        return str(self.output / "models" / MODEL)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Plays the week; see `small_week`."""
    root = tmp_path_factory.mktemp("week")
    command = [sys.executable, "-m", "tests.docs.small_week", str(root)]
    subprocess.run(command, cwd=ROOT, check=True)
    days = json.loads((root / DAYS).read_text())
    return Played(root / "output", {name: Day(**day) for name, day in days.items()})


def test_on_monday_the_first_span_is_pushed_and_nothing_is_found(
    played: Played,
) -> None:
    day = played.days["monday"]
    [run], [look] = day.runs, day.looks
    assert [run["pushed"]["version"]] == day.pushed
    assert run["because"].endswith("span 1 complete")
    assert (look["exit_code"], look["findings"]) == (0, [])
    [version] = look["traffic"]["versions"]
    assert (version["version"], version["pictures"]) == (str(day.pushed[0]), 200)
    assert day.told == [f"{MODEL} version {day.pushed[0]}: pushed"]


def test_on_tuesday_a_damaged_span_is_set_aside_and_the_next_is_learnt(
    played: Played,
) -> None:
    day = played.days["tuesday"]
    [run], [look] = day.runs, day.looks
    [version] = day.pushed
    assert run["because"].endswith("span 3 complete")
    manifest = json.loads(
        (Path(played.models) / str(version) / "manifest.json").read_text()
    )
    assert manifest["split"]["spans"] == ["1", "3"]
    [before] = played.days["monday"].pushed
    of_before = f"from the weights of version {before}"
    assert manifest["training"]["warm_start"] == of_before
    spans = StateFile(str(played.output / "watch" / MODEL)).read().spans
    assert spans["2"].state == "quarantined"
    assert "incoming/2/digits.npz: expected a zip archive" in spans["2"].reason
    assert day.told == [f"{MODEL}: failed", f"{MODEL} version {version}: pushed"]
    assert (look["exit_code"], look["findings"]) == (0, [])


def test_on_wednesday_turned_pictures_are_found_and_the_estimate_is_not_trusted(
    played: Played,
) -> None:
    day = played.days["wednesday"]
    [look] = day.looks
    assert look["exit_code"] == 3
    found = {one["metric"]: one for one in look["findings"]}
    assert found["novel_share"]["value"] > 0.5
    assert found["share_change"]
    [version] = look["traffic"]["versions"]
    assert not version["estimate"]["trusted"]
    assert day.told == [f"{MODEL}: finding"]


def test_on_thursday_replay_refuses_what_disagrees_and_shows_it(
    played: Played,
) -> None:
    day = played.days["thursday"]
    [run] = day.runs
    assert (run["exit_code"], day.pushed) == (3, [])
    refused = {(of["gate"], of["slice"]) for of in run["gates"] if of["refused"]}
    assert {("Replay", "4"), ("Replay", "9")} <= refused
    assert {gate for gate, _ in refused} == {"Replay"}
    assert day.told == [f"{MODEL}: refused"]
    page = Path(run["report"])
    linked = re.findall(r'src="(request-pictures/[^"]+)"', page.read_text())
    assert linked
    assert all((page.parent / path).is_file() for path in linked)


def test_on_friday_a_dead_notifier_stops_nothing_and_is_in_the_log(
    played: Played,
) -> None:
    day = played.days["friday"]
    [run] = day.runs
    assert (run["exit_code"], day.told) == (0, [])
    assert [run["pushed"]["version"]] == day.pushed
    log = (played.output / "runs" / run["run"] / "run.log").read_text()
    assert "notify: pushed: address 1 (JSON) was not told: " in log
    assert DEAD_ADDRESS not in log


def test_on_saturday_a_canary_is_judged_and_withdrawn_and_stays_away(
    played: Played,
) -> None:
    day, [stable] = played.days["saturday"], played.days["friday"].pushed
    trial, again = day.runs
    [canary] = day.pushed
    assert trial["pushed"]["label"] == "canary"
    assert trial["replay_left_out"].startswith("Replay is left out: ")
    [look] = day.looks
    judged = {one["version"]: one["pictures"] for one in look["traffic"]["versions"]}
    assert judged == {str(stable): 200, str(canary): 200}
    decision = read_decisions(played.models)[-1]
    assert (decision.what, decision.version) == (WITHDRAWN, canary)
    labelled = serving(played.models)
    assert (labelled.stable, labelled.canary) == (stable, None)
    assert again["exit_code"] == 3
    assert "Pusher: version" in again["reasons"][0]
    assert "Trainer" not in {step["node"] for step in again["components"]}
    assert day.told == [
        f"{MODEL} version {canary}: pushed",
        f"{MODEL} version {canary}: withdrawn",
        f"{MODEL}: refused",
    ]


def test_on_sunday_the_labels_give_the_true_accuracy_of_both_versions(
    played: Played,
) -> None:
    day = played.days["sunday"]
    [look] = day.looks
    assert look["exit_code"] == 0
    for version in look["traffic"]["versions"]:
        assert sum(version["truth"]["rows"]) == 200
        off = version["truth"]["accuracy"] - version["estimate"]["value"]
        assert abs(off) < 0.05
