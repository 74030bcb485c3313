"""The four IDX files are found under any name, in any place."""

import gzip
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen.hints import Hints
from components.image_example_gen.source import Source, open_source
from contract.errors import BadInputError
from tests.components.image_example_gen.forms.letters import idx_bytes, letters

TRAIN, TEST = [0, 1, 2, 0, 1, 2, 2, 1], [2, 1, 0]
CONTENT = {
    ("train", "images"): idx_bytes(letters(TRAIN)),
    ("train", "labels"): idx_bytes(np.array(TRAIN)),
    ("test", "images"): idx_bytes(letters(TEST, seed=1)),
    ("test", "labels"): idx_bytes(np.array(TEST)),
}

Name = Callable[[str, str], str]

NAMES: dict[str, Name] = {
    "MNIST's": lambda part, kind: (
        f"{'t10k' if part == 'test' else part}-{kind}-idx{_dimensions(kind)}-ubyte"
    ),
    "with a dot": lambda part, kind: f"{part}-{kind}.idx{_dimensions(kind)}-ubyte",
    "with a prefix": lambda part, kind: (
        f"emnist-letters-{part}-{kind}-idx{_dimensions(kind)}-ubyte.gz"
    ),
    "in folders of their own name": lambda part, kind: (
        f"{part}-{kind}-idx{_dimensions(kind)}-ubyte/"
        f"{part}-{kind}-idx{_dimensions(kind)}-ubyte"
    ),
    "in a folder for each part": lambda part, kind: (
        f"{part}/{kind}.idx{_dimensions(kind)}-ubyte"
    ),
}


def _dimensions(kind: str) -> int:
    return 3 if kind == "images" else 1


def packed(name: str, content: bytes) -> bytes:
    return gzip.compress(content) if name.endswith(".gz") else content


def write(folder: Path, name: Name = NAMES["MNIST's"]) -> Path:
    for (part, kind), content in CONTENT.items():
        path = folder / name(part, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed(path.name, content))
    return folder


def contents(source: Source, part: str) -> tuple[np.ndarray, list[int]]:
    images, labels = zip(*source.blocks(part), strict=True)
    return np.concatenate(images), np.concatenate(labels).tolist()


def refusal(path: Path, hints: Hints | None = None) -> str:
    with pytest.raises(BadInputError) as caught:
        open_source(str(path), hints).fingerprint()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_the_files_may_have_any_names_that_say_what_they_are(
    tmp_path: Path, name: Name
) -> None:
    source = open_source(str(write(tmp_path, name)))
    assert source.shape == (12, 9)
    images, labels = contents(source, "train")
    np.testing.assert_array_equal(images, letters(TRAIN))
    assert labels == TRAIN
    assert contents(source, "test")[1] == TEST


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_they_may_lie_in_a_zip_with_what_a_mac_puts_there(
    tmp_path: Path, name: Name
) -> None:
    path = tmp_path / "letters.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for (part, kind), content in CONTENT.items():
            member = name(part, kind)
            archive.writestr(f"gzip/{member}", packed(member, content))
            archive.writestr(f"__MACOSX/gzip/._{member}", b"\0\5\x16\7")
    in_folder = open_source(str(write(tmp_path / "folder")))
    assert open_source(str(path)).fingerprint() == in_folder.fingerprint()


def test_a_file_that_is_there_packed_and_unpacked_is_read_once(tmp_path: Path) -> None:
    folder = write(tmp_path)
    fingerprint = open_source(str(folder)).fingerprint()
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert open_source(str(folder)).fingerprint() == fingerprint


def test_several_data_sets_in_one_place_are_told_apart_by_a_prefix(
    tmp_path: Path,
) -> None:
    """EMNIST's zip has six data sets."""
    for prefix in ("emnist-letters", "emnist-digits"):
        write(tmp_path, partial("{0}-{1}-{2}-idx-ubyte".format, prefix))
    assert "--prefix" in refusal(tmp_path)
    source = open_source(str(tmp_path), Hints(prefix="emnist-letters"))
    assert source.train.images_name.endswith("emnist-letters-train-images-idx-ubyte")
    assert "'nothing-so'" in refusal(tmp_path, Hints(prefix="nothing-so"))


def test_emnists_transposition_is_undone_on_demand(tmp_path: Path) -> None:
    folder = write(tmp_path)
    source = open_source(str(folder), Hints(transpose=True))
    assert source.shape == (9, 12)
    upright = letters(TRAIN).transpose(0, 2, 1)
    np.testing.assert_array_equal(contents(source, "train")[0], upright)


def test_images_of_any_form_can_be_brought_to_a_size(tmp_path: Path) -> None:
    source = open_source(str(write(tmp_path)), Hints(resize="20x24"))
    images, labels = contents(source, "train")
    assert images.shape == (8, 24, 20)
    assert labels == TRAIN


def test_of_qmnists_labels_the_first_number_is_the_class(tmp_path: Path) -> None:
    folder = write(tmp_path)
    for part, labels in (("train", TRAIN), ("t10k", TEST)):
        of_eight = np.zeros((len(labels), 8), np.int64)
        of_eight[:, 0] = labels
        of_eight[:, 4] = 70_000
        (folder / f"{part}-labels-idx1-ubyte").unlink()
        content = gzip.compress(idx_bytes(of_eight, 0x0C, ">i4"))
        (folder / f"{part}-labels-idx2-int.gz").write_bytes(content)
    assert contents(open_source(str(folder)), "train")[1] == TRAIN


def test_labels_that_begin_at_1_are_classes_by_their_own_names(tmp_path: Path) -> None:
    folder = write(tmp_path)
    for part, labels in (("train", TRAIN), ("t10k", TEST)):
        content = idx_bytes(np.array(labels) + 1)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(content)
    source = open_source(str(folder))
    assert contents(source, "train")[1] == TRAIN
    assert source.labelling.classes == ("1", "2", "3")
    named = open_source(str(folder), Hints(classes=("A", "B", "C")))
    assert named.labelling.classes == ("A", "B", "C")
    assert contents(named, "test")[1] == TEST


def test_emnists_mapping_beside_the_files_names_the_classes(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "emnist-letters-mapping.txt").write_text("0 65 97\n1 66 98\n2 67 99\n")
    assert open_source(str(folder)).labelling.classes == ("A", "B", "C")


def test_without_a_test_part_there_is_only_the_training_part(tmp_path: Path) -> None:
    folder = write(tmp_path)
    for path in folder.glob("t10k-*"):
        path.unlink()
    assert list(open_source(str(folder)).parts) == ["train"]


def test_images_of_four_thousand_pixels_a_side_are_refused_by_the_header(
    tmp_path: Path,
) -> None:
    folder = write(tmp_path)
    huge = idx_bytes(np.zeros((1, 1, 1)))[:4] + b"".join(
        size.to_bytes(4, "big") for size in (8, 4000, 4000)
    )
    (folder / "train-images-idx3-ubyte").write_bytes(huge)
    message = refusal(folder)
    assert "truncated" in refusal(folder, Hints(resize="8x8"))
    assert "found 4000x4000" in message
    assert "--resize" in message
