"""Pictures in one folder for each class are read."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen.hints import Hints
from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from tests.components.image_example_gen.forms.letters import letters, png

CLASSES = ("ant", "bee", "cat")


def fill(folder: Path, each: int = 4, classes: tuple[str, ...] = CLASSES) -> Path:
    """Writes pictures of each class, all of them different."""
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            image = letters([label], seed=number)[0]
            (folder / name / f"{number}.png").write_bytes(png(image))
    return folder


def refusal(path: Path, hints: Hints | None = None) -> str:
    with pytest.raises(BadInputError) as caught:
        open_source(str(path), hints).fingerprint()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Training", "Testing"),
        ("insects/train", "insects/test"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("train", "val"),
    ],
)
def test_a_folder_for_each_part_and_in_it_one_for_each_class(
    tmp_path: Path, train: str, test: str
) -> None:
    fill(tmp_path / train)
    fill(tmp_path / test, each=1)
    source = open_source(str(tmp_path))
    assert source.labelling.classes == CLASSES
    counts = {part: of.tolist() for part, of in source.labelling.counts.items()}
    assert counts == {"train": [4, 4, 4], "test": [1, 1, 1]}


def test_a_folder_that_holds_nothing_is_told_and_makes_no_class(tmp_path: Path) -> None:
    for name in ("dog", ".git/refs"):
        (fill(tmp_path) / name).mkdir(parents=True)
    source = open_source(str(tmp_path))
    assert source.labelling.classes == CLASSES
    (notice,) = source.notices
    assert notice == "no class is made of folders that hold nothing: dog"


def test_without_parts_all_is_to_train_on(tmp_path: Path) -> None:
    source = open_source(str(fill(tmp_path)))
    assert list(source.parts) == ["train"]
    assert not source.in_order


def test_three_parts(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        fill(tmp_path / part, each=1)
    assert list(open_source(str(tmp_path)).parts) == ["train", "eval", "test"]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    fill(tmp_path, classes=("car", "ship", "train"))
    assert open_source(str(tmp_path)).labelling.classes == ("car", "ship", "train")


def test_classes_that_are_numbers_are_in_their_order(tmp_path: Path) -> None:
    fill(tmp_path, classes=tuple(map(str, range(12))))
    assert open_source(str(tmp_path)).labelling.classes == tuple(map(str, range(12)))


def test_any_stretch_of_rows_has_each_class(tmp_path: Path) -> None:
    labels = open_source(str(fill(tmp_path))).labels("train")
    assert labels.reshape(4, 3).tolist() == [[0, 1, 2]] * 4


def test_pictures_may_lie_deeper_in_their_classs_folder(tmp_path: Path) -> None:
    fill(tmp_path)
    deeper = tmp_path / "ant" / "2024" / "June"
    deeper.mkdir(parents=True)
    (tmp_path / "ant" / "0.png").rename(deeper / "0.png")
    counts = open_source(str(tmp_path)).labelling.counts["train"]
    assert counts.tolist() == [4, 4, 4]


def test_in_a_zip_with_what_systems_put_there(tmp_path: Path) -> None:
    folder = fill(tmp_path / "insects")
    path = tmp_path / "insects.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            relative = file.relative_to(tmp_path).as_posix()
            archive.write(file, relative)
            archive.writestr(f"__MACOSX/{relative}", b"\0\5\x16\7")
        archive.writestr("insects/.DS_Store", b"\0\0\0\1Bud1")
        archive.writestr("insects/ant/Thumbs.db", b"\xd0\xcf\x11\xe0")
    source = open_source(str(path))
    assert source.notices == ()
    assert source.fingerprint() == open_source(str(folder)).fingerprint()


def test_what_systems_put_beside_pictures_is_not_seen(tmp_path: Path) -> None:
    fingerprint = open_source(str(fill(tmp_path))).fingerprint()
    for name in (".DS_Store", "ant/.DS_Store", "bee/Thumbs.db", "cat/._0.png"):
        (tmp_path / name).write_bytes(b"\0\0\0\1Bud1")
    source = open_source(str(tmp_path))
    assert source.fingerprint() == fingerprint
    assert source.notices == ()


def test_other_files_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "ant" / "notes.doc").write_text("ants!")
    (notice,) = open_source(str(tmp_path)).notices
    assert "ant/notes.doc" in notice


def test_a_test_folder_without_classes_is_left_out_and_that_is_said(
    tmp_path: Path,
) -> None:
    fill(tmp_path / "train")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "0.png").write_bytes(png(letters([0])[0]))
    source = open_source(str(tmp_path))
    assert list(source.parts) == ["train"]
    assert "1 pictures of test lie in no class's folder" in source.notices[0]


@pytest.mark.parametrize("content", [b"", b"no picture", png(letters([0])[0])[:90]])
def test_a_picture_that_cannot_be_read_is_named_with_what_to_do(
    tmp_path: Path, content: bytes
) -> None:
    broken = fill(tmp_path) / "bee" / "3.png"
    broken.write_bytes(content)
    message = refusal(tmp_path)
    assert message.startswith(f"{broken}: expected a ")
    assert message.endswith("--skip-unreadable leaves out such pictures in folders")
    source = open_source(str(tmp_path), Hints(skip_unreadable=True))
    source.fingerprint()
    assert source.labelling.counts["train"].tolist() == [4, 3, 4]
    (notice,) = source.notices
    assert notice.startswith(
        f"1 pictures cannot be read, and are left out, as {broken}"
    )
    assert "--skip-unreadable" not in notice


def test_a_part_without_a_readable_picture_is_refused(tmp_path: Path) -> None:
    for name in CLASSES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(b"no picture")
    message = refusal(tmp_path, Hints(skip_unreadable=True))
    assert message.startswith(f"{tmp_path / CLASSES[0] / '0.png'}: expected a picture")


def test_pictures_of_mixed_sizes_need_a_size(tmp_path: Path) -> None:
    wide = fill(tmp_path) / "bee" / "3.png"
    wide.write_bytes(png(letters([1], width=30)[0]))
    assert refusal(tmp_path) == (
        f"{wide}: images of mixed sizes: expected 9x12, as the first, found 30x12: "
        "resize all of them, such as with --resize 32x32"
    )
    assert open_source(str(tmp_path), Hints(resize="9x12")).shape == (12, 9)


def test_photographs_larger_than_a_task_may_be_are_fine_when_resized(
    tmp_path: Path,
) -> None:
    for name in CLASSES:
        (tmp_path / name).mkdir()
        for number in range(3):
            photograph = np.zeros((1200, 1600, 3), np.uint8)
            (tmp_path / name / f"{number}.png").write_bytes(png(photograph))
    assert "found 1200x1600x3: resize the images" in refusal(tmp_path)
    source = open_source(str(tmp_path), Hints(resize="32x24"))
    assert source.shape == (24, 32, 3)
    source.fingerprint()


def test_one_colour_picture_makes_a_task_in_colour(tmp_path: Path) -> None:
    colour = np.stack([letters([0])[0]] * 3, axis=-1)
    (fill(tmp_path) / "ant" / "0.png").write_bytes(png(colour))
    assert open_source(str(tmp_path)).shape == (12, 9, 3)
    assert open_source(str(tmp_path), Hints(colour="grey")).shape == (12, 9)


def test_a_folder_without_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(png(letters([0])[0]))
    assert "expected a folder of pictures for each class" in refusal(tmp_path)


def test_one_class_is_nothing_to_learn(tmp_path: Path) -> None:
    fill(tmp_path, classes=("ant",))
    assert "expected at least 2 classes, found 'ant' only" in refusal(tmp_path)


def test_a_link_that_leads_back_is_not_followed_for_ever(tmp_path: Path) -> None:
    fingerprint = open_source(str(fill(tmp_path))).fingerprint()
    (tmp_path / "ant" / "again").symlink_to(tmp_path)
    assert open_source(str(tmp_path)).fingerprint() == fingerprint


def test_a_class_is_known_by_its_letters_however_its_accents_are_written(
    tmp_path: Path,
) -> None:
    """Half of a data set may come from a Mac, and the flag from a keyboard on Linux."""
    apart, joined = "ku\u0308", "k\u00fc"
    fill(tmp_path / "train", classes=(apart, "bee"))
    fill(tmp_path / "test", each=1, classes=(joined, "bee"))
    source = open_source(str(tmp_path))
    assert source.labelling.classes == ("bee", joined)
    assert source.labelling.counts["test"].tolist() == [1, 1]
    given = Hints(classes=(apart, "bee"))
    assert open_source(str(tmp_path), given).labelling.classes == (joined, "bee")


def test_a_class_name_of_two_lines_is_told_with_its_folder_and_a_way_out(
    tmp_path: Path,
) -> None:
    message = refusal(fill(tmp_path, classes=("a\nb", "c")))
    assert message.startswith(f"{tmp_path}: expected names of classes in printable ")
    assert r"found 'a\nb': rename this class" in message
    assert open_source(
        str(tmp_path), Hints(classes=("a and b", "c"))
    ).labelling.classes == ("a and b", "c")
