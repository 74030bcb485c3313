"""The page has a content security policy that allows only its own code."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from serving.server import page
from serving.server.errors import ServingError
from tests.serving.server.running import RunningServer


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_inline_blocks_are_allowed_by_their_hashes() -> None:
    script, style = "let a = '<b>';\n", "b { color: red }"
    html = f"<html><style>{style}</style><p>x</p><script>{script}</script></html>"
    policy = dict(
        part.split(" ", 1) for part in page.content_security_policy(html).split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"'sha256-{digest(script)}'"
    assert policy["style-src"] == f"'sha256-{digest(style)}'"
    assert policy["connect-src"] == "'self'"


def test_a_page_without_scripts_may_run_none() -> None:
    assert "script-src 'none'" in page.content_security_policy("<p>x</p>")


def test_it_is_at_the_root(server: RunningServer) -> None:
    found = page.load(server.options.page)
    status, body, headers = server.http("/")
    assert (status, body) == (200, found.body)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "unsafe-inline" not in headers["Content-Security-Policy"]


def test_a_page_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"--page: cannot read '.*none.html'"):
        page.load(str(tmp_path / "none.html"))
