"""Keeps, of uv's configuration files, only what says where an index is.

A company may name its index in `uv.toml` and nowhere else. The rest of such a file
(`[pip] target`, `no-binary`, `constraint-dependencies`, a `uv.toml` in a folder above
this one) was written for other projects, and would install other packages than those of
the lock, or elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.errors import SetupError

# Keys of docs.astral.sh/uv/reference/settings; [pip] has some of them as well.
_OF_INDEX = (
    *("index", "index-url", "extra-index-url", "find-links", "no-index"),
    *("index-strategy", "keyring-provider", "allow-insecure-host", "native-tls"),
    *("system-certs", "http-proxy", "https-proxy", "no-proxy", "offline"),
    *("cache-dir", "python-install-mirror"),
)

_TOO_OLD = 3
"""Exit code of a Python without tomllib."""

# The environment's Python reads the files, as an older one may run this module. As uv
# does, this passes over a file that it may not read (of another user, after sudo) or
# whose folder is a file (HOME=/dev/null). The one file that UV_CONFIG_FILE names must
# be there.
_READ = f"""
import json, sys
try:
    import tomllib
except ImportError:
    sys.exit({_TOO_OLD})
names = sys.argv[1:]
absent = (FileNotFoundError, NotADirectoryError, PermissionError)
for name in names:
    try:
        with open(name, "rb") as file:
            print(json.dumps(tomllib.load(file)))
    except absent if len(names) > 1 else ():
        pass
    except OSError as error:
        sys.exit(f"{{name}}: {{error.strerror}}")
    except ValueError as error:
        sys.exit(f"{{name}}: {{error}}")
"""


def write_settings(python: str, environ: Mapping[str, str], path: Path) -> bool:
    """Writes a configuration file for uv that names indexes, and nothing else.

    Args:
        python: Executable of the Python that reads the files.
        environ: The process environment.
        path: File to write.

    Returns:
        Whether it was written. Not by a Python that is too old to read the files: uv,
        which is then only to fetch another Python, must read them itself.

    Raises:
        SetupError: A configuration file cannot be read.
    """
    answer = subprocess.run(
        [python, "-I", "-c", _READ, *_files(environ)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if answer.returncode == _TOO_OLD:
        return False
    if answer.returncode:
        reason = answer.stderr.decode(errors="replace").strip().splitlines()
        raise SetupError(f"uv's settings: {reason[-1]}")
    kept: dict[str, Any] = {}
    for line in answer.stdout.splitlines():
        content = json.loads(line)
        for section in (content, content.get("pip", {})):
            kept.update({key: section[key] for key in _OF_INDEX if key in section})
    lines = [f"{key} = {_toml(value)}\n" for key, value in kept.items()]
    # An index's address may have a password in it.
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(lines), encoding="utf-8")
    return True


def _files(environ: Mapping[str, str]) -> list[str]:
    """Returns the files that uv would read, the most important last."""
    if environ.get("UV_NO_CONFIG"):
        return []
    if environ.get("UV_CONFIG_FILE"):
        return [environ["UV_CONFIG_FILE"]]
    home = environ.get("HOME") or os.path.expanduser("~")
    own = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    systems = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    folders = ["/etc", *reversed(systems), own]
    return [os.path.join(folder, "uv", "uv.toml") for folder in folders]


def _toml(value: Any) -> str:
    """Returns a value in TOML; JSON's texts, numbers, booleans and arrays are TOML."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)
