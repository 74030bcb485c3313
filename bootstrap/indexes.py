"""Hands the machine's pip configuration on to uv, which does not read it.

A machine behind a company's package index or a proxy, or with wheels in a folder
and no network at all, is set up once, for pip; the locks name no index, so that
this set-up is all there is to it.
"""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Mapping

from bootstrap.errors import SetupError

# pip's option, the variable by which uv takes the same, and what uv puts between
# several values (pip puts white space). uv's variables are listed at
# docs.astral.sh/uv/reference/environment.
_OPTIONS = (
    ("index-url", "UV_DEFAULT_INDEX", " "),
    ("extra-index-url", "UV_INDEX", " "),
    ("find-links", "UV_FIND_LINKS", ","),
    ("no-index", "UV_NO_INDEX", " "),
    ("trusted-host", "UV_INSECURE_HOST", " "),
    ("cert", "SSL_CERT_FILE", " "),
    ("client-cert", "SSL_CLIENT_CERT", " "),
    ("proxy", "ALL_PROXY", " "),
    ("timeout", "UV_HTTP_TIMEOUT", " "),
    ("default-timeout", "UV_HTTP_TIMEOUT", " "),
)

# Variables of uv that would change what a lock says, or where it goes.
_OF_RESOLUTION = (
    *("UV_BUILD_CONSTRAINT", "UV_CONSTRAINT", "UV_EXCLUDE", "UV_EXCLUDE_NEWER"),
    *("UV_NO_BINARY", "UV_NO_BUILD", "UV_NO_BUILD_ISOLATION", "UV_OVERRIDE"),
    *("UV_PRERELEASE", "UV_PYTHON", "UV_REQUIRE_HASHES", "UV_RESOLUTION"),
    *("UV_SYSTEM_PYTHON", "UV_TORCH_BACKEND"),
)

# Places that hold some files of some packages: good to install from, by hash, and
# misleading to resolve a lock from.
_PARTIAL = ("extra-index-url", "find-links")

# All that is handed on says where an index is and how it is reached. The rest of pip's
# configuration (constraints, a log, a cache, a target) is this machine's own business.
_OF_INDEX = tuple(option for option, _, _ in _OPTIONS)

# How pip comes to an index; it means nothing to uv, or in a container.
_OF_CONNECTION = ("keyring-provider", "retries", "use-feature", "cache-dir")
_PLACES = ("index-url", "extra-index-url", "find-links")

# pip's own order: the command's section over the global one, variables over both.
_SECTIONS = ("global", "install", ":env:")


def pip_settings(
    python: str, environ: Mapping[str, str], whole_index_only: bool = False
) -> dict[str, str]:
    """Asks a Python's pip for its configuration.

    The places that hold only some of the files can be left out.

    Returns:
        The options that `pip install` would have here, by their long names.

    Raises:
        SetupError: pip cannot read it.
    """
    answer = subprocess.run(
        [python, "-m", "pip", "config", "list"],
        # `user = true` is meant for installations, and would list that file alone;
        # `python` is another one, which need not be there.
        env={**environ, "PIP_USER": "0", "PIP_PYTHON": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if answer.returncode:
        reason = " ".join(answer.stderr.decode(errors="replace").split())
        raise SetupError(f"pip config list: {reason}")
    settings = parse_pip_settings(answer.stdout.decode(errors="replace").splitlines())
    if whole_index_only:
        return {key: value for key, value in settings.items() if key not in _PARTIAL}
    return settings


def parse_pip_settings(lines: list[str]) -> dict[str, str]:
    """Reads the lines of `pip config list`: `global.index-url='https://...'`."""
    sections: dict[str, dict[str, str]] = {name: {} for name in _SECTIONS}
    for line in lines:
        key, separator, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if separator and section in sections:
            try:
                sections[section][option] = str(ast.literal_eval(value))
            except (SyntaxError, ValueError):
                continue
    merged: dict[str, str] = {}
    for name in _SECTIONS:
        merged.update(sections[name])
    return merged


def pip_variables(
    settings: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Returns an environment in which pip has an index, and no other settings.

    What is good for a person's own installations (`user`, `root`, `prefix`,
    `require-virtualenv`, `constraint`, `no-binary`) stops one into a folder.

    Args:
        settings: By pip's long option names.
        environ: The process environment.
    """
    variables = {k: v for k, v in environ.items() if not k.startswith("PIP_")}
    for option in (*_OF_INDEX, *_OF_CONNECTION):
        if option in settings:
            variables["PIP_" + option.upper().replace("-", "_")] = settings[option]
    # pip's word for no file at all.
    return {**variables, "PIP_CONFIG_FILE": os.devnull}


def reachable_from_elsewhere(
    settings: Mapping[str, str],
) -> tuple[dict[str, str], list[str]]:
    """Returns the settings that mean something in a container, and what was left out.

    Args:
        settings: By pip's long option names.

    Returns:
        The options about the index, without the places that only this machine sees
        (a folder, a `file://` address); and each option that lost something, with
        what it lost where that is a place.

    Raises:
        SetupError: The settings allow packages from this machine's own files only.
    """
    kept: dict[str, str] = {}
    left_out: list[str] = []
    for option, value in settings.items():
        if option not in _OF_INDEX:
            # PIP_CONFIG_FILE says where all of this stands, and is done with.
            if _names_a_file(value) and option != "config-file":
                left_out.append(option)
            continue
        if option in _PLACES:
            places = value.split()
            here = [p for p in places if "://" not in p or _names_a_file(p)]
            left_out += [f"{option} {place}" for place in here]
            value = "\n".join(place for place in places if place not in here)
        if value:
            # A value of several lines goes on where a line begins with a blank.
            kept[option] = value.replace("\n", "\n    ")
    if _is_true(kept.get("no-index", "")) and "find-links" not in kept:
        raise SetupError(
            "pip's no-index: expected an index, or find-links with an address that a "
            "container reaches, found only files of this machine"
        )
    return kept, left_out


def _names_a_file(value: str) -> bool:
    """Tells whether a setting is about a file or folder of this machine."""
    scheme, separator, _ = value.partition("://")
    if separator:
        return scheme.rpartition("+")[2] == "file"
    return value.startswith(("/", "./", "../", "~"))


def _is_true(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on", "y", "t")


def without_resolution(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns an environment in which uv takes a lock as it is."""
    return {k: v for k, v in environ.items() if k not in _OF_RESOLUTION}


def uv_variables(
    settings: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Translates pip's options; a variable that is set already stays as it is."""
    variables: dict[str, str] = {}
    for option, variable, separator in _OPTIONS:
        value = separator.join(settings.get(option, "").split())
        if value and variable not in environ:
            variables[variable] = value
    if "UV_INDEX" in variables:
        # pip takes a file from whichever index has it. So may uv: the hashes in the
        # lock, not the index's name, say which file is meant.
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if "SSL_CERT_FILE" not in {**environ, **variables}:
        variables["UV_SYSTEM_CERTS"] = "true"
    return variables
