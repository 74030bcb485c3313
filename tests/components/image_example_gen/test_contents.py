"""Archives and packed files are read without unpacking them on disk."""

import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from tests.components.image_example_gen.forms.letters import letters, png

LABELS = [0, 1, 2, 0, 1, 2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with pictures, in one folder for each class."""
    for number, (label, image) in enumerate(zip(LABELS, letters(LABELS), strict=True)):
        path = tmp_path / "made" / "letters" / "ABC"[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image))
    return tmp_path / "made" / "letters"


@pytest.mark.parametrize("kind", ["tar", "gztar", "bztar", "xztar", "zip"])
def test_an_archive_has_the_content_of_its_folder(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    path = shutil.make_archive(str(tmp_path / "data"), kind, folder.parent, "letters")
    assert open_source(path).fingerprint() == open_source(str(folder)).fingerprint()


def test_archives_may_lie_in_a_folder_and_in_archives(
    folder: Path, tmp_path: Path
) -> None:
    """Kaggle has such archives: one with `train.zip` and `test.zip`."""
    outer = tmp_path / "outer"
    outer.mkdir()
    for part in ("train", "test"):
        shutil.make_archive(str(outer / part), "zip", folder)
    whole = shutil.make_archive(str(tmp_path / "kaggle"), "zip", outer)
    of_folder, of_archive = open_source(str(outer)), open_source(whole)
    assert list(of_folder.parts) == ["train", "test"]
    assert of_folder.fingerprint() == of_archive.fingerprint()


def test_an_archive_beside_what_was_unpacked_of_it_is_left_out(folder: Path) -> None:
    fingerprint = open_source(str(folder)).fingerprint()
    shutil.make_archive(str(folder / "letters"), "zip", folder)
    source = open_source(str(folder))
    assert source.fingerprint() == fingerprint
    assert source.notices == ("letters.zip: beside the data, and left out",)


def test_an_npz_may_lie_in_an_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=letters(LABELS), y=LABELS)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "a.npz", "data/a.npz")
    source = open_source(str(tmp_path / "a.zip"))
    assert source.fingerprint() == open_source(str(tmp_path / "a.npz")).fingerprint()
    assert source.train.images_name == f"{tmp_path / 'a.zip'}: data/a.npz: x"


def test_a_cut_archive_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    path = Path(shutil.make_archive(str(tmp_path / "data"), "tar", folder))
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(BadInputError, match=f"^{path}.*: broken archive: "):
        open_source(str(path)).fingerprint()


def test_links_in_an_archive_are_not_followed(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(folder, "letters")
        link = tarfile.TarInfo("letters/A/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert open_source(str(path)).train.count == len(LABELS)


@pytest.mark.parametrize("kind", ["gztar", "zip"])
def test_a_link_of_another_name_leads_to_an_archive(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    """A run names its data by a link whose name is made from the content."""
    path = shutil.make_archive(str(tmp_path / "data"), kind, folder)
    link = tmp_path / "letters-0123456789abcdef"
    link.symlink_to(path)
    assert open_source(str(link)).fingerprint() == open_source(path).fingerprint()


def test_a_pipe_among_the_pictures_is_told_at_once(folder: Path) -> None:
    """Nobody writes to it: to open it would wait for ever."""
    os.mkfifo(folder / "A" / "x.png")
    with pytest.raises(BadInputError) as caught:
        open_source(str(folder)).fingerprint()
    assert str(caught.value).startswith(
        f"{folder}/A/x.png: expected a file, found a named pipe, "
    )
