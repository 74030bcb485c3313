"""The highest version is served, or those that the configuration names."""

from pathlib import Path

import pytest

from contract.errors import BadInputError
from tests.version_store.pushing import MODEL, push
from version_store.inventory import list_versions
from version_store.operations import prune, rollback
from version_store.serving_config import serving_of

NUMBERS = [5, 7, 9, 11]


def write(folder: Path, policy: str, name: str = MODEL) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / "models.config"
    path.write_text(
        'model_config_list { config { name: "others" base_path: "/models/others" } '
        f'config {{ name: "{name}" base_path: "/models/{name}" {policy} }} }}'
    )
    return str(path)


def served_of(
    models: Path, numbers: list[int], config: str | None = None
) -> frozenset[int]:
    return serving_of(str(models / MODEL), numbers, config).versions


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("", {11}),
        ("model_version_policy { latest { num_versions: 2 } }", {9, 11}),
        ("model_version_policy { latest { } }", {11}),
        ("model_version_policy { all { } }", {5, 7, 9, 11}),
        ("model_version_policy { specific { versions: 7 } }", {7}),
        ("model_version_policy { specific { versions: 7 versions: 8 } }", {7}),
        (
            "model_version_policy { specific { versions: 7 versions: 9 } } "
            'version_labels { key: "stable" value: 7 } '
            'version_labels { key: "canary" value: 9 }',
            {7, 9},
        ),
        ('version_labels { key: "stable" value: 5 }', {5, 11}),
    ],
)
def test_it_is_what_the_policy_and_the_labels_name(
    tmp_path: Path, policy: str, served: set[int]
) -> None:
    assert served_of(tmp_path, NUMBERS, write(tmp_path, policy)) == served


def test_without_a_configuration_it_is_the_highest(tmp_path: Path) -> None:
    assert served_of(tmp_path, NUMBERS) == {11}
    assert served_of(tmp_path, []) == frozenset()


def test_of_a_model_that_it_does_not_have_nothing_is_served(tmp_path: Path) -> None:
    named = write(tmp_path / "elsewhere", "", "more")
    assert served_of(tmp_path, NUMBERS, named) == frozenset()


def test_the_one_beside_the_models_says_nothing_of_others(tmp_path: Path) -> None:
    write(tmp_path, "model_version_policy { specific { versions: 7 } }", "more")
    assert served_of(tmp_path, NUMBERS) == {11}


def test_the_one_beside_the_models_is_found(tmp_path: Path) -> None:
    write(tmp_path, "model_version_policy { specific { versions: 7 } }")
    assert served_of(tmp_path, NUMBERS) == {7}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "expected a server's model configuration, found: No such file"),
        (b"models {", "expected a ModelServerConfig in text format, found: "),
        (b"\xff", "expected a ModelServerConfig in text format, found: "),
    ],
)
def test_one_that_cannot_be_read_is_one_line(
    tmp_path: Path, content: bytes | None, found: str
) -> None:
    path = tmp_path / "models.config"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        served_of(tmp_path, NUMBERS, str(path))
    assert str(caught.value).startswith(f"{path}: {found}")


class TestPinned:
    """A pinned version is not pruned; a rollback starts from it."""

    @pytest.fixture
    def pushed(self, models: Path) -> list[int]:
        return [push(models, name) for name in "abcd"]

    @pytest.fixture
    def config(self, tmp_path: Path, pushed: list[int]) -> str:
        pins = f"specific {{ versions: {pushed[1]} }}"
        return write(tmp_path, f"model_version_policy {{ {pins} }}")

    def test_the_list_says_what_is_served(
        self, models: Path, pushed: list[int], config: str
    ) -> None:
        found = list_versions(str(models), MODEL, config)
        assert [v.number for v in found if v.served] == [pushed[1]]

    def test_it_is_not_pruned(
        self, models: Path, pushed: list[int], config: str
    ) -> None:
        prune(str(models), MODEL, 2, None, dry_run=False, config=config)
        left = [version.number for version in list_versions(str(models), MODEL)]
        assert left == [pushed[3], pushed[1]]

    def test_the_rollback_is_from_it(
        self, models: Path, pushed: list[int], config: str
    ) -> None:
        done = rollback(str(models), MODEL, None, "why", None, config)
        assert done.served_before.number == pushed[1]
        assert done.source.number == pushed[0]
        assert not done.made.served

    def test_a_configuration_for_other_models_prunes_nothing(
        self, models: Path, pushed: list[int], tmp_path: Path
    ) -> None:
        config = write(tmp_path, "", "more")
        with pytest.raises(BadInputError, match="names no existing version"):
            prune(str(models), MODEL, 1, None, dry_run=False, config=config)
        assert len(list_versions(str(models), MODEL)) == 4
