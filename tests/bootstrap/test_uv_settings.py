"""Of uv's configuration files, the set-up keeps what says where an index is."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import SetupError
from bootstrap.uv_settings import write_settings

OWN = """
index-url = "https://own.example/simple"
no-binary = ["tensorflow"]
[[index]]
name = "wheels"
url = "https://wheels.example"
default = true
[pip]
target = "/somewhere"
extra-index-url = ["https://more.example"]
"""


WITHOUT_TOMLLIB = """
import sys
sys.modules["tomllib"] = None
_, _, _, code, *sys.argv[1:] = sys.argv
exec(code)
"""


def kept(tmp_path: Path, **environ: str) -> dict[str, Any]:
    """Returns what uv would read, for a person whose home is `tmp_path`."""
    path = tmp_path / "kept.toml"
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path), **environ}
    assert write_settings(sys.executable, environ, path)
    return tomllib.loads(path.read_text())


def configure(folder: Path, content: str) -> Path:
    (folder / "uv").mkdir(parents=True)
    path = folder / "uv" / "uv.toml"
    path.write_text(content)
    return path


def test_without_files_there_is_nothing(tmp_path: Path) -> None:
    assert kept(tmp_path) == {}


def test_indexes_stay_and_a_target_does_not(tmp_path: Path) -> None:
    configure(tmp_path / ".config", OWN)
    assert kept(tmp_path) == {
        "index-url": "https://own.example/simple",
        "index": [{"name": "wheels", "url": "https://wheels.example", "default": True}],
        "extra-index-url": ["https://more.example"],
    }


def test_nobody_else_reads_the_password_of_an_index(tmp_path: Path) -> None:
    configure(tmp_path / ".config", 'index-url = "https://me:secret@own.example"\n')
    (tmp_path / "kept.toml").touch(mode=0o644)  # an earlier set-up's
    assert kept(tmp_path)
    assert (tmp_path / "kept.toml").stat().st_mode & 0o777 == 0o600


def test_a_persons_file_counts_more_than_the_systems(tmp_path: Path) -> None:
    configure(tmp_path, 'index-url = "https://all.example"\noffline = true\n')
    configure(tmp_path / ".config", OWN)
    found = kept(tmp_path)
    assert found["index-url"] == "https://own.example/simple"
    assert found["offline"] is True


def test_a_file_that_is_named_is_the_only_one(tmp_path: Path) -> None:
    named = configure(tmp_path / "named", "no-index = true\n")
    configure(tmp_path / ".config", OWN)
    assert kept(tmp_path, UV_CONFIG_FILE=str(named)) == {"no-index": True}
    assert kept(tmp_path, UV_NO_CONFIG="1") == {}


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    named = str(tmp_path / "uv.toml")
    with pytest.raises(SetupError, match=f"^uv's settings: {named}: No such file"):
        kept(tmp_path, UV_CONFIG_FILE=named)


def test_a_home_that_is_no_folder_has_no_settings(tmp_path: Path) -> None:
    assert kept(tmp_path, HOME="/dev/null") == {}


def test_uv_reads_the_files_itself_where_python_is_too_old_to(tmp_path: Path) -> None:
    """They may name the mirror from which uv is to fetch a later Python."""
    configure(tmp_path / ".config", 'python-install-mirror = "https://own.example"\n')
    old = tmp_path / "python3.9"
    old.write_text(f"#!{sys.executable}\n{WITHOUT_TOMLLIB}")
    old.chmod(0o755)
    assert not write_settings(str(old), {"HOME": str(tmp_path)}, tmp_path / "kept.toml")
    assert not (tmp_path / "kept.toml").exists()


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = configure(tmp_path / ".config", "[pip")
    with pytest.raises(SetupError, match=rf"uv's settings: {path}: Expected"):
        kept(tmp_path)
