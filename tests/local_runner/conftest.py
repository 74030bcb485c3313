"""A folder with a run that was started as a user starts it, on real digits.

One run in a separate process makes the state from which most tests start. Each test
gets a copy of it under the same path, as ML Metadata records paths.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tfx.orchestration import metadata

from components.image_example_gen import digits
from components.report.page import Page
from contract import nodes, stopping
from contract.provenance import Provenance
from lineage import cli as lineage
from runner.cli import cli, main
from runner.provenance import find_provenance
from version_store import versions

REPOSITORY = Path(__file__).resolve().parents[2]

NODES = sorted(
    (
        nodes.EXAMPLE_GEN,
        nodes.SCHEMA_GEN,
        nodes.STATISTICS_GEN,
        nodes.EXAMPLE_VALIDATOR,
        nodes.CHAMPION,
        nodes.DATA_REPORT,
        nodes.DATA_GATE,
        nodes.TRANSFORM,
        nodes.TRAINER,
        nodes.EVALUATOR,
        nodes.SERVING_VALIDATOR,
        nodes.MODEL_REPORT,
        nodes.PUSHER,
        nodes.REPORT,
    )
)

ALL_REUSED = {
    **dict.fromkeys(NODES, "cached"),
    # Pusher always runs: it inspects the served version and reports it.
    nodes.PUSHER: "done",
    nodes.REPORT: "done",
}

[METRIC] = re.findall(
    r"^```toml\n(\[\[gates\.metrics\]\]\n.*?)^```",
    (REPOSITORY / "docs" / "your-own-data.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)
"""A metric with a bound, as docs/your-own-data.md prints it."""

CONFIG = f"""
[training]
epochs = 8

[gates]
min_accuracy = 0.9
min_class_accuracy = 0.7

{METRIC}"""


PATIENT = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from contract import start, stopping
stopping._SHOWN_AFTER_SECONDS = stopping._Process.grace = 300.0
start.start("runner.cli")
"""
"""The command line, but with more time to end after a signal than people have to wait.

A busy machine may need longer than that to write the result.
"""


@dataclass(frozen=True)
class Ended:
    """A run that has ended.

    Attributes:
        code: Exit code.
        screen: Its standard output.
        errors: Its standard error.
        result: Its `result.json`; empty if it wrote none.
        pushed: The versions that exist afterwards.
        page: Its page, if the screen names one; else an empty page.
    """

    code: int
    screen: str
    errors: str
    result: dict[str, Any]
    pushed: list[int]
    page: Page

    def verdict(self) -> dict[str, Any]:
        """Returns the verdict at the top of its page."""
        return self.page.sections["verdict"].facts

    def states(self) -> dict[str, str]:
        """Returns the state of each component that it reached."""
        return {step["node"]: step["state"] for step in self.result["components"]}

    def gate(self, metric: str, of_class: str = "") -> dict[str, Any]:
        """Returns a metric's demand, for the whole split or for one class."""
        [gate] = [
            gate
            for gate in self.result["gates"]
            if (gate["metric"], gate["slice"]) == (metric, of_class)
        ]
        return dict(gate)


@dataclass(frozen=True)
class Place:
    """A folder for runs, with its own cache and with arguments of every run."""

    root: Path
    name: str
    arguments: list[str]

    @property
    def output(self) -> Path:
        return self.root / "output"

    def start(self, *more: str, patient: bool = False) -> "subprocess.Popen[str]":
        """Starts a process in a folder that is not the repository; see `PATIENT`."""
        script = str(REPOSITORY / "local_runner.py")
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.root / "cache")}
        return subprocess.Popen(
            [
                sys.executable,
                *(("-c", PATIENT) if patient else (script,)),
                *self.arguments,
                *more,
            ],
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *more: str) -> Ended:
        """Runs in a separate process."""
        process = self.start(*more)
        screen, errors = process.communicate(timeout=280)
        return self.ended(process.returncode, screen, errors)

    def run_until(self, line: str, signum: int) -> Ended:
        """Sends a signal as soon as the screen shows a line with that text."""
        process = self.start(patient=True)
        assert process.stdout is not None
        screen = ""
        for shown in process.stdout:
            screen += shown
            if line in shown:
                process.send_signal(signum)
                break
        rest, errors = process.communicate(timeout=120)
        return self.ended(process.returncode, screen + rest, errors)

    def ended(self, code: int, screen: str, errors: str) -> Ended:
        """Collects the results of the last run."""
        runs = self.output / "runs"
        folders = sorted(runs.iterdir(), key=lambda f: f.stat().st_ctime_ns)
        result = folders[-1] / "result.json" if folders else None
        content = json.loads(result.read_text()) if result and result.exists() else {}
        pushed = versions.list_versions(str(self.output / "models" / self.name))
        shown = re.findall("^  report (/.*)$", screen, re.MULTILINE)
        page = Page.parse(Path(shown[0]).read_text()) if shown else Page("")
        return Ended(code, screen, errors, content, pushed, page)

    def executions(self, state: int) -> int:
        """Returns the number of executions in a state, from ML Metadata."""
        connection = metadata.sqlite_metadata_connection_config(
            str(self.output / "metadata.sqlite")
        )
        with metadata.Metadata(connection) as handle:
            return sum(
                execution.last_known_state == state
                for execution in handle.store.get_executions()
            )


def scans_in(root: Path) -> Place:
    """Makes a folder with real digits as a user's IDX files, and a configuration."""
    digits.write(str(root / "data"))
    (root / "run.toml").write_text(CONFIG)
    arguments = ["--data", "data", "--model", "scans", "--config", "run.toml"]
    return Place(root, "scans", arguments)


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A folder that many tests share."""
    return scans_in(tmp_path_factory.mktemp("scans"))


@pytest.fixture(scope="session")
def origin() -> Provenance:
    """The checkout and the environment before the first run."""
    return find_provenance()


@pytest.fixture(scope="session")
def first(scans: Place, origin: Provenance) -> Ended:
    """The first run in that folder."""
    ended = scans.run()
    shutil.copytree(scans.output, scans.root / "saved", symlinks=True)
    return ended


@pytest.fixture(scope="session")
def saved(first: Ended, scans: Place) -> Path:
    """The output folder as the first run left it; never changed."""
    return scans.root / "saved"


def restore(scans: Place) -> None:
    shutil.rmtree(scans.output)
    shutil.copytree(scans.root / "saved", scans.output, symlinks=True)


Run = Callable[..., Ended]


@pytest.fixture
def run_in(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[Place], Run]:
    """Returns a function that runs in this process, in a folder."""

    def run_in(place: Place) -> Run:
        monkeypatch.chdir(place.root)
        monkeypatch.setenv("XDG_CACHE_HOME", str(place.root / "cache"))
        # The process to be ended is the one that runs the tests.
        monkeypatch.setattr(stopping._Process, "grace", 300.0)

        def run(*more: str) -> Ended:
            capfd.readouterr()
            arguments = ["local_runner.py", *place.arguments, *more]
            monkeypatch.setattr("sys.argv", arguments)
            with pytest.raises(SystemExit) as caught:
                main()
            screen, errors = capfd.readouterr()
            assert isinstance(caught.value.code, int)
            return place.ended(caught.value.code, screen, errors)

        return run

    return run_in


@pytest.fixture
def run_here(scans: Place, saved: Path, run_in: Callable[[Place], Run]) -> Run:
    """Runs in this process, from the state after the first run."""
    restore(scans)
    return run_in(scans)


Ask = Callable[..., Any]


@pytest.fixture
def ask(
    scans: Place,
    saved: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Ask:
    """Runs `lineage` or `why`, from the state after the first run."""
    restore(scans)
    monkeypatch.chdir(scans.root)
    monkeypatch.setenv("XDG_CACHE_HOME", str(scans.root / "cache"))

    def ask(*arguments: str) -> Any:
        capfd.readouterr()
        program = cli if arguments[0] == "why" else lineage.cli
        program.main([*arguments, "--json"], standalone_mode=False)
        return json.loads(capfd.readouterr().out)

    return ask
