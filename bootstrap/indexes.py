"""Passes the machine's pip configuration on to uv, which does not read it.

A machine with a company's package index, with a proxy, or with a folder of wheels and
no network is configured once, for pip. The locks name no index, so that this
configuration is enough.
"""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Mapping

from bootstrap.errors import SetupError

# pip's option, uv's variable for the same setting, and uv's separator of several values
# (pip's is white space). uv's variables are listed at
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

# Variables of uv that would change the packages of a lock, their destination, or the
# folder in which it works.
_OF_RESOLUTION = (
    *("UV_BUILD_CONSTRAINT", "UV_CONSTRAINT", "UV_EXCLUDE", "UV_EXCLUDE_NEWER"),
    *("UV_EXCLUDE_NEWER_PACKAGE", "UV_NO_BINARY", "UV_NO_BINARY_PACKAGE"),
    *("UV_NO_BUILD", "UV_NO_BUILD_ISOLATION", "UV_NO_BUILD_PACKAGE"),
    *("UV_NO_CONFIG", "UV_NO_EDITABLE", "UV_NO_VERIFY_HASHES", "UV_OVERRIDE"),
    *("UV_PRERELEASE", "UV_PROJECT", "UV_PYTHON", "UV_REQUIRE_HASHES"),
    *("UV_RESOLUTION", "UV_SYSTEM_PYTHON", "UV_TORCH_BACKEND"),
    *("UV_VENV_RELOCATABLE", "UV_VENV_SEED"),
    *("UV_WORKING_DIR", "UV_WORKING_DIRECTORY"),
)

# Places that may have only some files of some packages. They can be used to install by
# hash, but a lock that is resolved from them may be wrong.
_PARTIAL = ("extra-index-url", "find-links")

# Only the places of indexes and the ways to reach them are passed on. The rest of pip's
# configuration (constraints, a log, a cache, a target) concerns this machine only.
_OF_INDEX = tuple(option for option, _, _ in _OPTIONS)

# Options of pip's connection to an index, which have no use for uv or in a container.
_OF_CONNECTION = ("keyring-provider", "retries", "use-feature", "cache-dir")
_PLACES = ("index-url", "extra-index-url", "find-links")

# pip's own precedence: the command's section over the global one, variables over both.
_SECTIONS = ("global", "install", ":env:")


def pip_settings(
    python: str, environ: Mapping[str, str], whole_index_only: bool = False
) -> dict[str, str]:
    """Reads the configuration of a Python's pip.

    With `whole_index_only`, the places of `_PARTIAL` are left out.

    Returns:
        The options that `pip install` would use here, by their long names.

    Raises:
        SetupError: pip cannot read it.
    """
    answer = subprocess.run(
        [python, "-m", "pip", "config", "list"],
        # `user = true` would list the user's file only. `python` may name a Python that
        # does not exist here.
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

    Other settings of the user (`user`, `root`, `prefix`, `require-virtualenv`,
    `constraint`, `no-binary`) would prevent an installation into a folder.

    Args:
        settings: Settings by pip's long option names.
        environ: The process environment.
    """
    variables = {k: v for k, v in environ.items() if not k.startswith("PIP_")}
    for option in (*_OF_INDEX, *_OF_CONNECTION):
        if option in settings:
            variables["PIP_" + option.upper().replace("-", "_")] = settings[option]
    # With this value, pip reads no configuration file.
    return {**variables, "PIP_CONFIG_FILE": os.devnull}


def reachable_from_elsewhere(
    settings: Mapping[str, str],
) -> tuple[dict[str, str], list[str]]:
    """Returns the settings that a container can use, and those that were left out.

    Args:
        settings: Settings by pip's long option names.

    Returns:
        The options about the index, without places that only this machine has (a
        folder, a `file://` address); and the options that were left out, each with the
        place if only a place was.

    Raises:
        SetupError: The settings allow packages from this machine's own files only.
    """
    kept: dict[str, str] = {}
    left_out: list[str] = []
    for option, value in settings.items():
        if option not in _OF_INDEX:
            # PIP_CONFIG_FILE names the file of these settings, which has been read.
            if _names_a_file(value) and option != "config-file":
                left_out.append(option)
            continue
        if option in _PLACES:
            places = value.split()
            here = [p for p in places if "://" not in p or _names_a_file(p)]
            left_out += [f"{option} {place}" for place in here]
            value = "\n".join(place for place in places if place not in here)
        if value:
            # Further lines of a value begin with a space.
            kept[option] = value.replace("\n", "\n    ")
    if _is_true(kept.get("no-index", "")) and "find-links" not in kept:
        raise SetupError(
            "pip's no-index: expected an index, or find-links with an address that a "
            "container reaches, found only files of this machine"
        )
    return kept, left_out


def _names_a_file(value: str) -> bool:
    """Tells whether a setting names a file or folder of this machine."""
    scheme, separator, _ = value.partition("://")
    if separator:
        return scheme.rpartition("+")[2] == "file"
    return value.startswith(("/", "./", "../", "~"))


def _is_true(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on", "y", "t")


def without_resolution(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns an environment in which uv installs a lock unchanged."""
    return {k: v for k, v in environ.items() if k not in _OF_RESOLUTION}


def uv_variables(
    settings: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Translates pip's options to uv's variables; keeps variables that are set."""
    variables: dict[str, str] = {}
    for option, variable, separator in _OPTIONS:
        value = separator.join(settings.get(option, "").split())
        if value and variable not in environ:
            variables[variable] = value
    if "UV_INDEX" in variables:
        # pip takes a file from any index that has it. uv may do so, too, as the hashes
        # in the lock identify the file.
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if "SSL_CERT_FILE" not in {**environ, **variables}:
        variables["UV_SYSTEM_CERTS"] = "true"
    return variables
