"""An npz as a data set: the arrays that it must have, and its integrity."""

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from tests.components.datasets import Dataset, refusal


def test_a_file_that_is_called_npz_and_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mnist.npz"
    path.write_bytes(b"nothing of the kind")
    assert refusal(path) == (
        f"{path}: expected a zip archive (a npz is one), found a file that is no zip "
        "archive"
    )


def without(dataset: Dataset, key: str) -> dict[str, Any]:
    return {name: a for name, a in dataset.arrays().items() if name != key}


@pytest.mark.parametrize(
    ("key", "change", "reason"),
    [
        pytest.param(
            "y_test",
            None,
            "missing array: expected y_test, found x_test, x_train, y_train",
            id="missing array",
        ),
        pytest.param(
            "x_train",
            lambda a: a.astype(np.float32) / 255,
            "x_train: expected numbers from 0 to 255, as in ",
            id="scaled already, in one part only",
        ),
        pytest.param(
            "x_train",
            lambda a: a.astype(np.int64) + 200,
            "x_train: expected whole numbers from 0 to 255, found ",
            id="too large",
        ),
        pytest.param(
            "x_train",
            np.asfortranarray,
            "x_train: expected numbers (or texts) in C order, found uint8 in Fortran",
            id="Fortran order",
        ),
        pytest.param(
            "x_test",
            lambda a: a.reshape(-1, 784)[:, :783],
            "x_test: wrong image size: expected the numbers of a square image, found "
            "783 a row: say what they are with --image-size",
            id="rows that are no square",
        ),
        pytest.param(
            "y_test",
            lambda a: np.eye(10, dtype=np.uint8)[a] | np.eye(10, dtype=np.uint8)[0],
            "y_test: expected one class for each image, found several, or none, in row",
            id="several classes for an image",
        ),
        pytest.param(
            "y_test",
            lambda a: a[0],
            "y_test: no records: expected at least 1, found shape ()",
            id="one number",
        ),
        pytest.param(
            "x_train",
            lambda a: a[:0],
            "x_train: no records: expected at least 1, found shape (0, 28, 28)",
            id="no records",
        ),
        pytest.param(
            "y_train",
            lambda a: a[:-1],
            "y_train: counts differ: expected 50 values for the images in x_train, "
            "found 49",
            id="counts differ",
        ),
        pytest.param(
            "y_train",
            lambda a: a.astype(object),
            "y_train: expected numbers (or texts) in C order, found Python objects",
            id="Python objects",
        ),
    ],
)
def test_an_npz_with_other_arrays_is_refused(
    dataset: Dataset,
    tmp_path: Path,
    key: str,
    change: Callable[[np.ndarray], np.ndarray] | None,
    reason: str,
) -> None:
    arrays = without(dataset, key)
    if change:
        arrays[key] = change(dataset.arrays()[key])
    path = tmp_path / "mnist.npz"
    np.savez(path, **arrays)
    message = refusal(path)
    assert message.startswith((f"{path}: {reason}", f"{path}[{key}]: {reason}"))


def rewrite(path: Path, name: str, edit: Callable[[bytes], bytes]) -> None:
    """Replaces the bytes of one member of an archive, with matching checksums."""
    with zipfile.ZipFile(path) as archive:
        members = {info: archive.read(info) for info in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, edit(content) if member == name else content)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(
            lambda b: b[:-3],
            "x_test: truncated: expected 15,680 bytes, found 15,677",
            id="three bytes short",
        ),
        pytest.param(
            lambda b: b + b"\0",
            "x_test: over-long: expected 15,680 bytes, found more",
            id="one byte too many",
        ),
        pytest.param(lambda b: b[:4], "x_test: expected an array, found: ", id="cut"),
        pytest.param(lambda b: b"", "x_test: expected an array, found: ", id="empty"),
        pytest.param(
            lambda b: b.replace(b"'fortran_order'", b"'fortran_odor '"),
            "x_test: expected an array, found: ",
            id="another header",
        ),
        pytest.param(
            lambda b: b.replace(b"(20, 28, 28)", b"(-9, 28, 28)"),
            "x_test: no records: expected at least 1, found shape (-9, 28, 28)",
            id="a negative count",
        ),
        pytest.param(
            lambda b: b.replace(b"(20, 28, 28), ", b"(20, 28, 28)((("),
            "x_test: expected an array, found: ",
            id="a header that is no literal",
        ),
    ],
)
def test_a_damaged_array_is_refused(
    dataset: Dataset, tmp_path: Path, edit: Callable[[bytes], bytes], reason: str
) -> None:
    path = tmp_path / "mnist.npz"
    np.savez(path, **dataset.arrays())
    rewrite(path, "x_test.npy", edit)
    assert refusal(path).startswith(f"{path}: {reason}")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_an_npz_that_is_cut_is_no_archive(
    dataset: Dataset, tmp_path: Path, kept: float
) -> None:
    path = tmp_path / "mnist.npz"
    np.savez(path, **dataset.arrays())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    assert refusal(path) == (
        f"{path}: expected a zip archive (a npz is one), found a file that is no zip "
        "archive"
    )


@pytest.fixture(scope="module", params=[np.savez, np.savez_compressed])
def npz(
    request: pytest.FixtureRequest,
    dataset: Dataset,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, bytes, str]:
    """A path to write to, the bytes of a small npz, and its fingerprint."""
    few = Dataset(*(array[:2] for array in dataset.files().values()))
    path = tmp_path_factory.mktemp("npz") / "mnist.npz"
    request.param(path, **few.arrays())
    return path, path.read_bytes(), open_source(str(path)).fingerprint()


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_flipped_bit_in_an_npz_reads_as_another_data_set(
    npz: tuple[Path, bytes, str], where: float, bit: int
) -> None:
    path, whole, fingerprint = npz
    damaged = bytearray(whole)
    damaged[int(where * len(whole))] ^= 1 << bit
    path.write_bytes(damaged)
    try:
        found = open_source(str(path)).fingerprint()
    except BadInputError as refused:
        assert str(refused).startswith(str(path))  # noqa: PT017
        assert "\n" not in str(refused)  # noqa: PT017
    else:
        assert found == fingerprint


def test_a_label_that_is_no_number_is_told_without_a_warning(
    dataset: Dataset, tmp_path: Path
) -> None:
    labels = dataset.train_labels.astype(float)
    labels[3] = np.nan
    path = tmp_path / "nan.npz"
    np.savez(path, **(dataset.arrays() | {"y_train": labels}))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(BadInputError, match=r"y_train: expected whole .*found nan"):
            open_source(str(path)).fingerprint()
