"""A task: its validity, its description, and that files keep it unchanged."""

from pathlib import Path
from typing import Any

import pytest

from contract.errors import BadInputError
from contract.task import (
    Task,
    names_text,
    plain_names,
    read_task,
    task_of_split,
)
from tests.tasks import write_task

LETTERS = Task("letters", 24, 20, 1, tuple("abcdefghijklmnopqrstuvwxyz"), "letter", 255)
SHAPES = Task("shapes", 12, 16, 3, ("disc", "ring", "square", "Dreieck ▲"))


def test_an_image_in_grey_has_two_dimensions_and_one_in_colour_three() -> None:
    assert LETTERS.shape == (24, 20)
    assert SHAPES.shape == (12, 16, 3)
    assert (LETTERS.size, SHAPES.size) == (480, 576)
    assert (LETTERS.size_text, SHAPES.size_text) == ("20x24 grey", "16x12 colour")


def test_only_grey_on_a_background_can_be_drawn() -> None:
    assert LETTERS.can_be_drawn
    assert not LETTERS.named(background=None).can_be_drawn
    assert not SHAPES.named(background=0).can_be_drawn


@pytest.mark.parametrize(
    ("noun", "plural"),
    [
        ("digit", "digits"),
        ("box", "boxes"),
        ("category", "categories"),
        ("day", "days"),
    ],
)
def test_a_noun_has_a_plural(noun: str, plural: str) -> None:
    assert LETTERS.named(noun=noun).plural == plural


@pytest.mark.parametrize("task", [LETTERS, SHAPES])
def test_it_travels_as_json(task: Task, tmp_path: Path) -> None:
    write_task(str(tmp_path), task)
    assert read_task(str(tmp_path)) == task
    assert Task.from_json(task.to_json()) == task
    assert "▲" not in task.to_json() or "\\u" not in task.to_json()


def test_a_folder_without_one_tells_of_none(tmp_path: Path) -> None:
    assert read_task(str(tmp_path)) is None


def test_the_examples_of_a_split_are_of_the_artifacts_task(tmp_path: Path) -> None:
    write_task(str(tmp_path), SHAPES)
    assert task_of_split(f"{tmp_path}/Split-test") == SHAPES
    assert task_of_split(f"{tmp_path}/Split-eval/*") == SHAPES
    with pytest.raises(BadInputError, match=r"expected task\.json"):
        task_of_split(f"{tmp_path}/elsewhere/Split-test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "expected JSON"),
        (b"[]", "expected an object"),
        (b'{"name": "x"}', "expected a task"),
        (
            b'{"name": "x", "height": "2", "width": 2, "channels": 1, "classes": []}',
            "task",
        ),
        (b"\xff", "cannot be read"),
    ],
)
def test_what_is_no_task_is_one_line_with_the_file(
    content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "task.json").write_bytes(content)
    with pytest.raises(BadInputError, match=message) as caught:
        read_task(str(tmp_path))
    assert str(caught.value).startswith(f"{tmp_path}/task.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"height": 0}, "at least 1x1"),
        ({"channels": 4}, "found 24x20x4"),
        ({"height": 4000, "width": 4000}, "16,000,000 values"),
        ({"classes": ("a",)}, "expected 2 to 10,000 classes, found 1"),
        ({"classes": plain_names(100_000)}, "found 100,000"),
        ({"classes": ("a", "b", "a")}, "found 'a' more than once"),
        ({"classes": ("a", " ")}, "found ' '"),
        ({"classes": ("a", "b\x1b[2J")}, "printable"),
        ({"noun": "7"}, "noun"),
        ({"noun": "x\ny"}, "noun"),
        ({"background": 256}, "0 to 255"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        LETTERS.named(**changes)


def test_two_tasks_ask_the_same_if_images_and_classes_are_the_same() -> None:
    assert LETTERS.asks_the_same(LETTERS.named(name="other", noun="sign", background=0))
    for other, difference in (
        (SHAPES, "images of 16x12 colour, and not of 20x24 grey"),
        (LETTERS.named(classes=plain_names(10)), "10 classes, and not 26"),
        (
            LETTERS.named(classes=(*"abcdefghijklmnopqrstuvwxyä",)),
            "class 25 called 'ä'",
        ),
    ):
        assert not LETTERS.asks_the_same(other)
        assert difference in LETTERS.difference(other)


def test_accents_apart_from_their_letters_make_no_other_task() -> None:
    """A version that was pushed from a Mac's folders may have such names."""
    names = [*"abcdefghijklmnopqrstuvwxy"]
    joined, apart = (LETTERS.named(classes=(e, *names)) for e in ("\u00e9", "e\u0301"))
    assert joined.asks_the_same(apart)
    other = apart.named(classes=(*apart.classes[:-1], "z"))
    assert "class 25 called 'z'" in joined.difference(other)


def test_many_names_fit_on_a_line() -> None:
    assert names_text(plain_names(3)) == "0, 1, 2"
    assert names_text(plain_names(100)).endswith("10, ... 99 (100)")


def test_a_long_name_does_not_fill_the_line() -> None:
    assert names_text(["a" * 200, "b"]) == f"{'a' * 37}..., b"
