"""NumPy arrays under the names that are in use."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from components.image_example_gen.hints import Hints
from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from tests.components.image_example_gen.forms.letters import letters

TRAIN, TEST = np.array([0, 1, 2, 0, 1, 2, 2, 1]), np.array([2, 1, 0])
X_TRAIN, X_TEST = letters(TRAIN.tolist()), letters(TEST.tolist(), seed=1)

SPELLINGS = {
    "Keras'": ("x_train", "y_train", "x_test", "y_test"),
    "capital": ("X_train", "y_train", "X_test", "y_test"),
    "MedMNIST's": ("train_images", "train_labels", "test_images", "test_labels"),
    "the other way round": ("train_x", "train_y", "test_x", "test_y"),
    "camels": ("trainImages", "trainLabels", "testImages", "testLabels"),
    "targets": ("train_data", "train_targets", "test_data", "test_targets"),
}


def expected(folder: Path) -> str:
    path = folder / "expected.npz"
    np.savez(path, x_train=X_TRAIN, y_train=TRAIN, x_test=X_TEST, y_test=TEST)
    return open_source(str(path)).fingerprint()


def arrays(names: tuple[str, str, str, str]) -> dict[str, Any]:
    return dict(zip(names, (X_TRAIN, TRAIN, X_TEST, TEST), strict=True))


@pytest.mark.parametrize("names", SPELLINGS.values(), ids=list(SPELLINGS))
def test_an_npz_may_spell_its_keys_in_any_customary_way(
    tmp_path: Path, names: tuple[str, str, str, str]
) -> None:
    path = tmp_path / "letters.npz"
    np.savez(path, **arrays(names))
    assert open_source(str(path)).fingerprint() == expected(tmp_path)


def test_arrays_may_be_files_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    for name, array in arrays(SPELLINGS["Keras'"]).items():
        np.save(folder / f"{name}.npy", array)
    assert open_source(str(folder)).fingerprint() == expected(tmp_path)


def test_an_npz_for_each_array_is_named_by_its_file(tmp_path: Path) -> None:
    """KMNIST's files are so: `kmnist-train-imgs.npz` has one array, `arr_0`."""
    folder = tmp_path / "kmnist"
    folder.mkdir()
    names = ("train-imgs", "train-labels", "test-imgs", "test-labels")
    for name, array in arrays(names).items():
        np.savez(folder / f"kmnist-{name}.npz", array)
    (folder / "kmnist_classmap.csv").write_text(
        "index,codepoint,char\n0,U+304A,お\n1,U+304D,き\n2,U+3059,す\n"
    )
    source = open_source(str(folder))
    assert source.labelling.classes == ("お", "き", "す")
    assert source.train.count == 8
    assert source.test.count == 3


def test_an_npz_for_each_part(tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    np.savez(folder / "train.npz", images=X_TRAIN, labels=TRAIN)
    np.savez(folder / "test.npz", images=X_TEST, labels=TEST)
    assert open_source(str(folder)).fingerprint() == expected(tmp_path)


def test_without_a_test_part_all_is_to_train_on(tmp_path: Path) -> None:
    path = tmp_path / "letters.npz"
    np.savez(path, images=X_TRAIN, labels=TRAIN)
    assert list(open_source(str(path)).parts) == ["train"]


def test_a_validation_part_is_eval_beside_a_test_part_and_test_without(
    tmp_path: Path,
) -> None:
    validation = {"val_images": X_TEST, "val_labels": TEST}
    with_test = tmp_path / "with.npz"
    np.savez(with_test, **arrays(SPELLINGS["MedMNIST's"]), **validation)
    assert list(open_source(str(with_test)).parts) == ["train", "eval", "test"]
    without = tmp_path / "without.npz"
    np.savez(without, train_images=X_TRAIN, train_labels=TRAIN, **validation)
    source = open_source(str(without))
    assert list(source.parts) == ["train", "test"]
    assert "validation part" in source.notices[0]


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        pytest.param(lambda a: a[..., None], (12, 9), id="one channel"),
        pytest.param(lambda a: a.astype(np.int64), (12, 9), id="wide numbers"),
        pytest.param(lambda a: a.reshape(len(a), -1), (12, 9), id="rows"),
        pytest.param(
            lambda a: np.stack([a, a, a], axis=1), (12, 9, 3), id="channels first"
        ),
        pytest.param(
            lambda a: np.stack([a, a, a], axis=-1), (12, 9, 3), id="channels last"
        ),
    ],
)
def test_images_may_stand_in_any_customary_way(
    tmp_path: Path, change: Any, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "letters.npz"
    np.savez(path, x=change(X_TRAIN), y=TRAIN)
    source = open_source(str(path), Hints(image_size="9x12"))
    assert source.shape == shape
    ((images, _),) = source.blocks("train")
    grey = images if len(shape) == 2 else images[..., 1]
    np.testing.assert_array_equal(grey, X_TRAIN)


def test_yes_and_no_are_white_and_black(tmp_path: Path) -> None:
    path = tmp_path / "letters.npz"
    np.savez(path, x=X_TRAIN > 99, y=TRAIN)
    ((images, _),) = open_source(str(path)).blocks("train")
    np.testing.assert_array_equal(images, np.where(X_TRAIN > 99, 255, 0))


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(np.array(["a", "b", "c"])[TRAIN], id="texts"),
        pytest.param(np.array(["a", "b", "c"])[TRAIN][:, None], id="a column of texts"),
    ],
)
def test_labels_may_be_texts(tmp_path: Path, labels: np.ndarray) -> None:
    path = tmp_path / "letters.npz"
    np.savez(path, x=X_TRAIN, y=labels)
    source = open_source(str(path))
    assert source.labelling.classes == ("a", "b", "c")
    assert source.labels("train").tolist() == TRAIN.tolist()


def test_labels_may_be_whole_numbers_written_as_floats(tmp_path: Path) -> None:
    path = tmp_path / "letters.npz"
    np.savez(path, x=X_TRAIN, y=TRAIN.astype(np.float64))
    assert open_source(str(path)).labels("train").tolist() == TRAIN.tolist()
    np.savez(path, x=X_TRAIN, y=TRAIN + 0.5)
    with pytest.raises(BadInputError, match=r"expected whole numbers or texts"):
        open_source(str(path)).labels("train")


def test_an_array_of_names_names_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "letters.npz"
    np.savez(path, x=X_TRAIN, y=TRAIN, classes=np.array(["A", "B", "C", "D"]))
    assert open_source(str(path)).labelling.classes == ("A", "B", "C", "D")


def test_an_npz_without_names_is_told_by_its_dimensions(tmp_path: Path) -> None:
    """`np.savez(path, x, y)` writes such a file."""
    np.savez(tmp_path / "a.npz", X_TRAIN, TRAIN)
    assert open_source(str(tmp_path / "a.npz")).labels("train").tolist() == list(TRAIN)


def test_labels_may_be_a_column_for_each_class(tmp_path: Path) -> None:
    path = tmp_path / "letters.npz"
    names = arrays(SPELLINGS["Keras'"])
    one_hot = {name: np.eye(3)[names[name]] for name in ("y_train", "y_test")}
    np.savez(path, **{**names, **one_hot})
    assert open_source(str(path)).fingerprint() == expected(tmp_path)


def test_an_array_for_each_class_is_named_by_its_file(tmp_path: Path) -> None:
    """Quick, Draw! has such files: rows of pixels, one class in a file."""
    square = letters(TRAIN.tolist(), width=12)
    for label, name in enumerate(("ant", "bee", "cat")):
        rows = square[label == TRAIN].reshape(-1, 144)
        np.save(tmp_path / f"full_numpy_bitmap_{name}.npy", rows)
    source = open_source(str(tmp_path))
    assert source.labelling.classes == ("ant", "bee", "cat")
    assert source.labelling.counts["train"].tolist() == [2, 3, 3]
    ((images, labels),) = source.blocks("train")
    np.testing.assert_array_equal(images[labels == 2], square[TRAIN == 2])


@pytest.mark.parametrize(
    "names",
    [
        ("train_set_x", "train_set_y", "test_set_x", "test_set_y"),
        ("train/data", "train/target", "test/data", "test/target"),
    ],
)
def test_hdf5(tmp_path: Path, names: tuple[str, str, str, str]) -> None:
    path = tmp_path / "letters.h5"
    with h5py.File(path, "w") as file:
        for name, array in arrays(names).items():
            file[name] = array
        file["list_classes"] = np.array([b"ant", b"bee", b"cat"])
    source = open_source(str(path))
    assert source.labelling.classes == ("ant", "bee", "cat")
    np.testing.assert_array_equal(next(source.blocks("test"))[0], X_TEST)


def test_matlab_as_svhn_has_it(tmp_path: Path) -> None:
    """In SVHN the images' axis is the last one, and labels begin at 1."""
    for part, images, labels in (("train", X_TRAIN, TRAIN), ("test", X_TEST, TEST)):
        colour = np.stack([images] * 3, axis=-1)
        content = {"X": np.moveaxis(colour, 0, -1), "y": labels[:, np.newaxis] + 1}
        scipy.io.savemat(tmp_path / f"{part}_32x32.mat", content)
    source = open_source(str(tmp_path))
    assert source.shape == (*X_TRAIN.shape[1:], 3)
    np.testing.assert_array_equal(next(source.blocks("test"))[0][..., 1], X_TEST)
    assert source.labels("train").tolist() == list(TRAIN)


def test_matlab_as_emnist_has_it(tmp_path: Path) -> None:
    square = letters(TRAIN.tolist(), width=12)
    part = {"images": square.reshape(len(TRAIN), -1), "labels": TRAIN[:, np.newaxis]}
    path = tmp_path / "emnist-letters.mat"
    part["writers"] = TRAIN[:, np.newaxis] + 500
    scipy.io.savemat(path, {"dataset": {"train": part, "test": part}})
    source = open_source(str(path))
    assert source.labels("test").tolist() == list(TRAIN)


@pytest.mark.parametrize("name", ["a.h5", "a.mat"])
def test_what_is_no_such_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(BadInputError, match=f"{name}: expected an? .*, found: "):
        open_source(str(tmp_path))
