"""Parquet files of Hugging Face's `datasets` are read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.image_example_gen.hints import Hints
from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from tests.components.image_example_gen.forms.letters import letters, png

TRAIN, TEST = [0, 1, 2, 0, 1, 2, 2, 1], [2, 1, 0]
NAMES = ["ant", "bee", "cat"]


def write(
    path: Path,
    labels: Sequence[Any],
    pictures: Sequence[bytes | None],
    *,
    names: Sequence[str] | None = NAMES,
    image: str = "image",
    label: str = "label",
) -> None:
    """Writes a file with the schema and the metadata that `push_to_hub` writes."""
    as_struct = pa.array(
        [{"bytes": content, "path": f"{n}.png"} for n, content in enumerate(pictures)],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    features: dict[str, Any] = {image: {"_type": "Image"}}
    if names is not None:
        features[label] = {"names": list(names), "_type": "ClassLabel"}
    table = pa.table({image: as_struct, label: pa.array(labels)})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), path)


def pngs(labels: Sequence[int], seed: int = 0) -> list[bytes]:
    return [png(image) for image in letters(labels, seed)]


def refusal(path: Path) -> str:
    with pytest.raises(BadInputError) as caught:
        open_source(str(path)).fingerprint()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_files_of_both_parts_with_the_names_from_the_metadata(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    write(data / "train-00000-of-00002-0a1b.parquet", TRAIN[:5], pngs(TRAIN)[:5])
    write(data / "train-00001-of-00002-2c3d.parquet", TRAIN[5:], pngs(TRAIN)[5:])
    write(data / "test-00000-of-00001-4e5f.parquet", TEST, pngs(TEST, 1))
    (tmp_path / "README.md").write_text("# A data set\n")
    source = open_source(str(tmp_path))
    assert source.labelling.classes == ("ant", "bee", "cat")
    ((images, labels),) = source.blocks("train")
    np.testing.assert_array_equal(images, letters(TRAIN))
    assert labels.tolist() == TRAIN
    assert source.labels("test").tolist() == TEST


def test_the_layout_of_the_hubs_own_conversion(tmp_path: Path) -> None:
    write(tmp_path / "default/train/0000.parquet", TRAIN, pngs(TRAIN))
    write(tmp_path / "default/test/0000.parquet", TEST, pngs(TEST))
    assert list(open_source(str(tmp_path)).parts) == ["train", "test"]


def test_the_columns_of_cifar(tmp_path: Path) -> None:
    path = tmp_path / "train-00000-of-00001.parquet"
    colour = [png(np.stack([image] * 3, axis=-1)) for image in letters(TRAIN)]
    write(path, TRAIN, colour, image="img", label="fine_label")
    assert open_source(str(path)).shape == (12, 9, 3)


def test_plain_names_leave_the_fingerprint_that_the_images_have_elsewhere(
    tmp_path: Path,
) -> None:
    path, other = tmp_path / "train.parquet", tmp_path / "letters.npz"
    write(path, TRAIN, pngs(TRAIN), names=["0", "1", "2"])
    np.savez(other, x=letters(TRAIN), y=np.array(TRAIN))
    fingerprint = open_source(str(other)).fingerprint()
    assert open_source(str(path)).fingerprint() == fingerprint
    write(path, TRAIN, pngs(TRAIN), names=NAMES)
    assert open_source(str(path)).fingerprint() != fingerprint


def test_labels_may_be_texts(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    write(path, [NAMES[n] for n in TRAIN], pngs(TRAIN), names=None)
    source = open_source(str(path))
    assert source.labelling.classes == ("ant", "bee", "cat")
    assert source.labels("train").tolist() == TRAIN


def test_a_part_without_labels_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", TRAIN, pngs(TRAIN))
    write(tmp_path / "test.parquet", TEST, pngs(TEST), label="nothing")
    source = open_source(str(tmp_path))
    assert list(source.parts) == ["train"]
    assert source.notices == ("the test part has no column label, and is left out",)


def test_a_part_without_rows_is_named(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", TRAIN, pngs(TRAIN))
    nothing = pq.read_table(tmp_path / "train.parquet").slice(0, 0)
    pq.write_table(nothing, tmp_path / "test.parquet")
    assert refusal(tmp_path) == (
        f"{tmp_path / 'test.parquet'}: no records: expected at least 1, found none"
    )


def test_pictures_of_any_size_can_be_resized(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    mixed = [png(letters([n], width=9 + place)[0]) for place, n in enumerate(TRAIN)]
    write(path, TRAIN, mixed)
    assert "--resize" in refusal(path)
    assert open_source(str(path), Hints(resize="8x8")).shape == (8, 8)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "row 3: expected the bytes of a picture, found none"),
        (b"no picture", "row 3: expected a picture, found 0x6e6f2070"),
        (pngs([0])[0][:80], "row 3: expected a whole picture, found: "),
    ],
    ids=["only a path", "something else", "cut"],
)
def test_a_row_without_a_picture_is_refused_in_one_line(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "train.parquet"
    write(path, TRAIN, [*pngs(TRAIN)[:3], content, *pngs(TRAIN)[4:]])
    assert refusal(path).startswith(f"{path}: {reason}")


def test_a_label_of_minus_one_is_no_class(tmp_path: Path) -> None:
    """On the Hub this means that a test part's labels are secret."""
    path = tmp_path / "train.parquet"
    write(path, [-1, *TRAIN[1:]], pngs(TRAIN))
    assert "expected 0 or more, found -1 in row 0" in refusal(path)


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    path.write_bytes(b"no parquet")
    assert refusal(path).startswith(f"{path}: expected a Parquet file, found: ")


def test_arrow_as_save_to_disk_writes_it(tmp_path: Path) -> None:
    for part, labels in (("train", TRAIN), ("test", TEST)):
        write(tmp_path / "a.parquet", labels, pngs(labels))
        table = pq.read_table(tmp_path / "a.parquet")
        path = tmp_path / "saved" / part / "data-00000-of-00001.arrow"
        path.parent.mkdir(parents=True)
        with pa.ipc.new_stream(str(path), table.schema) as stream:
            stream.write_table(table)
        path.with_name("state.json").write_text("{}")
    source = open_source(str(tmp_path / "saved"))
    np.testing.assert_array_equal(next(source.blocks("train"))[0], letters(TRAIN))
    assert source.labelling.classes == ("ant", "bee", "cat")


@pytest.mark.parametrize("kind", ["lists of rows", "lists", "columns"])
def test_pixels_may_be_numbers(tmp_path: Path, kind: str) -> None:
    images = letters(TRAIN, width=12)
    flat = images.reshape(len(TRAIN), -1)
    columns: dict[str, Any] = {
        "lists of rows": {"image": images.tolist()},
        "lists": {"image": flat.tolist()},
        "columns": {f"pixel{n}": flat[:, n] for n in range(flat.shape[1])},
    }[kind]
    pq.write_table(pa.table({"label": TRAIN, **columns}), tmp_path / "train.parquet")
    ((found, labels),) = open_source(str(tmp_path)).blocks("train")
    np.testing.assert_array_equal(found, images)
    assert labels.tolist() == TRAIN


def test_several_data_sets_in_one_folder_are_not_read_as_one(tmp_path: Path) -> None:
    for name in ("digits", "letters"):
        write(tmp_path / name / "train-00000-of-00001.parquet", TRAIN, pngs(TRAIN))
    assert "expected one data set, found files to train on in digits, letters" in (
        refusal(tmp_path)
    )
    source = open_source(str(tmp_path), Hints(prefix="digits"))
    assert source.labels("train").tolist() == TRAIN
