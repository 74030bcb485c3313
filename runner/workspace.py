"""Defines the layout of the output folder, and locks it for one run at a time.

<root>/metadata.sqlite       ML Metadata: every run, artifact and parameter
<root>/artifacts/<name>/     outputs of the components
<root>/models/<name>/<n>/    pushed versions; a server watches this folder
<root>/runs/<run>/           log and result of one run
<root>/data/                 links to data sets, named after their content
<root>/monitoring/           a workspace for the monitoring runs
<root>/metrics.prom          metrics of all runs for Prometheus
<root>/watch/<name>/         state and log of `local_runner.py watch`
"""

import glob
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from filelock import FileLock, Timeout

from components.image_example_gen.spans import Span, links
from contract.errors import BadInputError
from lineage.endings import LOCK_FILE
from runner.folders import check_path
from version_store.sqlite_file import highest_execution

DATA_ENDING = re.compile(r"-[0-9a-f]{16}(\.tmp(-\d+)?)?$")
"""End of the name of a link to data, after the model's name: the start of the data's
fingerprint. A killed run may leave one with `.tmp`."""

BUSY = "in use by another run"
"""Part of the message about a workspace that is locked."""


@dataclass(frozen=True)
class Workspace:
    """The folder that all output of the local runner goes to.

    Attributes:
        root: Absolute path.
    """

    root: str

    @property
    def metadata(self) -> str:
        """Path of the ML Metadata database."""
        return os.path.join(self.root, "metadata.sqlite")

    @property
    def all_artifacts(self) -> str:
        """Folder with the pipeline root of every model name."""
        return os.path.join(self.root, "artifacts")

    @property
    def all_models(self) -> str:
        """Folder with the versions of every model name."""
        return os.path.join(self.root, "models")

    @property
    def all_data(self) -> str:
        """Folder with the links to data sets."""
        return os.path.join(self.root, "data")

    def artifacts(self, name: str) -> str:
        """Returns the pipeline root for a model name."""
        return os.path.join(self.all_artifacts, name)

    def models(self, name: str) -> str:
        """Returns the folder of a model's versions."""
        return os.path.join(self.all_models, name)

    @property
    def runs(self) -> str:
        """Folder with the folders of all runs."""
        return os.path.join(self.root, "runs")

    def run(self, run: str) -> str:
        """Returns the folder of a run."""
        return os.path.join(self.runs, run)

    @property
    def monitoring(self) -> "Workspace":
        """The workspace of `local_runner.py monitor`."""
        return Workspace(os.path.join(self.root, "monitoring"))

    def watcher(self, name: str) -> str:
        """Returns the folder of the watcher for a model."""
        return os.path.join(self.root, "watch", name)

    def check(self) -> None:
        """Checks that a run can use the folder without mixing artifacts.

        Raises:
            BadInputError: The path cannot be used, or the database does not belong to
                the artifacts in the folder.
        """
        check_path(self.root, "--output")
        for folder in (self.all_artifacts, self.all_models, self.runs):
            if os.path.lexists(folder) and not os.path.isdir(folder):
                raise BadInputError(
                    f"{folder}: expected a folder, found something else, or a link to "
                    "nothing: move it away"
                )
        highest = _highest_number(self.all_artifacts)
        if not os.path.lexists(self.metadata):
            if highest:
                raise BadInputError(
                    f"{self.metadata}: missing, while artifacts of earlier runs are in "
                    f"{self.all_artifacts}: new ones would be mixed with them: bring "
                    "the database back, or move that folder away"
                )
            return
        try:
            given = highest_execution(self.metadata)
        except BadInputError as error:
            raise BadInputError(
                f"{error}: bring the database back, or move {self.root} away"
            ) from error
        if given < highest:
            raise BadInputError(
                f"{self.metadata}: expected the database of the runs whose artifacts "
                f"are in {self.all_artifacts}, found an older or another one: its last "
                f"execution is {given}, and theirs is {highest}: bring the database "
                "back, or move that folder away"
            )

    def new_run(self, name: str, moment: datetime) -> str:
        """Makes the folder of a new run; returns the run's name."""
        first = f"{name}-{moment:%Y%m%d-%H%M%S}"
        for run in (first, *(f"{first}-{count}" for count in range(2, 1000))):
            try:
                os.makedirs(self.run(run))
            except FileExistsError:
                if os.path.isdir(self.run(run)):
                    continue
                raise
            return run
        raise BadInputError(f"{self.run(first)}: expected no run of that second there")

    @contextmanager
    def running(self, run: str) -> Iterator[None]:
        """Holds the lock by which `lineage` knows that a run goes on."""
        with FileLock(os.path.join(self.run(run), LOCK_FILE)):
            yield

    def data_link(self, name: str, fingerprint: str, spans: Sequence[Span] = ()) -> str:
        """Returns the path that `link_data` gives to a data set."""
        link = os.path.join(self.all_data, f"{name}-{fingerprint[:16]}")
        return os.path.join(link, links(spans)[0]) if spans else link

    def link_data(
        self, name: str, path: str, fingerprint: str, spans: Sequence[Span] = ()
    ) -> str:
        """Links the data under a path that depends on its content; returns the path.

        TFX caches by path. With this link, a moved or repacked data set keeps its
        path, and another data set under the old path gets a new one. For data in
        spans, the path is a pattern for links to exactly these spans, so that a span
        which arrives during the run is not in it.
        """
        if spans:
            return self._link_spans(name, fingerprint, spans)
        link = self.data_link(name, fingerprint)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        beside = _unfinished(link)
        os.symlink(os.path.abspath(path), beside)
        os.replace(beside, link)
        return link

    def _link_spans(self, name: str, fingerprint: str, spans: Sequence[Span]) -> str:
        folder = self.data_link(name, fingerprint)
        beside = _unfinished(folder)
        os.makedirs(beside)
        for link, path in links(spans)[1].items():
            os.symlink(os.path.abspath(path), os.path.join(beside, link))
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(beside, folder)
        return self.data_link(name, fingerprint, spans)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the workspace for one run; the end of the process frees it as well.

        Raises:
            BadInputError: Another run holds the lock, or the folder cannot be written
                to.
        """
        lock = FileLock(os.path.join(self.root, ".lock"))
        try:
            os.makedirs(self.root, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise BadInputError(
                f"{self.root}: {BUSY}: wait for it, or choose another "
                "folder with --output"
            ) from None
        except OSError as error:
            raise BadInputError(
                f"{self.root}: cannot be written to: {error.strerror}"
            ) from error
        try:
            yield
        finally:
            lock.release()


def _unfinished(path: str) -> str:
    """Returns a path for something that gets its own name later; removes a killed one.

    Only one run at a time uses the workspace. In a container each has the same number.
    """
    beside = f"{path}.tmp"
    if os.path.islink(beside):
        os.unlink(beside)
    shutil.rmtree(beside, ignore_errors=True)
    return beside


def _highest_number(artifacts: str) -> int:
    """Returns the highest number of an execution that has outputs; 0 if none has.

    TFX's layout is `<name>/<node>/<output>/<execution>`.
    """
    found = glob.glob(os.path.join(*"****"), root_dir=artifacts)
    names = [os.path.basename(path) for path in found]
    return max((int(name) for name in names if name.isdecimal()), default=0)
