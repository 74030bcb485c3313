"""Removes artifacts and folders of earlier runs that nothing needs any more."""

import glob
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from lineage.endings import RUN_ENDING
from lineage.records import Run, read_runs
from runner.workspace import DATA_ENDING, Workspace
from version_store.inventory import all_versions
from version_store.metadata import PUSHED_MODEL, Store, open_store
from version_store.versions import folder_size


@dataclass(frozen=True)
class Cleaned:
    """What was removed or would be; `size` is the sum of the folders in bytes.

    `links` are the workspace's links to data sets; the data itself stays.
    """

    artifacts: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    kept_runs: list[str] = field(default_factory=list)
    size: int = 0


def clean(workspace: Workspace, keep: int, *, dry_run: bool) -> Cleaned:
    """Removes everything except what the newest runs of each model made or reused.

    Versions stay: each carries its manifest, card and statistics, so that its origin
    stays readable. The log and the report of a run also stay while the version that it
    pushed exists. ML Metadata keeps its records and marks the removed artifacts as
    deleted.

    Args:
        workspace: The workspace, locked by the caller.
        keep: How many runs, and how many monitoring runs, of each model stay whole.
        dry_run: Whether to change nothing.
    """
    old_looks = list(_old_looks(workspace, keep))
    if not os.path.exists(workspace.metadata):
        return _removed(Cleaned(runs=old_looks), dry_run=dry_run)
    store = open_store(workspace.metadata, read_only=dry_run)
    runs = read_runs(store)
    kept = list(_newest(runs, keep))
    needed = {
        artifact.id
        for run in kept
        for step in run.steps.values()
        for some in (*step.inputs.values(), *step.outputs.values())
        for artifact in some
    }
    gone = [
        artifact
        for artifact in _artifacts(store, workspace.all_artifacts)
        if artifact.id not in needed
    ]
    found_at = (_place(artifact, workspace.all_artifacts) for artifact in gone)
    folders = [folder for folder in found_at if os.path.isdir(folder)]
    folders += _working_folders(workspace, store, kept)
    if gone and not dry_run:
        # The store is updated first: a leftover folder without a record does no harm.
        for artifact in gone:
            artifact.state = metadata_store_pb2.Artifact.DELETED
        store.put_artifacts(gone)
    found = Cleaned(
        sorted(folders),
        sorted([*_old_runs(workspace, runs, kept), *old_looks]),
        sorted(_unused_links(workspace, kept)),
        [run.name or run.id for run in kept],
    )
    return _removed(found, dry_run=dry_run)


def _removed(found: Cleaned, *, dry_run: bool) -> Cleaned:
    """Removes the folders, except in a dry run; returns them with their size."""
    folders = (*found.artifacts, *found.runs)
    size = sum(map(folder_size, folders))
    if not dry_run:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        for link in found.links:
            _remove_links(link)
    return replace(found, size=size)


def _old_looks(workspace: Workspace, keep: int) -> Iterator[str]:
    """Yields the folders of all but the newest monitoring runs of each model.

    Such a folder contains the run's own metadata store; nothing else refers to it.
    """
    seen: Counter[str] = Counter()
    by_name = {os.path.basename(path): path for path in _runs(workspace.monitoring)}
    for name in sorted(by_name, reverse=True):
        model = RUN_ENDING.sub("", name)
        seen[model] += 1
        if seen[model] > keep:
            yield by_name[name]


def _newest(runs: list[Run], keep: int) -> Iterator[Run]:
    """Yields the newest runs of each model; expects the runs newest first."""
    seen: Counter[str | None] = Counter()
    for run in runs:
        seen[run.model] += 1
        if seen[run.model] <= keep:
            yield run


def _artifacts(store: Store, root: str) -> Iterator[Any]:
    """Yields the artifacts below a folder that the store does not mark as deleted.

    The store has the paths at which they were made. After a move of the whole output
    folder they are known by their place in it, whose last part is the number of an
    execution in this store. Leaves out those that stand for versions: their folders
    are empty, and their state says whether the version exists.
    """
    versions = {artifact.id for artifact in store.get_artifacts_by_type(PUSHED_MODEL)}
    for artifact in store.get_artifacts():
        is_gone = artifact.state == metadata_store_pb2.Artifact.DELETED
        below = os.path.normpath(artifact.uri).startswith(root + os.sep)
        is_here = below or os.path.isdir(_place(artifact, root))
        if is_here and not is_gone and artifact.id not in versions:
            yield artifact


def _place(artifact: Any, root: str) -> str:
    """Returns the folder of an artifact by TFX's layout below a folder.

    It is `<name>/<node>/<output>/<execution>`.
    """
    parts = os.path.normpath(artifact.uri).split(os.sep)[-4:]
    return os.path.join(root, *parts)


def _unused_links(workspace: Workspace, kept: list[Run]) -> Iterator[str]:
    """Yields the links to data sets that no kept run has read.

    A run with such data makes its link again.
    """
    read = {
        value
        for run in kept
        for step in run.steps.values()
        for value in step.parameters.values()
        if isinstance(value, str)
    }
    for name in _names(workspace.all_data):
        link = os.path.join(workspace.all_data, name)
        needed = any(value == link or value.startswith(link + os.sep) for value in read)
        if DATA_ENDING.search(name) and _is_of_links(link) and not needed:
            yield link


def _is_of_links(path: str) -> bool:
    """Tells whether it is a link, or a folder with nothing but links in it."""
    within = (os.path.join(path, name) for name in _names(path))
    return os.path.islink(path) or (
        os.path.isdir(path) and all(map(os.path.islink, within))
    )


def _remove_links(path: str) -> None:
    """Removes a link, or a folder with nothing but links in it."""
    if os.path.islink(path):
        os.unlink(path)
        return
    for name in _names(path):
        os.unlink(os.path.join(path, name))
    os.rmdir(path)


def _names(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def _working_folders(workspace: Workspace, store: Store, kept: list[Run]) -> list[str]:
    """Returns TFX's working folders of executions that belong to no kept run.

    They lie beside a node's outputs, in `<name>/<node>/.system/<kind>/<execution>`.
    """
    numbers = {
        str(execution.id)
        for run in kept
        for context in [store.get_context_by_type_and_name("pipeline_run", run.id)]
        for execution in store.get_executions_by_context(context.id)
    }
    layout = os.path.join(glob.escape(workspace.all_artifacts), "*/*/.system/*/*/")
    folders = map(os.path.normpath, glob.glob(layout))
    return [one for one in folders if os.path.basename(one) not in numbers]


def _old_runs(workspace: Workspace, runs: list[Run], kept: list[Run]) -> Iterator[str]:
    """Yields the folders of runs that are neither kept nor the origin of a version."""
    names = {run.name for run in kept}
    if os.path.isdir(workspace.all_models):
        names |= {
            version.manifest.run
            for version in all_versions(workspace.all_models)
            if version.manifest
        }
    if not runs:
        return
    for folder in _runs(workspace):
        if os.path.basename(folder) not in names:
            yield folder


def _runs(workspace: Workspace) -> list[str]:
    """Returns the folders of runs, without folders that a user put there."""
    paths = (os.path.join(workspace.runs, name) for name in _names(workspace.runs))
    return [
        path
        for path in paths
        if RUN_ENDING.search(path) and os.path.isdir(path) and not os.path.islink(path)
    ]
