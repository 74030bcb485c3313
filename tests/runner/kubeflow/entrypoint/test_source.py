"""The pod finds the data set in a place that it can read."""

from pathlib import Path

import pytest

from components.image_example_gen import mirrors
from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from runner.kubeflow.entrypoint import contract
from runner.kubeflow.entrypoint.source import locate


def test_a_path_on_a_volume_is_itself(tmp_path: Path) -> None:
    assert locate(str(tmp_path), "unused") == str(tmp_path)


def test_a_uri_is_where_the_launcher_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract, "_LOCAL_ROOTS", {"s3://": f"{tmp_path}/"})
    (tmp_path / "bucket" / "mnist").mkdir(parents=True)
    assert locate("s3://bucket/mnist", "unused") == f"{tmp_path}/bucket/mnist"


def test_the_digits_come_with_the_image(tmp_path: Path) -> None:
    path = locate("digits", str(tmp_path))
    assert Path(path).is_relative_to(tmp_path)
    assert open_source(path).test.count == 360


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("/data/none", "missing: expected mnist, digits, the URI of an object store"),
        ("gs://none/x", "missing: expected KFP's launcher to have fetched it"),
    ],
)
def test_what_is_not_there(data: str, problem: str) -> None:
    with pytest.raises(BadInputError) as caught:
        locate(data, "unused")
    assert str(caught.value).startswith(f"{data}: {problem}")


def test_a_cluster_without_internet_is_told_what_to_compile_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(folder: str) -> None:
        raise mirrors.MirrorsUnreachableError("mirror.example: no connection")

    monkeypatch.setattr(mirrors, "download", unreachable)
    with pytest.raises(BadInputError) as caught:
        locate("mnist", str(tmp_path))
    assert str(caught.value).startswith(
        "mnist: no mirror answers from this pod (mirror.example: no connection): "
    )
    assert "compile the pipeline again with --data /data/..." in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_which_spans_there_are_is_seen_in_the_pod(tmp_path: Path) -> None:
    assert locate(f"{tmp_path}/{{SPAN}}", "unused") == f"{tmp_path}/{{SPAN}}"
