"""A model is named after the file or folder of its data."""

import pytest

from components.image_example_gen.understanding import name_of
from pipeline.data_settings import Data


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("meine Bilder für Küche", "meine-bilder-fur-kuche"),
        ("Große Straße", "grosse-strasse"),
        ("Łódź", "lodz"),
        ("søknader æøå", "soknader-aeoa"),
        ("ﬁsh №2", "fish-no2"),
        ("字母", "images"),
        ("字母/letters.npz", "letters"),
        ("letters/train.csv", "letters"),
        ("café/{SPAN}", "cafe"),
        ("-%s'\n[v2]-", "s-v2"),
        ("é" * 100, "e" * 58),
    ],
)
def test_any_path_gives_a_name_that_kubeflow_and_a_url_take(
    path: str, name: str
) -> None:
    assert name_of(path) == name
    assert Data(name=name).name == name


def test_the_two_ways_to_write_a_letter_with_an_accent_give_one_name() -> None:
    """A Mac's file system may give the second one, where Linux keeps the first."""
    assert name_of("k\u00fcche") == name_of("ku\u0308che") == "kuche"
