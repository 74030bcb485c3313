"""Runs the contenders of the comparison and checks that they train the same."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pipeline.inputs import Inputs
from benchmarks.pipeline.measurements import Facts, Measured
from benchmarks.pipeline.process import ROOT, Usage, run
from benchmarks.pipeline.runlog import Span, spans
from contract.errors import BrokenError
from pipeline.training.settings import Training

NOTEBOOK, STOCK = "notebook", "stock"
PIPELINE, EARLIER = "pipeline", "earlier"

ALL = (NOTEBOOK, STOCK, PIPELINE, EARLIER)

START_UP, ENDING = "(start-up)", "(ending)"


@dataclass(frozen=True, slots=True)
class Bench:
    """The inputs that all contenders of a round share.

    Attributes:
        inputs: The data in all formats.
        epochs: Number of epochs of every training.
        folder: Folder of this round, empty at its beginning.
        earlier: Another checkout of this project, for the contender `EARLIER`.
    """

    inputs: Inputs
    epochs: int
    folder: Path
    earlier: Path | None = None

    @property
    def steps(self) -> int:
        """Expected number of training steps."""
        return self.epochs * _batches(self.inputs.rows["train"])

    def measure(self, contender: str) -> Measured:
        """Runs a contender; returns its time and resources.

        The libraries' files are read before. A system may give up file pages that
        nobody has read for a minute (Linux' DAMON), and the contender after a long one
        would wait for the disk.

        Raises:
            BrokenError: The contender failed, or did not do the expected training.
        """
        self._run("imports", ["-c", "import runner.local"])
        if contender == NOTEBOOK:
            measured = self._notebook()
        elif contender == STOCK:
            measured = self._stock()
        elif contender == PIPELINE:
            measured = self._pipeline(PIPELINE, ROOT)
        else:
            assert self.earlier is not None, "the command line asks for it"
            measured = self._pipeline(EARLIER, self.earlier)
        _check(contender, measured.facts, self.steps)
        return measured

    def _notebook(self) -> Measured:
        facts = self.folder / "notebook.json"
        usage = self._run(
            NOTEBOOK,
            [
                *("-m", "benchmarks.pipeline.notebook"),
                f"--data={self.inputs.npz}",
                f"--facts={facts}",
                f"--epochs={self.epochs}",
            ],
        )
        return _measured(usage, facts)

    def _stock(self) -> Measured:
        facts, output = self.folder / "stock.json", self.folder / "stock"
        output.mkdir()
        rows = self.inputs.rows
        usage = self._run(
            STOCK,
            [
                *("-m", "benchmarks.pipeline.stock.pipeline"),
                f"--records={self.inputs.records}",
                f"--output={output}",
                f"--facts={facts}",
                f"--epochs={self.epochs}",
                f"--steps={_batches(rows['train'])}",
                f"--eval-steps={_batches(rows['eval'])}",
            ],
            # Otherwise the first import decides what `tf.keras` is; TFX needs Keras 2.
            {"TF_USE_LEGACY_KERAS": "1"},
        )
        return _measured(usage, facts, _spans(self.folder / "stock.log"))

    def _pipeline(self, name: str, tree: Path) -> Measured:
        usage = self._run(
            name,
            [
                "local_runner.py",
                f"--data={self.inputs.data}",
                f"--output={self.folder / name}",
                f"--epochs={self.epochs}",
                *self._bounds(),
            ],
            tree=tree,
        )
        facts = self.folder / f"{name}.json"
        [model_run] = self.folder.glob(f"{name}/artifacts/*/Trainer/model_run/*")
        run(
            [
                *(sys.executable, "-m", "benchmarks.pipeline.trained"),
                f"--run={model_run}",
                f"--facts={facts}",
            ],
            self.folder / "trained.log",
        )
        [log] = self.folder.glob(f"{name}/runs/*/run.log")
        return _measured(usage, facts, _spans(log))

    def _run(
        self,
        name: str,
        arguments: list[str],
        variables: Mapping[str, str] | None = None,
        tree: Path = ROOT,
    ) -> Usage:
        log = self.folder / f"{name}.log"
        command = [sys.executable, "-W", "ignore", *arguments]
        return run(command, log, variables, tree)

    def _bounds(self) -> list[str]:
        """Returns flags that lower the gates' bounds for a trial with few epochs."""
        whole = self.epochs >= Training().epochs
        # The second flag has its name of version 0.1, which `EARLIER` may be.
        return [] if whole else ["--min-accuracy=0.5", "--min-digit-accuracy=0.2"]


def _check(contender: str, facts: Facts, steps: int) -> None:
    expected = {
        "steps": steps,
        "parameters": 104_938,
        "optimizer": "Adam",
        "learning_rate": 0.001,
    }
    for what, value in expected.items():
        found = getattr(facts, what)
        if found != value:
            raise BrokenError(f"{contender}: expected {what} {value}, found {found}")


def _batches(rows: int) -> int:
    return -(-rows // 32)


def _spans(log: Path) -> list[Span]:
    with log.open(errors="replace") as lines:
        return spans(lines)


def _measured(usage: Usage, facts: Path, found: Sequence[Span] = ()) -> Measured:
    parts: list[Span] = []
    if found:
        ended = usage.started + usage.seconds
        parts = [
            Span(START_UP, usage.started, min(span.start for span in found)),
            *found,
            Span(ENDING, max(span.end for span in found), ended),
        ]
    return Measured(
        seconds=usage.seconds,
        cpu_seconds=usage.cpu_seconds,
        peak_mb=usage.peak_mb,
        components={span.node: span.seconds for span in parts},
        components_cpu={n.node: usage.cpu_between(n.start, n.end) for n in parts},
        facts=Facts.model_validate_json(facts.read_bytes()),
    )
