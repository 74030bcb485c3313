"""Lists runs, rollbacks and versions together, newest first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lineage.explain import Archive
from lineage.run_facts import accuracy
from version_store.inventory import Version


@dataclass(frozen=True)
class Entry:
    """An entry of the list.

    Attributes:
        kind: `run`, `rollback`, or `version` for a version on disk that no recorded run
            or rollback made.
        when: Time in UTC, ISO 8601; None if it is unknown.
        model: Name of the model.
        run: The runner's name of the run.
        pipeline_run: ML Metadata's name of the run.
        verdict: How it ended, in words.
        version: Version that is the result.
        state: State of this version: `gone`, or `Version.state`.
        test_accuracy: Keras' accuracy of the model on the test split.
    """

    kind: str
    when: str | None
    model: str | None
    verdict: str
    version: int | None
    state: str | None
    run: str | None = None
    pipeline_run: str | None = None
    test_accuracy: float | None = None


def entries(archive: Archive, model: str | None = None) -> list[Entry]:
    """Returns the entries of all records."""
    there = {(version.model, version.number): version for version in archive.versions}
    found = [*_of_runs(archive, there), *_of_rollbacks(archive, there)]
    explained = {(entry.model, entry.version) for entry in found}
    found += [
        _of_version(version) for key, version in there.items() if key not in explained
    ]
    return sorted(
        (entry for entry in found if model in (None, entry.model)),
        key=_newest_first,
    )


_There = Mapping[tuple[str, int], Version]
"""The versions on disk, by model and number."""


def _of_runs(archive: Archive, there: _There) -> Iterator[Entry]:
    for run in archive.runs:
        verdict = archive.verdict(run)
        number, version = verdict.version, None
        if number is not None:
            version = there.get((run.model or "", number))
        kept = accuracy(run)
        # A version's manifest stays when the artifacts of its run are removed.
        if kept is None and version is not None and version.manifest is not None:
            kept = version.manifest.test_accuracy
        yield Entry(
            kind="run",
            when=run.began,
            model=run.model,
            run=run.name,
            pipeline_run=run.id,
            verdict=str(verdict),
            version=number,
            state=None if number is None else _state(version),
            test_accuracy=kept,
        )


def _of_rollbacks(archive: Archive, there: _There) -> Iterator[Entry]:
    for back in archive.rollbacks:
        yield Entry(
            kind="rollback",
            when=back.at or None,
            model=back.model,
            verdict=f"rolled back to {back.of}",
            version=back.version,
            state=_state(there.get((back.model, back.version))),
        )


def _of_version(version: Version) -> Entry:
    """Returns the entry of a version that no recorded run or rollback made."""
    manifest = version.manifest
    verdict = "unknown"
    if manifest is not None:
        back = manifest.rolled_back
        verdict = f"rolled back to {back.of}" if back else "pushed"
    return Entry(
        kind="version",
        when=manifest.pushed_at if manifest else None,
        model=version.model,
        run=manifest.run if manifest else None,
        verdict=verdict,
        version=version.number,
        state=version.state,
        test_accuracy=manifest.test_accuracy if manifest else None,
    )


def _state(version: Version | None) -> str:
    return "gone" if version is None else version.state


def _newest_first(entry: Entry) -> Any:
    """Returns a sort key by time; without a time, by the number of the version."""
    if entry.when is not None:
        return -datetime.fromisoformat(entry.when).timestamp()
    return -float(entry.version or 0)
