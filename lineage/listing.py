"""Lists runs, rollbacks and versions together, newest first."""

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
    states = {
        (version.model, version.number): version.state for version in archive.versions
    }

    def state(name: str | None, version: int | None) -> str | None:
        return None if version is None else states.get((name or "", version), "gone")

    # The manifest of a version stays when the artifacts of its run are removed.
    accuracies = {
        (version.model, version.number): _accuracy_of(version)
        for version in archive.versions
    }
    found = []
    explained: set[tuple[str | None, int | None]] = set()
    for run in archive.runs:
        verdict = archive.verdict(run)
        explained.add((run.model, verdict.version))
        kept = accuracy(run)
        if kept is None and verdict.version is not None:
            kept = accuracies.get((run.model or "", verdict.version))
        found.append(
            Entry(
                kind="run",
                when=run.began,
                model=run.model,
                run=run.name,
                pipeline_run=run.id,
                verdict=str(verdict),
                version=verdict.version,
                state=state(run.model, verdict.version),
                test_accuracy=kept,
            )
        )
    for back in archive.rollbacks:
        explained.add((back.model, back.version))
        found.append(
            Entry(
                kind="rollback",
                when=back.at or None,
                model=back.model,
                verdict=f"rolled back to {back.of}",
                version=back.version,
                state=state(back.model, back.version),
            )
        )
    for version in archive.versions:
        if (version.model, version.number) in explained:
            continue
        manifest = version.manifest
        back_to = manifest.rolled_back if manifest else None
        found.append(
            Entry(
                kind="version",
                when=manifest.pushed_at if manifest else None,
                model=version.model,
                run=manifest.run if manifest else None,
                verdict=(
                    f"rolled back to {back_to.of}"
                    if back_to
                    else "pushed"
                    if manifest
                    else "unknown"
                ),
                version=version.number,
                state=state(version.model, version.number),
                test_accuracy=accuracies[version.model, version.number],
            )
        )
    return sorted(
        (entry for entry in found if model in (None, entry.model)),
        key=_newest_first,
    )


def _accuracy_of(version: Version) -> float | None:
    manifest = version.manifest
    return manifest.metrics.test_accuracy if manifest and manifest.metrics else None


def _newest_first(entry: Entry) -> Any:
    """Returns a sort key by time; without a time, by the number of the version."""
    if entry.when is not None:
        return -datetime.fromisoformat(entry.when).timestamp()
    return -float(entry.version or 0)
