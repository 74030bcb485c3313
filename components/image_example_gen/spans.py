"""Finds the spans of a data set and chooses which of them are read together.

Patterns are those of TFX's ExampleGen (tfx/components/example_gen/utils.py): `{SPAN}`
stands for a span's number, or `{YYYY}`, `{MM}` and `{DD}` for a day, whose number is
counted from 1970-01-01. `{VERSION}` stands for the version of a span; the highest one
is read. A pattern names one folder or file for each span, in any supported format.
TFX's own resolver does not run on Kubeflow, so the executor reads the pattern there,
with the same functions as the local command.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from components.image_example_gen.contents import is_ours
from contract.errors import BadInputError

_TOKEN = re.compile(r"\{(SPAN|VERSION|YYYY|MM|DD)(?::(\d+))?\}")
_DAY = ("YYYY", "MM", "DD")
_DIGITS = {"YYYY": r"\d{4}", "MM": r"\d{2}", "DD": r"\d{2}"}
_FIRST_DAY = date(1970, 1, 1)
_SHOWN = 12


@dataclass(frozen=True)
class Span:
    """One version of a span.

    Attributes:
        number: Number of the span; for a day, the days since 1970-01-01, as in TFX.
        version: Version of the span; None if the pattern has no versions.
        path: Path of its folder or file.
        is_day: Whether the pattern names days.
    """

    number: int
    version: int | None
    path: str
    is_day: bool = False

    @property
    def name(self) -> str:
        """Name of the span: `7`, `2026-11-26`, or `7/2` for version 2."""
        name = str(self.number)
        if self.is_day:
            name = date.fromordinal(_FIRST_DAY.toordinal() + self.number).isoformat()
        return name if self.version is None else f"{name}/{self.version}"


def is_pattern(path: str) -> bool:
    """Tells whether a path is a pattern of spans."""
    return _TOKEN.search(path) is not None


def root(pattern: str) -> str:
    """Returns the folder above all spans of a pattern."""
    return os.path.dirname(_TOKEN.split(pattern)[0]) or "."


def find(pattern: str, marker: str = "") -> list[Span]:
    """Returns all versions of all spans, sorted by number and version.

    Args:
        pattern: Pattern of the spans' folders or files.
        marker: Name of a file that marks a span as complete: it is in the span's
            folder, or beside the span's file, whose name it continues. Spans without
            it are ignored. Empty: all spans are complete.

    Raises:
        BadInputError: The pattern is invalid, or two paths are the same span.
    """
    pattern = re.sub(r"/\*{0,2}$", "", pattern)
    names = _check(pattern)
    found: dict[tuple[int, int], Span] = {}
    for path, values in _matching(pattern):
        span = _span(path, values, is_day="YYYY" in names)
        if marker and not is_complete(span.path, marker):
            continue
        same = found.setdefault((span.number, span.version or 0), span)
        if same is not span:
            raise BadInputError(
                f"{pattern}: expected one path for span {span.name}, found "
                f"{same.path} and {span.path}"
            )
    return [found[key] for key in sorted(found)]


def choose(pattern: str, window: int, named: Sequence[str], marker: str) -> list[Span]:
    """Returns the spans that are read together, oldest first.

    Args:
        pattern: See `find`.
        window: Number of newest spans to read; 0: all.
        named: Names of the spans to read instead; a name without a version stands for
            the newest version.
        marker: See `find`.

    Raises:
        BadInputError: There are no spans, or a named one does not exist.
    """
    there = find(pattern, marker)
    having = f" with a file {marker}" if marker else ""
    if not there:
        raise BadInputError(f"{pattern}: expected a span{having}, found none")
    # They are sorted, so the highest version replaces the others.
    newest = {span.number: span for span in there}
    if not named:
        return list(newest.values())[-window:]
    by_name = {span.name.partition("/")[0]: span for span in newest.values()}
    by_name |= {span.name: span for span in there}
    for name in named:
        if name not in by_name:
            raise BadInputError(
                f"data.spans: {name}: expected a span of {pattern}{having}, found "
                f"{names_text(there)}"
            )
    chosen = {by_name[name].number: by_name[name] for name in named}
    return [chosen[number] for number in sorted(chosen)]


def is_complete(path: str, marker: str) -> bool:
    """Tells whether a span's marker exists; see `find`."""
    if os.path.isdir(path):
        return os.path.exists(os.path.join(path, marker))
    return os.path.exists(path + marker)


def links(spans: Iterable[Span]) -> tuple[str, dict[str, str]]:
    """Returns a pattern for links in one folder, and the path behind each link."""
    spans = list(spans)
    pattern = "{YYYY}-{MM}-{DD}" if spans[0].is_day else "{SPAN}"
    if spans[0].version is not None:
        pattern += "-v{VERSION}"
    return pattern, {span.name.replace("/", "-v"): span.path for span in spans}


def names_text(spans: Sequence[Span]) -> str:
    """Returns the names of spans on one line; long lists are shortened."""
    names = [span.name for span in spans]
    if len(names) > _SHOWN:
        names = [*names[:2], "...", *names[-2:]]
    return ", ".join(names)


def _check(pattern: str) -> list[str]:
    """Checks a pattern and returns the names of its tokens."""
    names = [name for name, _ in _TOKEN.findall(pattern)]
    once = len(names) == len(set(names))
    rest = set(names) - {"VERSION"}
    if not once or rest not in ({"SPAN"}, set(_DAY)):
        found = ", ".join(f"{{{name}}}" for name in names)
        raise BadInputError(
            f"{pattern}: expected {{SPAN}}, or {{YYYY}}, {{MM}} and {{DD}}, and "
            f"perhaps {{VERSION}}, each once; found {found}"
        )
    return names


def _matching(pattern: str) -> list[tuple[str, dict[str, str]]]:
    """Returns the paths that match a pattern, with the values of its tokens."""
    top = root(pattern)
    if not os.path.isdir(top):
        raise BadInputError(f"{top}: missing: expected a folder with spans in it")
    below = pattern if top == "." else pattern[len(top) :].lstrip("/")
    found: list[tuple[str, dict[str, str]]] = [(top, {})]
    for part in below.removeprefix("./").split("/"):
        expression = _expression(part)
        found = [
            (os.path.join(folder, name), values | match.groupdict())
            for folder, values in found
            if os.path.isdir(folder)
            for name in sorted(os.listdir(folder))
            if is_ours(name) and (match := expression.fullmatch(name))
        ]
    return found


def _expression(part: str) -> re.Pattern[str]:
    """Converts one path component of a pattern into a regular expression."""
    text, at = "", 0
    for token in _TOKEN.finditer(part):
        name, width = token.groups()
        digits = rf"\d{{{width}}}" if width else _DIGITS.get(name, r"\d+")
        text += re.escape(part[at : token.start()]) + f"(?P<{name}>{digits})"
        at = token.end()
    return re.compile(text + re.escape(part[at:]))


def _span(path: str, values: dict[str, str], *, is_day: bool) -> Span:
    version = int(values["VERSION"]) if "VERSION" in values else None
    if not is_day:
        return Span(int(values["SPAN"]), version, path)
    year, month, day = (int(values[name]) for name in _DAY)
    try:
        number = date(year, month, day).toordinal() - _FIRST_DAY.toordinal()
    except ValueError as error:
        raise BadInputError(f"{path}: expected a day, found: {error}") from error
    return Span(number, version, path, is_day=True)
