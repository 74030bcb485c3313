"""Several spans form one data set, whose pictures go into splits by content."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.image_example_gen.hints import Hints
from components.image_example_gen.source import Source, open_source
from components.image_example_gen.splitting import Settings
from contract.errors import BadInputError
from contract.features import EVAL, SPLITS, TEST, TRAIN

RNG = np.random.default_rng(3)
POOL = RNG.integers(0, 256, (90, 4, 4)).astype(np.uint8)
"""Pictures; some are in several spans."""


def write(folder: Path, spans: Mapping[str, Sequence[int]]) -> str:
    for name, rows in spans.items():
        labels = np.array(rows) % 3
        np.savez(folder / f"{name}.npz", x=POOL[list(rows)], y=labels)
    return f"{folder}/{{SPAN}}.npz"


def splits(source: Source, settings: Settings) -> dict[str, set[bytes]]:
    """Returns the pictures of each split."""
    assigned, _ = source.split(settings)
    found: dict[str, set[bytes]] = {split: set() for split in SPLITS}
    for part in source.parts:
        start = 0
        for images, _ in source.blocks(part):
            codes = assigned.rows[part][start : start + len(images)]
            start += len(images)
            for image, code in zip(images, codes, strict=True):
                found[SPLITS[code]].add(image.tobytes())
    return found


@pytest.fixture
def pattern(tmp_path: Path) -> str:
    """Four spans that have some pictures in common."""
    rows = {"1": range(40), "2": range(30, 60), "3": range(50, 90), "4": range(45)}
    return write(tmp_path, rows)


def test_the_test_split_never_has_what_any_version_was_trained_on(
    pattern: str,
) -> None:
    settings = Settings()
    windows = [window for size in (1, 2, 3, 4) for window in combinations("1234", size)]
    tested: set[bytes] = set()
    seen: set[bytes] = set()
    for window in windows:
        found = splits(open_source(pattern, Hints(spans=window)), settings)
        tested |= found[TEST]
        seen |= found[TRAIN] | found[EVAL]
    assert tested
    assert seen
    assert not tested & seen


def test_more_for_eval_moves_no_row_into_the_test_split(pattern: str) -> None:
    source = open_source(pattern)
    some = splits(source, Settings(eval_fraction=0.1))
    more = splits(source, Settings(eval_fraction=0.5))
    assert some[TEST] == more[TEST]
    assert some[EVAL] < more[EVAL]


def test_the_shares_are_those_that_were_asked_for() -> None:
    from components.image_example_gen.splitting import by_content

    images = np.arange(20_000, dtype="<u4").view(np.uint8).reshape(-1, 2, 2)
    codes = by_content(images, Settings(test_fraction=0.3, eval_fraction=0.5))
    shares = np.bincount(codes, minlength=3) / len(codes)
    by_name = dict(zip(SPLITS, shares, strict=True))
    assert by_name[TEST] == pytest.approx(0.3, abs=0.015)
    assert by_name[EVAL] == pytest.approx(0.35, abs=0.015)


def test_another_seed_is_another_split(pattern: str) -> None:
    source = open_source(pattern)
    assert splits(source, Settings(seed=2))[TEST] != splits(source, Settings())[TEST]


def test_another_way_of_splitting_is_refused(pattern: str) -> None:
    with pytest.raises(BadInputError, match=r"data.split: last: expected auto"):
        splits(open_source(pattern), Settings("last"))


def test_too_few_pictures_for_each_split_are_refused(tmp_path: Path) -> None:
    pattern = write(tmp_path, {"1": range(3)})
    with pytest.raises(BadInputError, match=r"expected rows for split .*: 3 to share"):
        splits(open_source(pattern), Settings(test_fraction=0.01))


def test_a_span_is_one_part_whatever_parts_it_has(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "7.npz",
        x_train=POOL[:20],
        y_train=np.arange(20) % 3,
        x_test=POOL[20:30],
        y_test=np.arange(10) % 3,
    )
    source = open_source(f"{tmp_path}/{{SPAN}}.npz")
    assert [*source.parts] == ["span 7"]
    assert len(source.labels("span 7")) == 30
    (images,) = [images for images, _ in source.blocks("span 7")]
    assert (images == POOL[:30]).all()


def test_a_class_has_one_label_in_all_spans(tmp_path: Path) -> None:
    for span, classes in {"1": "ab", "2": "bc"}.items():
        for number, name in enumerate(classes):
            folder = tmp_path / span / name
            folder.mkdir(parents=True)
            Image.fromarray(POOL[number]).save(folder / f"{number}.png")
    source = open_source(f"{tmp_path}/{{SPAN}}", Hints(colour="grey"))
    assert source.labelling.classes == ("a", "b", "c")
    assert source.labels("span 1").tolist() == [0, 1]
    assert source.labels("span 2").tolist() == [1, 2]
    assert source.name_of("span 2", 1) == "span 2, c/1.png"


def pictures(folder: Path, classes: str) -> None:
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        Image.fromarray(POOL[number]).save(folder / name / "0.png")


def test_a_label_without_a_name_is_the_class_that_is_called_so(tmp_path: Path) -> None:
    pictures(tmp_path / "1.npz", "0124")
    write(tmp_path, {"2": range(6)})
    source = open_source(f"{tmp_path}/{{SPAN}}.npz", Hints(colour="grey"))
    assert source.labelling.classes == ("0", "1", "2", "4")
    assert source.labels("span 1").tolist() == [0, 1, 2, 3]
    assert source.labels("span 2").tolist() == [0, 1, 2, 0, 1, 2]


def test_labels_that_no_class_is_called_by_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"1": range(6)})
    pictures(tmp_path / "2.npz", "ab")
    with pytest.raises(BadInputError, match=r"1.npz: expected .*, found label 0"):
        open_source(f"{tmp_path}/{{SPAN}}.npz", Hints(colour="grey"))


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    pattern = write(tmp_path, {"1": range(6)})
    np.savez(tmp_path / "2.npz", x=POOL[:6, :3, :3], y=np.arange(6) % 3)
    with pytest.raises(BadInputError, match=r"2.npz.*: expected 4x4, as in .*1.npz"):
        open_source(pattern)


def test_the_fingerprint_is_that_of_the_window(pattern: str, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("1", "2"):
        (tmp_path / f"{name}.npz").rename(moved / f"{name}.npz")
    here = open_source(f"{moved}/{{SPAN}}.npz").fingerprint()
    write(tmp_path, {"1": range(40), "2": range(30, 60)})
    assert open_source(pattern, Hints(spans=("1", "2"))).fingerprint() == here
    assert open_source(pattern, Hints(spans=("1", "3"))).fingerprint() != here
    assert open_source(pattern, Hints(spans=("1",))).fingerprint() != here


def test_each_span_has_a_fingerprint_of_its_own(pattern: str) -> None:
    digests = []
    for window in (("1", "2"), ("2", "3")):
        source = open_source(pattern, Hints(spans=window))
        content = source.new_fingerprint()
        for part in source.parts:
            content.start(part)
            for block in source.blocks(part):
                content.add(*block)
        digests.append(content.by_part())
    assert digests[0]["span 2"] == digests[1]["span 2"]
    assert digests[0]["span 1"] != digests[0]["span 2"]
