"""Pictures whose labels are in a table, or in a file beside each picture."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen.hints import Hints
from components.image_example_gen.source import Source, open_source
from contract.errors import BadInputError
from tests.components.image_example_gen.forms.letters import letters, png

LABELS = [0, 1, 2, 2, 1, 0]
NAMES = ["ant", "bee", "cat"]


def write(folder: Path, labels: list[int] = LABELS, start: int = 0) -> list[str]:
    """Writes a picture for each label; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"img{number}.png" for number in range(start, start + len(labels))]
    for name, image in zip(names, letters(labels), strict=True):
        (folder / name).write_bytes(png(image))
    return names


def rows(names: list[str], labels: list[int] = LABELS) -> list[str]:
    return [f"{n},{NAMES[label]}" for n, label in zip(names, labels, strict=True)]


def read(source: Source, part: str = "train") -> dict[bytes, str]:
    """Returns each image with its class."""
    return {
        image.tobytes(): source.labelling.classes[label]
        for images, labels in source.blocks(part)
        for image, label in zip(images, labels, strict=True)
    }


EXPECTED = {
    image.tobytes(): NAMES[label]
    for image, label in zip(letters(LABELS), LABELS, strict=True)
}


@pytest.mark.parametrize(
    ("table", "header", "folder", "prefix"),
    [
        ("labels.csv", "filename,label", "images", ""),
        ("annotations.csv", "path,label", "images", "images/"),
        ("labels.csv", "", "images", ""),
        ("labels.csv", "id,breed", "train", ""),
        ("metadata.csv", "file_name,label", ".", ""),
        ("labels.txt", "", "images", ""),
    ],
)
def test_a_table_says_what_pictures_show(
    tmp_path: Path, table: str, header: str, folder: str, prefix: str
) -> None:
    names = [f"{prefix}{name}" for name in write(tmp_path / folder)]
    if header == "id,breed":  # Kaggle's table, with names without file endings
        names = [name.removesuffix(".png") for name in names]
    lines = [header, *rows(names)] if header else rows(names)
    (tmp_path / table).write_text("\n".join(lines))
    source = open_source(str(tmp_path))
    assert read(source) == EXPECTED
    assert not source.in_order


def test_a_table_of_json_lines_as_hugging_face_has_it(tmp_path: Path) -> None:
    for part in ("train", "test"):
        names = write(tmp_path / part)
        lines = [
            json.dumps({"file_name": name, "label": NAMES[label]})
            for name, label in zip(names, LABELS, strict=True)
        ]
        (tmp_path / part / "metadata.jsonl").write_text("\n".join(lines))
    source = open_source(str(tmp_path))
    assert read(source) == read(source, "test") == EXPECTED


def test_a_table_for_each_part_may_name_pictures_alike(tmp_path: Path) -> None:
    for part in ("train", "test"):
        names = write(tmp_path / part)
        lines = ["filename,label", *rows(names)]
        (tmp_path / f"{part}.csv").write_text("\n".join(lines))
    source = open_source(str(tmp_path))
    assert read(source) == read(source, "test") == EXPECTED


def test_a_column_may_say_the_part(tmp_path: Path) -> None:
    names = write(tmp_path)
    parts = ["train", "train", "train", "train", "val", "test"]
    lines = [f"{a},{b}" for a, b in zip(rows(names), parts, strict=True)]
    (tmp_path / "all.csv").write_text("\n".join(["image,label,split", *lines]))
    counts = open_source(str(tmp_path)).labelling.counts
    assert {part: int(of.sum()) for part, of in counts.items()} == {
        "train": 4,
        "eval": 1,
        "test": 1,
    }


def test_folders_have_the_training_part_and_a_table_the_other(tmp_path: Path) -> None:
    """Tiny ImageNet has this form."""
    for label, name in enumerate(NAMES):
        write(tmp_path / "train" / name / "images", [label] * 2, start=label * 2)
    lines = [row.replace(",", "\t") for row in rows(write(tmp_path / "val" / "images"))]
    (tmp_path / "val" / "val_annotations.txt").write_text("\n".join(lines))
    source = open_source(str(tmp_path))
    assert source.labelling.classes == tuple(NAMES)
    assert read(source, "test") == EXPECTED


def test_what_has_no_labels_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    names = write(tmp_path / "train")
    unlabelled = write(tmp_path / "test", start=10)
    (tmp_path / "labels.csv").write_text("\n".join(["id,breed", *rows(names)]))
    (tmp_path / "sample_submission.csv").write_text(f"id,ant\n{unlabelled[0]},0.3\n")
    source = open_source(str(tmp_path))
    assert list(source.parts) == ["train"]
    assert "6 pictures are not in labels.csv, and are left out" in source.notices


def test_rows_without_a_picture_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    lines = ["filename,label", *rows(write(tmp_path)), "gone.png,ant"]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    (notice,) = open_source(str(tmp_path)).notices
    assert notice.startswith("labels.csv: 1 rows name no picture that is there")


def test_a_table_without_a_column_of_labels_needs_its_name(tmp_path: Path) -> None:
    lines = ["file,age,dx", *(f"{row}" for row in rows(write(tmp_path)))]
    lines[1:] = [f"{name},30,{kind}" for name, kind in map(_split, lines[1:])]
    (tmp_path / "meta.csv").write_text("\n".join(lines))
    with pytest.raises(BadInputError, match="found file, age, dx: name it with"):
        open_source(str(tmp_path))
    assert read(open_source(str(tmp_path), Hints(label="dx"))) == EXPECTED


def test_beside_folders_of_classes_a_table_of_other_things_is_passed_over(
    tmp_path: Path,
) -> None:
    for label, name in enumerate(NAMES):
        write(tmp_path / name, [label] * 2, start=label * 2)
    (tmp_path / "sizes.csv").write_text("file,width,height\nimg0.png,9,12\n")
    source = open_source(str(tmp_path))
    assert source.labelling.classes == tuple(NAMES)
    assert any(n.startswith("sizes.csv names pictures") for n in source.notices)


def test_a_web_dataset_has_a_file_for_each_label(tmp_path: Path) -> None:
    for part in ("train", "test"):
        with tarfile.open(tmp_path / f"{part}-000000.tar", "w") as archive:
            for number, image in enumerate(letters(LABELS)):
                for ending, content in (
                    ("png", png(image)),
                    ("cls", str(LABELS[number]).encode()),
                ):
                    member = tarfile.TarInfo(f"{number:06}.{ending}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    source = open_source(str(tmp_path))
    ((images, labels),) = source.blocks("test")
    np.testing.assert_array_equal(
        images[np.argsort(labels, kind="stable")][0], letters([0])[0]
    )
    assert sorted(labels.tolist()) == sorted(LABELS)


def _split(row: str) -> tuple[str, str]:
    name, _, kind = row.partition(",")
    return name, kind


def test_a_text_for_each_picture_is_no_table(tmp_path: Path) -> None:
    """Captions and boxes have this form."""
    for label, name in enumerate(NAMES):
        for picture in write(tmp_path / name, [label] * 2):
            text = tmp_path / name / picture.replace(".png", ".txt")
            text.write_text(f"{picture} 0.5 0.5 0.1 0.1\n")
    assert open_source(str(tmp_path)).labelling.classes == tuple(NAMES)


def test_the_class_may_stand_in_a_pictures_name(tmp_path: Path) -> None:
    """Kaggle's dogs and cats: `train/cat.0.jpg`, and a test part without classes."""
    for folder, form in (("train", "{}.{}.png"), ("test1", "{1}.png")):
        (tmp_path / folder).mkdir()
        for number, image in enumerate(letters(LABELS)):
            name = form.format(NAMES[LABELS[number]], number)
            (tmp_path / folder / name).write_bytes(png(image))
    source = open_source(str(tmp_path))
    assert list(source.parts) == ["train"]
    assert read(source) == EXPECTED
    assert "6 pictures of test lie in no class's folder, and are left out" in (
        source.notices
    )
