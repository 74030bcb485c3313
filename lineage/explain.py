"""Collects the facts about a version or a run from all records."""

import os
from dataclasses import asdict, dataclass, replace
from typing import Any

from contract.errors import BadInputError
from lineage.endings import (
    Result,
    Verdict,
    goes_on,
    judge,
    read_result,
    read_unrecorded,
)
from lineage.records import (
    Push,
    Rollback,
    Run,
    pushed_by,
    read_pushes,
    read_rollbacks,
    read_runs,
)
from lineage.run_facts import facts_of_run
from version_store.decisions import read_decisions
from version_store.inventory import Version, all_versions, several_models
from version_store.manifest import Facts
from version_store.metadata import Store


@dataclass(frozen=True)
class Subject:
    """A version or a run, with all known facts.

    Attributes:
        title: Title for the user.
        about: Its identity and state, by name.
        facts: Its origin; a value of `None` is unknown.
    """

    title: str
    about: dict[str, Any]
    facts: Facts

    def as_json(self) -> dict[str, Any]:
        """Returns the subject as a JSON object, for programs."""
        return {**self.about, "facts": plain(self.facts)}


@dataclass(frozen=True)
class Archive:
    """All records of runs and versions.

    Attributes:
        output: Folder of the runs; None if only models are known.
        runs: Runs, newest first; without a metadata store, only those that ended before
            their first node.
        rollbacks: Rollbacks, newest first; empty without a metadata store.
        pushes: All versions in the metadata store, highest first.
        versions: Versions on disk, highest first.
    """

    output: str | None
    runs: list[Run]
    rollbacks: list[Rollback]
    pushes: list[Push]
    versions: list[Version]

    @classmethod
    def open(
        cls,
        output: str | None,
        models: str,
        store: Store | None,
        config: str | None = None,
    ) -> "Archive":
        """Reads the records."""
        runs = _all_runs(output, store)
        versions = all_versions(models, config) if os.path.isdir(models) else []
        if store is None:
            return cls(output, runs, [], [], versions)
        return cls(output, runs, read_rollbacks(store), read_pushes(store), versions)

    def verdict(self, run: Run) -> Verdict:
        """Returns how a run ended."""
        result = read_result(self.output, run.name)
        alive = goes_on(self.output, run.name)
        for version in self.versions:
            manifest = version.manifest
            if manifest is None or manifest.rolled_back is not None:
                continue
            if run.name is not None and manifest.run == run.name:
                return judge(run, result, version.number, alive)
        return judge(run, result, alive=alive)

    def find(self, name: str, model: str | None = None) -> Subject:
        """Returns the known facts of a version or a run.

        Args:
            name: Number of a version; or the runner's or TFX's name of a run.
            model: Name of its model; None for any model.

        Raises:
            BadInputError: No record has this name.
        """
        if name.isdecimal():
            return self._version(int(name), model)
        for run in self.runs:
            if name in (run.id, run.name) and model in (None, run.model):
                return self._run(run)
        known = [run.name or run.id for run in self.runs[:3]]
        raise BadInputError(
            f"{name}: expected a version's number or a run on record, as "
            f"{', '.join(known) or 'there is none'}"
        )

    def pushing_run(self, model: str, version: int) -> Run | None:
        """Returns the run that pushed a version; None if it is not on record."""
        for run in self.runs:
            if run.model == model and pushed_by(run) == (version, False):
                return run
        return None

    def _version(self, number: int, model: str | None) -> Subject:
        on_disk = [
            version
            for version in self.versions
            if version.number == number and model in (None, version.model)
        ]
        if len(on_disk) > 1:
            raise several_models([version.model for version in on_disk])
        if on_disk:
            return self._of_disk(on_disk[0])
        for push in self.pushes:
            if push.version == number and model in (None, push.model):
                return self._of_record(push)
        there = ", ".join(str(version.number) for version in self.versions[:5])
        raise BadInputError(
            f"version {number}: expected one on disk or on record, found "
            f"{there or 'none'}"
        )

    def _of_disk(self, version: Version) -> Subject:
        manifest = version.manifest
        run = self.pushing_run(version.model, version.model_of)
        # The run may have facts that old manifests do not have.
        is_old = manifest is None or manifest.gates is None
        known = facts_of_run(run) if run and is_old else Facts()
        if manifest is not None:
            said = {key: getattr(manifest, key) for key in Facts.model_fields}
            known = known.updated(**said)
        back = manifest.rolled_back if manifest else None
        about = {
            "kind": "version",
            "version": version.number,
            "model": version.model,
            "state": version.state,
            "path": os.path.abspath(version.path),
            "manifest_version": manifest.manifest_version if manifest else None,
            "pushed_at": manifest.pushed_at if manifest else None,
            "model_digest": manifest.model_digest if manifest else None,
            "pipeline_run": run.id if run else None,
            "files": manifest.files if manifest else None,
        }
        if back:
            about["rolled_back"] = back.model_dump()
        if version.labels:
            about["labels"] = list(version.labels)
        if decided := _decided(version):
            about["decided"] = decided
        if version.problem:
            about["problem"] = version.problem
        return Subject(f"{version.model} version {version.number}", about, known)

    def _of_record(self, push: Push) -> Subject:
        """Returns a version whose folder no longer exists."""
        back = next((r for r in self.rollbacks if r.version == push.version), None)
        run = self.pushing_run(push.model, back.of if back else push.version)
        about = {
            "kind": "version",
            "version": push.version,
            "model": push.model,
            "state": "gone",
            "on_record_as": "live" if push.live else "deleted",
            "path": push.path,
            "pipeline_run": run.id if run else None,
        }
        if back:
            about["rolled_back"] = asdict(back)
        title = f"{push.model} version {push.version}"
        return Subject(title, about, facts_of_run(run) if run else Facts())

    def _run(self, run: Run) -> Subject:
        verdict = self.verdict(run)
        about = {
            "kind": "run",
            "run": run.name,
            "pipeline_run": run.id,
            "model": run.model,
            "started": run.began,
            "verdict": str(verdict),
            "reasons": list(verdict.reasons),
            **({"version": verdict.version} if verdict.version else {}),
            "steps": {node: step.state for node, step in run.steps.items()},
        }
        return Subject(f"run {run.name or run.id}", about, facts_of_run(run))


def _all_runs(output: str | None, store: Store | None) -> list[Run]:
    """Returns the runs on record and those that left only a result, newest first."""
    runs = [] if store is None else read_runs(store)
    if output is None:
        return runs
    # A run that broke in its first node may have no pipeline on record.
    runs = [
        run
        if run.model
        else replace(run, model=(read_result(output, run.name) or Result()).model)
        for run in runs
    ]
    runs += read_unrecorded(output, (run.name for run in runs))
    return sorted(runs, key=lambda run: -run.started)


def plain(facts: Facts) -> dict[str, Any]:
    """Returns facts as a JSON object; the gates are keyed by gate, metric and slice.

    If there was no champion, its values are left out, as they are not unknown.
    """
    content = facts.model_dump(mode="json")
    if facts.champion == "" and content["metrics"] is not None:
        del content["metrics"]["champion_accuracy"]
        for of_class in (content["metrics"]["classes"] or {}).values():
            del of_class["champion"]
    if content["gates"] is not None:
        for gate in content["gates"]:
            # Not every gate compares with a champion.
            if gate["champion"] is None:
                del gate["champion"]
        content["gates"] = {
            " ".join(
                part
                for key in ("gate", "metric", "slice")
                if (part := str(gate.pop(key)))
            ): gate
            for gate in content["gates"]
        }
    return content


def flat(content: dict[str, Any]) -> dict[str, Any]:
    """Returns nested facts with dotted keys (`a.b.c`), in the same order."""
    out: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict) and value:
            out.update({f"{key}.{name}": one for name, one in flat(value).items()})
        else:
            out[key] = value
    return out


def difference(one: Subject, other: Subject) -> dict[str, dict[str, Any]]:
    """Returns the differing facts by dotted key, each with the values `a` and `b`.

    None stands for unknown. A side that does not have the fact at all is left out.
    """
    sides = {"a": flat(one.as_json()), "b": flat(other.as_json())}
    return {
        key: {side: facts[key] for side, facts in sides.items() if key in facts}
        for key in dict.fromkeys((*sides["a"], *sides["b"]))
        if key not in sides["a"]
        or key not in sides["b"]
        or sides["a"][key] != sides["b"][key]
    }


def _decided(version: Version) -> list[str]:
    """Returns the users' decisions about a version's model, without rollbacks."""
    digest = version.manifest.model_digest if version.manifest else None
    return [
        f"{one.what} at {one.at} by {one.by}: {one.reason or 'no reason given'}"
        for one in read_decisions(os.path.dirname(version.path))
        if one.digest == digest and one.rollback is None
    ]
