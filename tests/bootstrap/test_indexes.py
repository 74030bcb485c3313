from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bootstrap.errors import SetupError
from bootstrap.indexes import (
    parse_pip_settings,
    pip_settings,
    reachable_from_elsewhere,
    uv_variables,
    without_resolution,
)


def test_settings_follow_pips_own_order() -> None:
    settings = parse_pip_settings(
        [
            ":env:.index-url='https://variable.example/simple'",
            "global.index-url='https://global.example/simple'",
            "global.timeout='10'",
            "install.timeout='60'",
            "install.index-url='https://install.example/simple'",
            "download.timeout='99'",
            "a warning of some kind",
        ]
    )

    assert settings == {
        "index-url": "https://variable.example/simple",
        "timeout": "60",
    }


def test_settings_come_from_the_machines_pip(tmp_path: Path) -> None:
    configuration = tmp_path / "pip.conf"
    configuration.write_text(
        "[global]\nindex-url = https://index.example/simple\n"
        "find-links =\n  /wheels/a\n  /wheels/b\n"
    )
    environ = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": str(configuration)}

    everything = pip_settings(sys.executable, environ)
    whole = pip_settings(sys.executable, environ, whole_index_only=True)

    assert everything["index-url"] == "https://index.example/simple"
    assert everything["find-links"].split() == ["/wheels/a", "/wheels/b"]
    assert everything.keys() - whole.keys() == {"find-links"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"index-url": "https://index.example/simple"},
            {"UV_DEFAULT_INDEX": "https://index.example/simple"},
        ),
        (
            {"extra-index-url": "https://a.example\nhttps://b.example"},
            {
                "UV_INDEX": "https://a.example https://b.example",
                "UV_INDEX_STRATEGY": "unsafe-best-match",
            },
        ),
        (
            {"no-index": "true", "find-links": "/wheels/a /wheels/b"},
            {"UV_NO_INDEX": "true", "UV_FIND_LINKS": "/wheels/a,/wheels/b"},
        ),
        (
            {"proxy": "http://proxy.example:3128", "trusted-host": "index.example"},
            {
                "ALL_PROXY": "http://proxy.example:3128",
                "UV_INSECURE_HOST": "index.example",
            },
        ),
        ({"timeout": "180"}, {"UV_HTTP_TIMEOUT": "180"}),
    ],
)
def test_pips_options_become_uvs_variables(
    settings: dict[str, str], expected: dict[str, str]
) -> None:
    assert uv_variables(settings, {"SSL_CERT_FILE": "/ca.pem"}) == expected


@pytest.mark.parametrize(
    "variable",
    ["UV_CONSTRAINT", "UV_EXCLUDE_NEWER", "UV_NO_VERIFY_HASHES", "UV_WORKING_DIR"],
)
def test_what_would_change_a_lock_does_not_reach_uv(variable: str) -> None:
    environ = {variable: "/nowhere", "UV_INDEX": "https://a.example", "HOME": "/me"}
    assert without_resolution(environ) == {
        "UV_INDEX": "https://a.example",
        "HOME": "/me",
    }


def test_systems_certificates_count_unless_a_file_is_named() -> None:
    assert uv_variables({}, {}) == {"UV_SYSTEM_CERTS": "true"}
    assert uv_variables({"cert": "/ca.pem"}, {}) == {"SSL_CERT_FILE": "/ca.pem"}


def test_variables_that_are_set_for_uv_stay() -> None:
    settings = {"index-url": "https://pip.example", "cert": "/pip.pem"}
    environ = {"UV_DEFAULT_INDEX": "https://uv.example", "SSL_CERT_FILE": "/uv.pem"}

    assert uv_variables(settings, environ) == {}


@pytest.mark.parametrize(
    ("settings", "kept", "left_out"),
    [
        (
            {"index-url": "https://a.example/simple", "trusted-host": "a.example"},
            {"index-url": "https://a.example/simple", "trusted-host": "a.example"},
            [],
        ),
        (
            {"index-url": "file:///mirror/simple"},
            {},
            ["index-url file:///mirror/simple"],
        ),
        (
            {"find-links": "/wheels\nhttps://a.example/wheels\nwheels"},
            {"find-links": "https://a.example/wheels"},
            ["find-links /wheels", "find-links wheels"],
        ),
        ({"constraint": "/etc/pip/constraints.txt"}, {}, ["constraint"]),
        ({"cache-dir": "~/.cache/elsewhere"}, {}, ["cache-dir"]),
        ({"disable-pip-version-check": "1"}, {}, []),
        ({"cert": "/ca.pem"}, {"cert": "/ca.pem"}, []),
        (
            {"extra-index-url": "https://a.example\nhttps://b.example"},
            {"extra-index-url": "https://a.example\n    https://b.example"},
            [],
        ),
    ],
)
def test_a_container_is_handed_what_it_can_reach(
    settings: dict[str, str], kept: dict[str, str], left_out: list[str]
) -> None:
    assert reachable_from_elsewhere(settings) == (kept, left_out)


def test_packages_from_this_machines_files_alone_reach_no_container() -> None:
    with pytest.raises(SetupError, match=r"^pip's no-index: expected an index"):
        reachable_from_elsewhere({"no-index": "true", "find-links": "/wheels"})
