"""The command line: its output, and one line for each error."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import notifying
from tests.receiver import receiving
from tests.serving.server.running import free_port
from tests.version_store.pushing import MODEL, make_store, push
from version_store import rollout
from version_store.cli import main
from version_store.serving_config import STABLE, serving

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command on the output folder; returns code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        given = ["models", *arguments]
        if "--output" not in arguments and "--models" not in arguments:
            given += ["--output", str(output)]
        monkeypatch.setattr("sys.argv", given)
        with pytest.raises(SystemExit) as caught:
            main()
        code = caught.value.code
        assert isinstance(code, int)
        return (code, *capsys.readouterr())

    return run


def test_list_tells_what_is_served_and_what_was(run: Run, models: Path) -> None:
    old, new = push(models, "old"), push(models, "new")
    code, printed, _ = run("list")
    lines = printed.splitlines()
    assert code == 0
    assert lines[0].split()[:4] == ["model", "version", "pushed", "state"]
    assert lines[1].split()[:2] == [MODEL, str(new)]
    assert "served" in lines[1]
    assert lines[2].split()[:2] == [MODEL, str(old)]
    assert "kept" in lines[2]
    assert "0.9800" in lines[2]
    assert "scans-of-old" in lines[2]


def test_list_for_programs(run: Run, models: Path) -> None:
    old = push(models, "old")
    push(models, "new")
    run("rollback", "--reason", "worse")

    code, printed, _ = run("list", "--json")

    newest, *_, oldest = json.loads(printed)
    assert code == 0
    assert (newest["served"], oldest["served"]) == (True, False)
    assert newest["rolled_back"]["of"] == oldest["version"] == old
    assert newest["rolled_back"]["reason"] == "worse"
    folder = models / MODEL / str(old)
    assert oldest["bytes"] == sum(
        path.stat().st_size for path in folder.rglob("*") if path.is_file()
    )
    assert oldest["test_accuracy"] == 0.98
    assert oldest["path"] == str(folder)


def test_a_rollback_is_told_to_whom_the_environment_names(
    run: Run, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = push(models, "old"), push(models, "new")
    with receiving() as receiver:
        monkeypatch.setenv(notifying.ADDRESSES, receiver.address)
        monkeypatch.setenv(notifying.KINDS_VARIABLE, "promoted,withdrawn")
        code, _, _ = run("rollback", "--reason", "worse")
    assert code == 0
    [message] = receiver.messages
    assert message["title"] == f"{MODEL} version {new}: withdrawn"
    what, why = message["message"].splitlines()
    assert what.startswith(f"{MODEL}: back to version {old}, served as ")
    assert why == "worse"


def test_a_kind_that_there_is_not_is_refused_before_anything_is_done(
    run: Run, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(models, "old"), push(models, "new")
    monkeypatch.setenv(notifying.KINDS_VARIABLE, "rollbacks")
    code, _, errors = run("rollback", "--reason", "worse")
    assert code == 2
    assert "NOTIFY_KINDS: rollbacks: expected one of pushed, refused" in errors
    assert len(list((models / MODEL).glob("[0-9]*"))) == 2


def test_names_and_paths_are_printed_as_they_are(run: Run, models: Path) -> None:
    """`[digits]` is markup of the printing library, and `:dog:` is an emoji."""
    for name in ("my [digits]", "[red]mine", "a :dog: model"):
        (models / name / "7").mkdir(parents=True)
        (models / name / "7/saved_model.pb").write_text("graph")
        (models / name / "7/manifest.json").write_text("{")
        code, printed, _ = run("list", "--name", name)
        assert code == 0
        assert printed.splitlines()[1].startswith(name)
        assert f"{models / name}/7/manifest.json" in printed
        assert run("verify", "--name", name)[1].startswith(f"{name} version 7: ")
        pruned = run("prune", "--keep", "1", "--name", name)
        assert pruned == (0, f"{name}: nothing to remove\n", "")


def test_what_nobody_may_enter_stops_nothing(
    run: Run, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An example is `lost+found` at the top of a volume."""
    push(models)
    (models / "lost+found").mkdir()
    listdir = os.listdir

    def refuse(path: str) -> list[str]:
        if str(path).endswith("lost+found"):
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    for command in (["list"], ["verify"], ["prune", "--keep", "3"]):
        code, _, errors = run(*command)
        assert (code, errors) == (0, "")


def test_allow_says_what_may_be_pushed_again(run: Run, models: Path) -> None:
    push(models, "old")
    new = push(models, "new")
    run("rollback", "--reason", "worse")
    [held] = [v for v in json.loads(run("list", "--json")[1]) if v["held_back"]]
    assert held["version"] == new

    allowed = run("allow", str(new), "--reason", "the camera was at fault")

    assert allowed == (0, f"scans: version {new} may be pushed again\n", "")
    assert not any(v["held_back"] for v in json.loads(run("list", "--json")[1]))
    code, printed, errors = run("allow", str(new), "--reason", "again")
    assert (code, printed) == (2, "")
    assert errors == (
        f"error: {new}: expected a version or digest that was rolled back from or "
        "withdrawn, found "
        "none\n"
    )


def test_a_pinned_version_is_served_and_stays(
    run: Run, models: Path, tmp_path: Path
) -> None:
    old, new = push(models, "old"), push(models, "new")
    config = tmp_path / "models.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "{MODEL}" model_version_policy '
        f"{{ specific {{ versions: {old} }} }} }} }}"
    )
    given = ("--config", str(config))
    found = json.loads(run("list", *given, "--json")[1])
    assert {v["version"]: v["served"] for v in found} == {old: True, new: False}
    pruned = run("prune", "--keep", "1", *given)
    assert pruned == (0, f"scans: removed version {new}\n", "")


def test_what_a_version_does_not_say_is_unknown(run: Run, models: Path) -> None:
    (models / MODEL / "7").mkdir(parents=True)
    (models / MODEL / "7/saved_model.pb").write_text("graph")
    _, printed, _ = run("list")
    assert printed.splitlines()[1].split().count("unknown") == 3
    [known] = json.loads(run("list", "--json")[1])
    assert (known["run"], known["pushed_at"], known["test_accuracy"]) == (None,) * 3


def test_rollback_tells_what_is_served_now(run: Run, models: Path) -> None:
    old, new = push(models, "old"), push(models, "new")
    code, printed, errors = run("rollback")
    made = json.loads(run("list", "--json")[1])[0]["version"]
    assert (code, errors) == (0, "")
    assert printed.splitlines()[0] == (
        f"scans: version {old} is served again, as version {made}, instead of {new}"
    )
    assert "not recorded: no metadata store lies beside the models" in printed


@pytest.mark.parametrize("by", ["--output", "--models"])
def test_a_rollback_is_recorded_in_the_store_beside_the_models(
    run: Run, output: Path, models: Path, by: str
) -> None:
    store = make_store(output / "metadata.sqlite")
    push(models, "old")
    push(models, "new")
    code, printed, _ = run("rollback", by, str(output if by == "--output" else models))
    assert code == 0
    assert "not recorded" not in printed
    assert len(store.get_executions_by_type("Rollback")) == 1


def test_verify_ends_with_1_when_something_was_changed(run: Run, models: Path) -> None:
    old, new = push(models, "old"), push(models, "new")
    assert run("verify")[0] == 0
    (models / MODEL / str(old) / "saved_model.pb").write_text("other")

    code, printed, _ = run("verify")

    assert code == 1
    assert printed.splitlines() == [
        f"scans version {new}: as pushed (4 files and the manifest)",
        f"scans version {old}: saved_model.pb: changed",
    ]
    assert run("verify", str(new))[0] == 0
    results = json.loads(run("verify", "--json")[1])
    assert [one["ok"] for one in results] == [True, False]
    assert results[1]["problems"] == [{"file": "saved_model.pb", "what": "changed"}]


@pytest.mark.parametrize(
    "lost", [["saved_model.pb"], ["saved_model.pb", "manifest.json"]]
)
def test_verify_finds_a_version_that_no_server_takes_for_one(
    run: Run, models: Path, lost: list[str]
) -> None:
    number = push(models)
    for name in lost:
        (models / MODEL / str(number) / name).unlink()
    for arguments in ([], [str(number)], ["--name", MODEL]):
        code, printed, _ = run("verify", *arguments)
        assert code == 1
        assert f"{MODEL} version {number}: saved_model.pb: missing\n" in printed


def test_prune_says_what_it_removes(run: Run, models: Path) -> None:
    old, new = push(models, "old"), push(models, "new")
    would = run("prune", "--keep", "1", "--dry-run")
    assert would == (0, f"scans: would remove version {old}\n", "")
    done = run("prune", "--keep", "1")
    assert done == (0, f"scans: removed version {old}\n", "")
    assert run("prune", "--keep", "1") == (0, "scans: nothing to remove\n", "")
    [left] = json.loads(run("list", "--json")[1])
    assert left["version"] == new


def test_models_elsewhere_as_on_a_volume(run: Run, models: Path) -> None:
    push(models, "old")
    push(models, "new")
    code, printed, _ = run("rollback", "--models", str(models), "--json")
    assert code == 0
    assert json.loads(printed)["recorded"] is False


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rollback", "5"], "version 5: expected one under {models}"),
        (
            ["rollback", "--model", "no"],
            "--model no: expected a model under {models}, ",
        ),
        (["prune"], "Missing option '--keep'."),
        (["allow", "5"], "Missing option '--reason'."),
        (
            ["withdraw", "--reason", " "],
            "Invalid value for '--reason': expected a text",
        ),
        (["list", "--config", "no"], "no: expected a server's model configuration, "),
        (["prune", "--keep", "0"], "Invalid value for '--keep': 0 is not in the"),
        (["rollback", "x"], "Invalid value for '[VERSION]': 'x' is not a valid"),
        (["list", "--output", "nowhere"], "nowhere/models: expected a folder with"),
        (
            ["rollback", "--metadata", "nowhere.sqlite"],
            "nowhere.sqlite: expected a metadata store, found: No such file",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Run, models: Path, arguments: list[str], expected: str
) -> None:
    push(models, "old")
    push(models, "new")
    code, printed, errors = run(*arguments)
    assert (code, printed, errors.count("\n")) == (2, "", 1)
    assert errors.startswith("error: " + expected.format(models=models))


def test_where_there_are_several_models_it_asks_which(run: Run, models: Path) -> None:
    push(models, "old")
    (models / "others/7").mkdir(parents=True)
    (models / "others/7/saved_model.pb").write_text("graph")
    code, _, errors = run("prune", "--keep", "1")
    assert (code, errors) == (
        2,
        "error: --model: expected the name of a model, as there are others, scans: "
        "add --model others to the command, or another of them\n",
    )
    for option in ("--model", "--name"):
        assert run("prune", "--keep", "1", option, "others")[0] == 0


def test_a_number_names_the_model_that_has_it(run: Run, models: Path) -> None:
    old, new = push(models, "old"), push(models, "new")
    (models / "others/7").mkdir(parents=True)
    (models / "others/7/saved_model.pb").write_text("graph")
    assert run("rollback", str(old), "--reason", "worse")[0] == 0
    allowed = run("allow", str(new), "--reason", "the camera was at fault")
    assert allowed == (0, f"scans: version {new} may be pushed again\n", "")
    code, _, errors = run("allow", str(new), "--reason", "again")
    assert (code, "add --model others" in errors) == (2, True)


class TestTrial:
    """The commands set labels; no server runs that could confirm them."""

    @pytest.fixture
    def on_trial(self, models: Path) -> tuple[int, int]:
        """The stable version, and the one that is loaded as the canary."""
        stable = push(models, "old")
        base = str(models / MODEL)
        rollout.put(base, STABLE, stable)
        canary = push(models, "new")
        rollout.load(base, canary)
        return stable, canary

    def test_list_says_which_is_which(
        self, run: Run, on_trial: tuple[int, int]
    ) -> None:
        _, printed, _ = run("list", "--json")
        labels = {one["version"]: one["labels"] for one in json.loads(printed)}
        assert labels == {on_trial[0]: ["stable"], on_trial[1]: []}

    @pytest.mark.parametrize("command", [["canary"], ["promote", "--reason", "why"]])
    def test_without_a_server_nothing_is_labelled(
        self, run: Run, models: Path, on_trial: tuple[int, int], command: list[str]
    ) -> None:
        address = f"127.0.0.1:{free_port()}"
        code, printed, errors = run(*command, "--server", address)
        assert (code, printed) == (2, "")
        assert errors.endswith(
            f"version {on_trial[1]}: no server answers at {address}: give "
            "the right address with --server, or the setting push.server\n"
        )
        assert serving(str(models / MODEL)).stable == on_trial[0]

    def test_a_withdrawal_needs_none(self, run: Run, on_trial: tuple[int, int]) -> None:
        code, printed, _ = run("withdraw", "--reason", "worse")
        assert (code, printed) == (0, f"{MODEL}: stable {on_trial[0]}, no canary\n")
        code, printed, _ = run("list")
        assert "withdrawn" in printed.splitlines()[1]
