"""Reads a page's content, as a browser and a program find it."""

import os
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from components.report.page import Page

VOID = {"meta", "link", "img", "br"}


class Outline(HTMLParser):
    """Collects the elements of a page; raises for those that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def read(made: Any) -> Page:
    """Returns the page of an artifact, whose only file it is."""
    assert os.listdir(made.uri) == ["report.html"]
    text = Path(made.uri, "report.html").read_text()
    Outline(text)
    assert len(text) < 500_000
    return Page.parse(text)


def facts(page: Page, name: str) -> dict[str, Any]:
    assert not page.sections[name].failed, page.sections[name].facts
    return page.sections[name].facts


def demands(page: Page) -> dict[tuple[str, str], dict[str, Any]]:
    gates = facts(page, "verdict")["gates"]
    return {(gate["metric"], gate["slice"]): gate for gate in gates}
