"""Writes `model_card.md`: the manifest as a page for people.

Its sections are those of Mitchell et al., Model Cards for Model Reporting (FAT*
2019, arXiv:1810.03993), section 4. A fact that is not known is shown as such. The
template is `model_card.md.j2`; this module makes its tables and formats its values.
"""

import os
from collections.abc import Iterator, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from contract.demands import (
    bound_text,
    champion_text,
    outcome_text,
    value_text,
    what_text,
)
from contract.features import SPLITS
from contract.model_run import setting_text
from contract.task import Task, names_text
from version_store.digests import MODEL_CARD_FILE
from version_store.manifest import Manifest

_UNKNOWN = "unknown"

Rows = Iterator[Sequence[str]]
"""A Markdown table: the column names, a separator line, and the rows."""


def write_model_card(folder: str, manifest: Manifest) -> None:
    """Writes the card into a version's folder."""
    path = os.path.join(folder, MODEL_CARD_FILE)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(render(manifest))


def render(manifest: Manifest) -> str:
    """Returns the card as Markdown; it has only facts of the manifest."""
    environment = Environment(
        loader=PackageLoader("version_store", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, of values that `plain` has made harmless
    )
    environment.filters |= {
        "plain": _plain,
        "known": lambda value: _plain(value) or _UNKNOWN,
        "setting": lambda value: _plain(setting_text(value)),
        "figure": _figure,
        "cell": lambda value: " ".join(value.split()).replace("|", "\\|"),
    }
    return environment.get_template(f"{MODEL_CARD_FILE}.j2").render(
        m=manifest,
        task=Task.from_dict(manifest.task) if manifest.task else None,
        names_text=names_text,
        count=lambda split: _count((manifest.counts or {}).get(split)),
        gates=_gates(manifest),
        statistics=_statistics(manifest),
        classes=list(_classes(manifest)),
    )


def _gates(manifest: Manifest) -> Rows:
    yield "gate", "metric", "value", "bound", "champion", ""
    yield ["---"] * 6
    for demand in manifest.gates or ():
        values = value_text(demand), bound_text(demand), champion_text(demand)
        yield demand.gate, _plain(what_text(demand)), *values, outcome_text(demand)


def _statistics(manifest: Manifest) -> Rows:
    known = manifest.statistics or {}
    order = {split: place for place, split in enumerate(SPLITS)}
    splits = sorted(known, key=lambda split: order.get(split, len(order)))
    by_split = [known[split] for split in splits]
    yield "", *splits
    yield ["---"] * (1 + len(splits))
    for label in dict.fromkeys(x for one in by_split for x in one.labels or {}):
        counts = (_plain((one.labels or {}).get(label)) for one in by_split)
        yield f"class {_plain(label)}", *counts
    yield "pixel mean", *(_figure(one.image_mean) for one in by_split)
    yield "pixel deviation", *(_figure(one.image_std_dev) for one in by_split)


def _classes(manifest: Manifest) -> Rows:
    known = manifest.metrics.classes if manifest.metrics else None
    if not known:
        return
    yield "class", "images", "accuracy", "champion"
    yield ["---"] * 4
    for name, one in known.items():
        images = _plain(one.examples) or _UNKNOWN
        champion = "-" if one.champion is None else _figure(one.champion)
        yield _plain(name), images, _figure(one.accuracy), champion


def _count(count: int | None) -> str:
    return _UNKNOWN if count is None else f"{count:,}"


def _figure(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.4f}"


def _plain(value: object) -> str:
    """Returns a value on one line, escaped for Markdown; empty for None."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return " ".join(str(value).split()).replace("<", "&lt;")
