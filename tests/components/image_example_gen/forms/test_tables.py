"""CSV files with a label and pixels in each row are read."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen import part
from components.image_example_gen.hints import Hints
from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from tests.components.image_example_gen.forms.letters import letters

TRAIN, TEST = [0, 1, 2, 0, 1, 2, 2, 1], [2, 1, 0]
SIDE = 12


def images(labels: Sequence[int]) -> np.ndarray:
    return letters(labels, width=SIDE, height=SIDE)


def table(
    labels: Sequence[object],
    of: Sequence[int],
    *,
    header: Sequence[str] = (),
    delimiter: str = ",",
) -> str:
    rows = [
        [str(label), *map(str, image.ravel())]
        for label, image in zip(labels, images(of), strict=True)
    ]
    lines = [list(header), *rows] if header else rows
    return "".join(delimiter.join(line) + "\n" for line in lines)


KAGGLES = ["label", *(f"pixel{n}" for n in range(SIDE * SIDE))]
"""The header of Kaggle's Digit Recognizer, Fashion-MNIST and Sign-Language-MNIST."""

BY_PLACE = ["label", *(f"{y}x{x}" for y in range(1, 13) for x in range(1, 13))]


def refusal(path: Path, hints: Hints | None = None) -> str:
    with pytest.raises(BadInputError) as caught:
        open_source(str(path), hints).fingerprint()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("header", [[], KAGGLES, BY_PLACE], ids=["none", "k", "xy"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_for_each_part_with_and_without_a_header(
    tmp_path: Path, header: list[str], delimiter: str
) -> None:
    for name, labels in (("train", TRAIN), ("test", TEST)):
        content = table(labels, labels, header=header, delimiter=delimiter)
        (tmp_path / f"mnist_{name}.csv").write_text(content)
    source = open_source(str(tmp_path))
    assert source.shape == (SIDE, SIDE)
    ((found, found_labels),) = source.blocks("train")
    np.testing.assert_array_equal(found, images(TRAIN))
    assert found_labels.tolist() == TRAIN
    assert source.labels("test").tolist() == TEST


def test_the_content_has_the_fingerprint_that_it_has_as_an_npz(tmp_path: Path) -> None:
    path, other = tmp_path / "letters.csv", tmp_path / "letters.npz"
    path.write_text(table(TRAIN, TRAIN))
    np.savez(other, x=images(TRAIN), y=np.array(TRAIN))
    assert open_source(str(path)).fingerprint() == open_source(str(other)).fingerprint()


def test_a_table_may_be_gzipped_and_have_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "letters.csv.gz"
    content = "\N{ZERO WIDTH NO-BREAK SPACE}" + table(TRAIN, TRAIN, header=KAGGLES)
    path.write_bytes(gzip.compress(content.encode()))
    assert open_source(str(path)).labels("train").tolist() == TRAIN


def test_kaggles_test_table_without_labels_is_left_out_and_that_is_said(
    tmp_path: Path,
) -> None:
    (tmp_path / "train.csv").write_text(table(TRAIN, TRAIN, header=KAGGLES))
    lines = table(TEST, TEST, header=KAGGLES).splitlines()
    without = "\n".join(line.partition(",")[2] for line in lines)
    (tmp_path / "test.csv").write_text(without)
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    source = open_source(str(tmp_path))
    assert list(source.parts) == ["train"]
    assert any("test.csv has no column with labels" in n for n in source.notices)


def test_pictures_beside_the_tables_are_no_data(tmp_path: Path) -> None:
    """Sign-Language-MNIST's archive has such pictures; its labels have a gap."""
    values = [0, 1, 3, 0, 1, 3, 3, 1]
    (tmp_path / "amer_sign2.png").write_bytes(b"no picture")
    folder = tmp_path / "sign_mnist_train"
    folder.mkdir()
    (folder / "sign_mnist_train.csv").write_text(table(values, TRAIN, header=KAGGLES))
    source = open_source(str(tmp_path))
    assert source.labelling.classes == ("0", "1", "3")
    assert source.labels("train").tolist() == TRAIN
    named = open_source(str(tmp_path), Hints(classes=("A", "B", "C", "D")))
    assert named.labels("train").tolist() == values
    in_order = open_source(str(tmp_path), Hints(classes=("A", "B", "D")))
    assert in_order.labels("train").tolist() == TRAIN


def test_labels_may_be_texts(tmp_path: Path) -> None:
    texts = ["ant", "bee", "cat"]
    path = tmp_path / "insects.csv"
    path.write_text(table([texts[n] for n in TRAIN], TRAIN))
    source = open_source(str(path))
    assert source.labelling.classes == ("ant", "bee", "cat")
    assert source.labels("train").tolist() == TRAIN


def test_a_column_of_row_numbers_is_no_pixel(tmp_path: Path) -> None:
    path = tmp_path / "letters.csv"
    lines = table(TRAIN, TRAIN, header=KAGGLES).splitlines()
    numbered = [f",{lines[0]}", *(f"{n},{one}" for n, one in enumerate(lines[1:]))]
    path.write_text("\n".join(numbered))
    assert open_source(str(path)).shape == (SIDE, SIDE)


def test_the_labels_column_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "letters.csv"
    content = table(TRAIN, TRAIN, header=["what", *KAGGLES[1:]])
    path.write_text(content)
    assert "name it with --label" in refusal(path)
    for label in ("what", "0"):
        source = open_source(str(path), Hints(label=label))
        assert source.labels("train").tolist() == TRAIN
    assert "found 'nothing-so'" in refusal(path, Hints(label="nothing-so"))


def test_images_that_are_no_squares_need_their_size(tmp_path: Path) -> None:
    path = tmp_path / "letters.csv"
    path.write_text("".join(f"{n % 2},1,2,3,4,5,6\n" for n in range(8)))
    assert "--image-size WxH" in refusal(path)
    told = refusal(path, Hints(image_size="4x2"))
    assert told.endswith("expected 8 numbers a row, as --image-size says, found 6")
    assert open_source(str(path), Hints(image_size="3x2")).shape == (2, 3)
    assert open_source(str(path), Hints(image_size="2x1x3")).shape == (1, 2, 3)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("1," + ",".join(["256"] * 144), "256"),
        ("1," + ",".join(["0.5"] * 144), "0.5"),
        ("1," + ",".join(["-1"] * 144), "-1"),
        ("1," + ",".join(["x"] * 144), "x"),
        ("1,2,3", "3"),
    ],
)
def test_a_row_that_is_no_image_is_refused_in_one_line(
    tmp_path: Path, row: str, found: str
) -> None:
    path = tmp_path / "letters.csv"
    path.write_text(table(TRAIN, TRAIN, header=KAGGLES) + row + "\n")
    message = refusal(path)
    assert message.startswith(f"{path}: expected rows with a label and whole numbers")
    assert found in message


@pytest.mark.parametrize("content", [b"", b"label,p1,p2,p3,p4\n"])
def test_a_table_without_rows_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "letters.csv"
    path.write_bytes(content)
    assert "no records" in refusal(path)


def test_a_table_without_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("label\n0\n1\n")
    assert refusal(path) == (
        f"{path}: wrong image size: expected at least one pixel, found 0x0"
    )


def test_a_hundred_thousand_classes_are_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("".join(f"{n},1,2,3,4\n" for n in range(100_000)))
    assert "expected at most 10,000 classes" in refusal(path)


def test_blocks_have_the_rows_that_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "letters.csv"
    path.write_text(table(TRAIN, TRAIN))
    monkeypatch.setattr(part, "BLOCK_VALUES", 3 * SIDE * SIDE)
    sizes = [len(labels) for _, labels in open_source(str(path)).blocks("train")]
    assert sizes == [3, 3, 2]


def test_a_link_of_another_name_leads_to_the_table(tmp_path: Path) -> None:
    """A run names its data by a link whose name is made from the content."""
    path, link = tmp_path / "letters.csv", tmp_path / "letters-0123456789abcdef"
    path.write_text(table(TRAIN, TRAIN))
    link.symlink_to(path)
    fingerprint = open_source(str(path)).fingerprint()
    assert open_source(str(link)).fingerprint() == fingerprint
