"""Loads the user's static page for `/`, with a policy that allows only its scripts.

The policy allows scripts and styles by their hashes, which are computed from the file.
So scripts that an attacker inserts into the shown page do not run.
"""

import base64
import dataclasses
import hashlib
from html.parser import HTMLParser

from serving.server.errors import invalid_argument


@dataclasses.dataclass(frozen=True)
class Page:
    """The page and its headers."""

    body: bytes
    headers: dict[str, str]


class _InlineBlocks(HTMLParser):
    """Collects the contents of inline `script` and `style` elements."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: dict[str, list[str]] = {"script": [], "style": []}
        self._open: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.blocks:
            self._open = tag
            self.blocks[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._open:
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open:
            self.blocks[self._open][-1] += data


def content_security_policy(html: str) -> str:
    """Returns the policy that allows the inline blocks of `html` and no others."""
    parser = _InlineBlocks()
    parser.feed(html)
    parser.close()

    def sources(tag: str) -> str:
        digests = (
            hashlib.sha256(block.encode()).digest() for block in parser.blocks[tag]
        )
        hashes = [f"'sha256-{base64.b64encode(d).decode()}'" for d in digests]
        return " ".join(hashes) or "'none'"

    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {sources('script')}",
            f"style-src {sources('style')}",
            "connect-src 'self'",
            "img-src 'self' data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def load(path: str) -> Page:
    """Reads the page.

    Raises:
        ServingError: INVALID_ARGUMENT; the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            body = file.read()
        text = body.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise invalid_argument(f"--page: cannot read '{path}': {error}") from error
    return Page(
        body=body,
        headers={
            "Cache-Control": "no-cache",
            "Content-Security-Policy": content_security_policy(text),
            "Content-Type": "text/html; charset=utf-8",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )
