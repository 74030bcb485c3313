"""Prints lineage to a terminal or a pipe."""

import re
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contract.demands import (
    Demand,
    bound_text,
    champion_text,
    outcome_text,
    value_text,
)
from lineage.explain import Subject, flat, plain
from lineage.listing import Entry
from version_store.render import UNKNOWN, local_time, plain_table

_OF_SPLIT = {
    "examples": "examples",
    "image_mean": "pixel mean",
    "image_std_dev": "deviation",
}

_NONE_IS_NONE = re.compile(r"(^|\.)(training\.[\w.]+|task\.background)$")
"""Facts for which None means "none", not "unknown": settings, a task's background."""
_DIGEST = re.compile(r"[0-9a-f]{40,64}")

_STYLES = {"pushed": "green", "unchanged": "cyan", "refused": "yellow", "broken": "red"}


def show_entries(console: Console, found: list[Entry]) -> None:
    """Prints a row for each entry."""
    table = plain_table(
        console, "when", "model", "run", "verdict", "version", "state", "accuracy"
    )
    for entry in found:
        style = _STYLES.get(entry.verdict.split()[0], "")
        table.add_row(
            local_time(entry.when),
            entry.model or UNKNOWN,
            _run(entry),
            Text(entry.verdict, style=style),
            "" if entry.version is None else str(entry.version),
            entry.state or "",
            "" if entry.test_accuracy is None else f"{entry.test_accuracy:.4f}",
        )
    console.print(table)


def show_subject(console: Console, subject: Subject) -> None:
    """Prints all facts of a version or run; missing ones as unknown."""
    console.print(Text(subject.title, style="bold"))
    about = {k: v for k, v in subject.about.items() if k not in ("kind", "files")}
    _print_facts(console, "", about)
    facts = plain(subject.facts)
    gates, statistics = facts.pop("gates"), facts.pop("statistics")
    classes = (facts["metrics"] or {}).pop("classes", None)
    task = facts.pop("task")
    _print_facts(console, "task", task or {"task": None})
    _print_facts(console, "facts", facts)
    for title, show, found in (
        ("statistics", _print_statistics, statistics),
        ("test accuracy by class", _print_classes, classes),
        ("gates", _print_gates, gates),
    ):
        _begin(console, title)
        if found is None:
            console.print(f"  {UNKNOWN}")
        else:
            show(console, found)
    files = subject.about.get("files")
    if files:
        _print_facts(console, "files, SHA-256", files, deep=False)


def show_difference(
    console: Console, one: str, other: str, found: dict[str, dict[str, Any]]
) -> None:
    """Prints a row for each differing fact."""
    if not found:
        console.print(f"nothing differs between {one} and {other}")
        return
    table = plain_table(console, "", one, other)
    for key, values in found.items():
        sides = (_short(key, values[s]) if s in values else "-" for s in ("a", "b"))
        table.add_row(key, *map(Text, sides))
    console.print(table)


def text_of(value: Any, key: str = "") -> str:
    """Returns a fact as a text.

    Args:
        value: The value; None means unknown, except for keys of `_NONE_IS_NONE`.
        key: Dotted key of the fact, if it has one.
    """
    if value is None:
        return "none" if _NONE_IS_NONE.search(key) else UNKNOWN
    if value in ("", [], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "; ".join(text_of(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {text_of(one)}" for key, one in value.items())
    return str(value)


def _short(key: str, value: Any) -> str:
    """Returns a fact for a narrow column: only the beginning of a digest."""
    text = text_of(value, key)
    return f"{text[:12]}..." if _DIGEST.fullmatch(text) else text


def _run(entry: Entry) -> str:
    if entry.kind == "rollback":
        return ""
    return entry.run or entry.pipeline_run or UNKNOWN


def _print_facts(
    console: Console, title: str, facts: dict[str, Any], *, deep: bool = True
) -> None:
    if title:
        _begin(console, title)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for key, value in (flat(facts) if deep else facts).items():
        table.add_row(f"  {key}", Text(text_of(value, f"{title}.{key}")))
    console.print(table)


def _print_statistics(console: Console, splits: dict[str, Any]) -> None:
    labels = list(dict.fromkeys(x for s in splits.values() for x in s["labels"] or ()))
    table = plain_table(console, "", *splits)
    for key, name in _OF_SPLIT.items():
        table.add_row(name, *(text_of(one[key]) for one in splits.values()))
    # Each class has a row, as there may be many.
    for label in labels:
        counts = ((one["labels"] or {}).get(label) for one in splits.values())
        table.add_row(f"class {label}", *map(text_of, counts))
    console.print(table)


def _print_classes(console: Console, classes: dict[str, Any]) -> None:
    table = plain_table(console, "class", "examples", "accuracy", "champion")
    for name, one in classes.items():
        champion = f"{one['champion']:.4f}" if one.get("champion") is not None else "-"
        table.add_row(
            Text(name), text_of(one["examples"]), f"{one['accuracy']:.4f}", champion
        )
    console.print(table)


def _print_gates(console: Console, gates: dict[str, Any]) -> None:
    table = plain_table(console, "gate", "value", "bound", "champion", "")
    for name, gate in gates.items():
        demand = Demand(name, "", "", **gate)
        table.add_row(
            Text(name),
            value_text(demand),
            bound_text(demand),
            champion_text(demand),
            outcome_text(demand),
        )
    console.print(table)


def _begin(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="bold"))
