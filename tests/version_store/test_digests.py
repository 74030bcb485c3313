"""Digests are equal for the same files and differ for any others."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from version_store.digests import file_digests, folder_digest, model_digest

MakeModel = Callable[..., Path]


def test_every_file_has_the_sha_256_of_its_content(make_model: MakeModel) -> None:
    def sha(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    assert file_digests(str(make_model())) == {
        "saved_model.pb": sha("graph"),
        "assets.extra/tf_serving_warmup_requests": sha("requests"),
        "variables/variables.data-00000-of-00001": sha("weights"),
        "variables/variables.index": sha("index"),
    }


@pytest.mark.parametrize("digest", [model_digest, folder_digest])
def test_the_same_files_elsewhere_have_the_same_digest(
    make_model: MakeModel, digest: Callable[[str], str]
) -> None:
    assert digest(str(make_model("here"))) == digest(str(make_model("there")))


@pytest.mark.parametrize("digest", [model_digest, folder_digest])
@pytest.mark.parametrize(
    "change",
    [
        lambda model: (model / "variables/variables.index").write_text("other"),
        lambda model: (model / "variables/variables.index").unlink(),
        lambda model: (model / "new").write_text(""),
        lambda model: (model / "saved_model.pb").rename(model / "saved.pb"),
        lambda model: (model / "variables").rename(model / "values"),
    ],
    ids=["content", "removed", "added", "renamed", "folder renamed"],
)
def test_every_change_of_a_file_changes_it(
    make_model: MakeModel,
    change: Callable[[Path], Any],
    digest: Callable[[str], str],
) -> None:
    model = make_model()
    before = digest(str(model))
    change(model)
    assert digest(str(model)) != before


def test_a_version_has_the_digest_of_its_model(make_model: MakeModel) -> None:
    model = make_model()
    before = model_digest(str(model))
    (model / "manifest.json").write_text("{}")
    (model / "model_card.md").write_text("# Model card")
    (model / "statistics/Split-train").mkdir(parents=True)
    (model / "statistics/Split-train/FeatureStats.pb").write_text("statistics")
    assert model_digest(str(model)) == before


def test_it_is_the_one_that_versions_of_before_carry(make_model: MakeModel) -> None:
    """The digest was computed by this project before manifests had a format number."""
    assert model_digest(str(make_model())) == (
        "d348fb95f71465486d8bb5286e12f8423423748f4694fc17d0cf33cb14b33e76"
    )
