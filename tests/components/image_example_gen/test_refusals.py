"""Unreadable data is refused in one line that says what to do."""

import gzip
import pickle
from pathlib import Path
from typing import Any

import pytest

from components.image_example_gen.source import open_source
from contract.errors import BadInputError


class Trap:
    """An object that writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("trapped").write_text, ("!",))


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("a.heic", b"\0", "convert them to PNG or JPEG"),
        ("a.rar", b"Rar!", "unpack it"),
        ("a.xlsx", b"PK", "save it as CSV"),
        ("train_X.bin", b"\0", "save the arrays as an npz"),
        ("notes.md", b"#", "found notes.md"),
    ],
)
def test_there_is_advice(
    tmp_path: Path, name: str, content: bytes, advice: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match=advice) as caught:
        open_source(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["data_batch_1", "mnist.pkl.gz", "test.pt"])
def test_a_pickle_is_never_opened(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(Trap())
    Path(name).write_bytes(gzip.compress(content) if ".gz" in name else content)
    with pytest.raises(BadInputError, match="a pickle, which can run any program"):
        open_source(".")
    assert not Path("trapped").exists()


def test_a_single_file_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_bytes(b"#")
    with pytest.raises(BadInputError) as caught:
        open_source(str(tmp_path / "notes.md"))
    assert str(caught.value).count("notes.md") == 1
    assert str(caught.value).endswith("found a file of another kind")
