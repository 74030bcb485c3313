"""The choice of the data set, and the messages about it."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen import mirrors, mnist
from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from pipeline.config import load_config
from pipeline.data_settings import Data
from runner.datasets import DIGITS_BOUNDS, resolve


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


class Mirrors:
    """Mirrors that deliver the scans as MNIST, or that do not answer."""

    def __init__(self, scans: Path | None = None) -> None:
        self.asked = 0
        self._scans = scans

    def __call__(self, folder: str) -> None:
        self.asked += 1
        if self._scans is None:
            raise mirrors.MirrorsUnreachableError("train-images: no connection")
        shutil.copytree(self._scans, folder)


def test_a_named_folder_is_taken_and_nobody_is_asked(scans: Path, cache: Path) -> None:
    nobody = Mirrors()
    found = resolve(Data(path=str(scans), name="post-codes"), str(cache), nobody)

    assert (found.name, found.path) == ("post-codes", str(scans))
    assert found.fingerprint == open_source(str(scans)).fingerprint()
    assert found.description == f"images from {scans}"
    assert found.notice == ""
    assert not found.is_digits
    assert nobody.asked == 0
    assert not cache.exists()


def test_data_without_a_name_is_called_like_its_folder(
    scans: Path, cache: Path
) -> None:
    found = resolve(Data(path=str(scans)), str(cache), Mirrors())
    assert (found.name, found.notice) == ("idx", "")


def test_a_path_of_any_letters_is_told_in_one_line(scans: Path, tmp_path: Path) -> None:
    """The description is printed, and written into the card and the manifest."""
    folder = tmp_path / "two\nlines \x1b[31m"
    folder.symlink_to(scans)
    found = resolve(Data(path=str(folder)), str(tmp_path), Mirrors())
    assert found.description == rf"images from {tmp_path}/two\nlines \x1b[31m"
    assert found.path == str(folder)


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_a_folder_called_like_our_own_data_gets_another_name(
    scans: Path, cache: Path, tmp_path: Path, name: str
) -> None:
    shutil.copytree(scans, tmp_path / name)
    found = resolve(Data(path=str(tmp_path / name)), str(cache), Mirrors())
    assert found.name == f"{name}-data"
    assert found.notice == (
        f"{tmp_path / name} is not {name}, and its model is called {name}-data; "
        "another name is given with --model"
    )


@pytest.mark.parametrize(
    "setting", [{"prefix": "a"}, {"transpose": True}, {"resize": "8x8"}, {"label": "y"}]
)
def test_what_is_said_of_files_needs_files(
    cache: Path, setting: dict[str, object]
) -> None:
    (key,) = setting
    with pytest.raises(BadInputError, match=rf"^data\.{key}: .*together with --data"):
        resolve(Data.model_validate(setting), str(cache), Mirrors())


def test_who_looks_on_sees_each_row_once(scans: Path, cache: Path) -> None:
    seen: dict[str, int] = {}

    def observe(part: str, images: object, labels: np.ndarray) -> None:
        seen[part] = seen.get(part, 0) + len(labels)

    resolve(Data(path=str(scans)), str(cache), Mirrors(), observe)
    assert seen == {"train": 1437, "test": 360}


def test_mnist_itself_needs_no_name(
    scans: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MNIST is recognised by its content; here the scans replace it."""
    content = open_source(str(scans)).fingerprint()
    monkeypatch.setattr(mnist, "FINGERPRINT", content)
    found = resolve(Data(path=str(scans)), str(cache), Mirrors())
    assert (found.name, found.notice) == ("mnist", "")
    assert found.description == f"MNIST from {scans}"


def test_mnist_is_told_by_its_content_in_any_wrapping() -> None:
    folder = Path(__file__).resolve().parents[3] / "shared" / "mnist"
    if not folder.is_dir():
        pytest.skip(f"no real MNIST in {folder.name} beside the repository")
    found = resolve(Data(path=str(folder)), "unused", Mirrors())
    assert (found.name, found.notice) == ("mnist", "")
    assert found.fingerprint == mnist.FINGERPRINT


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
def test_with_nothing_named_mnist_comes_from_cache_or_mirrors(
    scans: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, dataset: str
) -> None:
    """Here the scans replace MNIST."""
    content = open_source(str(scans)).fingerprint()
    monkeypatch.setattr(mnist, "FINGERPRINT", content)
    answering = Mirrors(scans)
    found = resolve(Data.model_validate({"dataset": dataset}), str(cache), answering)
    assert (found.name, found.path) == ("mnist", str(cache / "mnist"))
    assert found.notice == ""
    assert not found.is_digits
    assert answering.asked == 1


def test_other_images_in_mnists_cache_are_not_taken_for_it(
    scans: Path, cache: Path
) -> None:
    with pytest.raises(BadInputError, match=r"expected MNIST, found other images"):
        resolve(Data(dataset="mnist"), str(cache), Mirrors(scans))


def test_with_nothing_named_and_no_mirror_it_is_the_digits_and_that_is_said(
    cache: Path,
) -> None:
    found = resolve(Data(), str(cache), Mirrors())
    assert (found.name, found.path) == ("digits", str(cache / "digits"))
    assert found.is_digits
    assert "not MNIST" in found.notice
    assert "--data" in found.notice
    assert "digits" in found.description
    assert "mnist" not in found.description.lower()


def test_mnist_asked_for_by_name_is_never_replaced(cache: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        resolve(Data(dataset="mnist"), str(cache), Mirrors())
    assert str(caught.value) == (
        f"{cache / 'mnist'}: no MNIST there and no mirror answers (train-images: no "
        "connection): put the four IDX files there, or name their folder with --data"
    )
    assert not (cache / "digits").exists()


def test_digits_asked_for_by_name_need_no_network_and_no_notice(cache: Path) -> None:
    nobody = Mirrors()
    found = resolve(Data(dataset="digits"), str(cache), nobody)
    assert (found.name, found.notice) == ("digits", "")
    assert nobody.asked == 0


def test_the_same_content_is_the_same_data_set_gzipped_or_not(
    scans: Path, cache: Path, tmp_path: Path
) -> None:
    for file in scans.iterdir():
        (tmp_path / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    plain, packed = (
        resolve(Data(path=str(folder), name="scans"), str(cache), Mirrors())
        for folder in (scans, tmp_path)
    )
    assert plain.fingerprint == packed.fingerprint


def test_the_stand_ins_name_cannot_be_given_to_other_data(
    scans: Path, cache: Path
) -> None:
    with pytest.raises(BadInputError, match=r"^data\.name: digits: expected another"):
        resolve(Data(path=str(scans), name="digits"), str(cache), Mirrors())


def test_a_name_needs_data_of_ones_own(cache: Path) -> None:
    with pytest.raises(BadInputError, match=r"^data\.name: scans: expected together"):
        resolve(Data(name="scans"), str(cache), Mirrors())


def test_digits_and_data_of_ones_own_exclude_each_other(
    scans: Path, cache: Path
) -> None:
    with pytest.raises(BadInputError) as caught:
        resolve(Data(path=str(scans), dataset="digits"), str(cache), Mirrors())
    assert str(caught.value) == (
        f"data.dataset: digits: expected without --data, found {scans}"
    )


def test_what_was_named_and_is_not_there_is_an_error(
    tmp_path: Path, cache: Path
) -> None:
    """The run does not take another data set instead."""
    with pytest.raises(BadInputError, match=f"^{tmp_path}/gone: missing: "):
        resolve(Data(path=str(tmp_path / "gone")), str(cache), Mirrors())
    assert not cache.exists()


def test_bounds_for_the_digits_allow_for_few_test_images() -> None:
    """One mistake among 36 images is 0.03 of a digit's accuracy."""
    assert DIGITS_BOUNDS == {"min_accuracy": 0.93, "min_class_accuracy": 0.75}


@pytest.mark.parametrize("setting", ["window=3", 'spans=["1"]', "marker=_SUCCESS"])
@pytest.mark.parametrize("path", [None, "."])
def test_settings_of_spans_are_refused_of_other_data(
    tmp_path: Path, setting: str, path: str | None
) -> None:
    data = load_config(settings=[f"data.{setting}"]).data
    key = setting.partition("=")[0]
    with pytest.raises(BadInputError, match=rf"data.{key}: expected together with"):
        resolve(data.model_copy(update={"path": path}), str(tmp_path))


def test_spans_are_a_data_set_called_by_their_folder(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 3)).astype(np.uint8)
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(3):
        np.savez(folder / f"{number}.npz", x=images, y=np.arange(30) % 2)
    dataset = resolve(
        Data(path=f"{folder}/{{SPAN}}.npz", window=2), str(tmp_path / "cache")
    )
    assert dataset.name == "scans"
    assert dataset.description == f"images from {folder}/{{SPAN}}.npz, spans 1, 2"
    assert [span.name for span in dataset.spans] == ["1", "2"]
    # They are not part of the recipe, whose data is the same under any name.
    assert (dataset.hints.window, dataset.hints.spans) == (0, ())
