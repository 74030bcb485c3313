"""Builds the HTML page from sections, and reads it again.

A run's page grows in steps: data, model, push. So a page can be read again, and one
section can be replaced without making the others again. Each section has its facts as
JSON, for programs and for the next step.
"""

import hashlib
import json
import math
import os
import re
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from components.report import templates
from contract.demands import bound_text, number, outcome_text, value_text, words
from contract.model_run import setting_text

VERDICT, DATA, MODEL, EVALUATION, REPLAY, RUN = SECTIONS = (
    "verdict",
    "data",
    "model",
    "evaluation",
    "replay",
    "run",
)
"""Sections in the page's order."""

TRAFFIC = "traffic"
MONITORING = (VERDICT, TRAFFIC, RUN)
"""Sections of a page about traffic, in its order."""

_SECTION = re.compile(
    r"<!--section (\w+) (made|failed)-->(.*?)<!--/section-->", re.DOTALL
)
_FACTS = re.compile(
    r'<script type="application/json" class="facts">(.*?)</script>', re.DOTALL
)
_FLAG = re.compile(r"--[a-z-]+|gates\.\w+|\[\[gates\.\w+\]\]")
_PAGE = re.compile(r'<body data-model="([^"]*)" data-run="([^"]*)">')


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: One of `SECTIONS`, or `TRAFFIC`.
        html: The HTML, which includes the facts.
        facts: The facts as JSON, for programs.
        failed: Whether it could not be made; its HTML then says so.
    """

    name: str
    html: str
    facts: dict[str, Any]
    failed: bool = False

    @classmethod
    def make(cls, name: str, facts: Any, **drawn: Any) -> Self:
        """Makes a section from its template."""
        content = as_json(facts)
        html = _environment().get_template(f"{name}.html").render(facts=facts, **drawn)
        return cls(name, html + _facts_element(content), content)

    @classmethod
    def make_failed(cls, name: str, error: Exception) -> Self:
        """Makes a section that says why it could not be made."""
        content = {"error": f"{type(error).__name__}: {error}"}
        html = _environment().get_template("failed.html").render(name=name, **content)
        return cls(name, html + _facts_element(content), content, failed=True)


@dataclass(frozen=True)
class Page:
    """A page with the sections so far.

    Attributes:
        model: The model's name.
        run: The run's name; empty if it is not known.
        sections: Sections by name.
        order: Names of all sections of the complete page, in order.
    """

    model: str
    run: str = ""
    sections: dict[str, Section] = field(default_factory=dict)
    order: tuple[str, ...] = SECTIONS

    def having(self, *sections: Section) -> Self:
        """Returns the page with these sections added or replaced."""
        added = {section.name: section for section in sections}
        return replace(self, sections={**self.sections, **added})

    def has(self, name: str) -> bool:
        """Tells whether the section exists and did not fail."""
        return name in self.sections and not self.sections[name].failed

    def render(self) -> str:
        """Returns the page's HTML."""
        return (
            _environment()
            .get_template("page.html")
            .render(
                page=self,
                style=Markup(_read("page.css")),
                # Pictures from callers are linked, never embedded in the page.
                images="data: 'self' file:"
                if {TRAFFIC, REPLAY} & self.sections.keys()
                else "data:",
                verdict=self.sections[VERDICT].facts if self.has(VERDICT) else None,
            )
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the page's sections; `REPLAY` only if a replay was made."""
        left_out = {REPLAY} - self.sections.keys()
        return tuple(name for name in self.order if name not in left_out)

    @classmethod
    def parse(cls, text: str, order: tuple[str, ...] = SECTIONS) -> Self:
        """Reads a page that `render` made.

        Raises:
            ValueError: The text is not such a page.
        """
        about = _PAGE.search(text)
        if about is None:
            raise ValueError("expected a page of this pipeline, found something else")
        model, run = (Markup(value).unescape() for value in about.groups())
        sections = {}
        for name, state, html in _SECTION.findall(text):
            carried = _FACTS.search(html)
            assert carried is not None, f"section {name} carries its facts"
            sections[name] = Section(
                name, html, json.loads(carried[1]), failed=state == "failed"
            )
        return cls(model, run, sections, order)


def as_json(facts: Any) -> Any:
    """Converts facts to JSON's types; numbers that are not finite become None."""
    if hasattr(facts, "as_dict"):
        return as_json(facts.as_dict())
    if is_dataclass(facts) and not isinstance(facts, type):
        return {f.name: as_json(getattr(facts, f.name)) for f in fields(facts)}
    if isinstance(facts, dict):
        return {str(key): as_json(value) for key, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [as_json(value) for value in facts]
    if isinstance(facts, float) and not math.isfinite(facts):
        return None
    return facts


@cache
def templates_digest() -> str:
    """Returns a digest of the templates, which is part of the cache key."""
    digest = hashlib.sha256()
    folder = os.path.dirname(templates.__file__)
    for name in sorted(os.listdir(folder)):
        if name.endswith((".html", ".css")):
            digest.update(name.encode() + b"\0" + _read(name).encode())
    return digest.hexdigest()[:16]


def _facts_element(content: Any) -> str:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    # The text must not end the element, or contain one of the section marks.
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f'<script type="application/json" class="facts">{text}</script>'


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(os.path.dirname(templates.__file__)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=count_text,
        percent=_percent,
        probability=_probability,
        megabytes=_megabytes,
        number=_number,
        bound=bound_text,
        measured=number,
        value=value_text,
        setting=setting_text,
        flags=_flags,
        outcome=outcome_text,
        words=words,
        moment=_moment,
    )
    return environment


def _read(name: str) -> str:
    folder = os.path.dirname(templates.__file__)
    with open(os.path.join(folder, name), encoding="utf-8") as stream:
        return stream.read()


def count_text(value: int) -> str:
    """Formats a whole number in groups of three digits, with narrow spaces."""
    return f"{value:,}".replace(",", "\u202f")


def _percent(value: float | None, digits: int = 1) -> str:
    return "\u2013" if value is None else f"{100 * value:.{digits}f}\u202f%"


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _probability(value: float) -> str:
    """Formats a probability in per cent; only exact 0 and 1 appear as 0 % and 100 %."""
    if value in (0, 1):
        return f"{100 * value:.0f}\u202f%"
    if value < 0.0001:
        return "<\u202f0.01\u202f%"
    # Rounded down, so that rounding gives no 100 %.
    digits = 4 if value > 0.999 else 2
    return f"{math.floor(100 * value * 10**digits) / 10**digits:.{digits}f}\u202f%"


def _number(value: float | None, digits: int = 4) -> str:
    if value is None:
        return "\u2013"
    return f"{value:.{digits}f}" if math.isfinite(value) else "no number"


def _flags(text: str) -> Markup:
    """Returns a text with its flags and settings marked as code."""
    return Markup(_FLAG.sub(r"<code>\g<0></code>", str(escape(text))))


def _megabytes(value: int | None) -> str:
    return "unknown" if value is None else f"{count_text(round(value / 1e6))}\u202fMB"
