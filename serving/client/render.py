"""Formats answers for a terminal, a pipe, or as JSON."""

import json
import sys
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from contract.task import short_name
from serving.client.results import (
    ClassAnswer,
    ModelMetadata,
    VersionStatus,
)
from serving.client.sources import Picture, Unreadable

_RAMP = " .:-=+*#%@"
_BAR_CELLS = 24
_MAX_NAME_CELLS = 24
_MAX_DRAWN_SIDE = 56
_STATE_STYLES = {"AVAILABLE": "green", "END": "red", "LOADING": "yellow"}


def colourful(console: Console) -> bool:
    """Tells whether the console can show grey levels."""
    return (
        console.is_terminal
        and not console.no_color
        and bool(console.color_system)
        and "utf" in console.encoding
    )


def drawing(pixels: np.ndarray, background: int | None, *, colour: bool) -> list[Text]:
    """Draws an image, with two rows of pixels in a line.

    Args:
        pixels: uint8 [height, width] or [height, width, 3]. A large image is
            reduced.
        background: The level that ASCII drawings leave blank; None for black.
        colour: Whether to draw half-blocks in the image's colours, or plain ASCII.

    Returns:
        A line for every two rows; a single last row is left out.
    """
    step = -(-max(pixels.shape[:2]) // _MAX_DRAWN_SIDE)
    pixels = pixels[::step, ::step]
    pixels = pixels[: len(pixels) // 2 * 2]
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        line = Text()
        for top, bottom in zip(upper, lower, strict=True):
            if colour:
                style = Style(color=_colour(top), bgcolor=_colour(bottom))
                line.append("\N{UPPER HALF BLOCK}", style)
            else:
                light = int(top.mean()) + int(bottom.mean())
                strength = light if (background or 0) < 128 else 510 - light
                line.append(_RAMP[strength * (len(_RAMP) - 1) // 510])
        lines.append(line)
    return lines


def _colour(pixel: np.ndarray) -> str:
    red, green, blue = np.broadcast_to(pixel, 3).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


def print_answer(
    console: Console, picture: Picture, answer: ClassAnswer, *, draw: bool
) -> None:
    """Prints one answer: a drawing with the three best classes beside it, or a line."""
    task = answer.task
    best = [(task.classes[label], share) for label, share in answer.best(3)]
    mark = ("not of this task?", "bold yellow") if answer.is_novel else ""
    if not draw:
        others = "  ".join(
            f"{short_name(name)} {value:.1%}" for name, value in best[1:]
        )
        console.print(
            Text.assemble(
                f"{picture}: ",
                (answer.name, "bold"),
                f"  {answer.probability:.1%}  ({others})",
                "  " if mark else "",
                mark,
            ),
            soft_wrap=True,
        )
        return
    width = min(_MAX_NAME_CELLS, max(cell_len(name) for name, _ in best))
    made = picture.way.text and f" to {task.size_text}, {picture.way.text}"
    beside = [
        Text(),
        Text(f"{picture}{made}", "dim"),
        Text(),
        Text.assemble(f"{task.noun}  ", (short_name(answer.name), "bold green")),
        Text.assemble(mark),
        *(_bar(console, set_cell_size(name, width), value) for name, value in best),
        Text(),
        Text(f"{answer.model} version {answer.version}", "dim"),
    ]
    lines = drawing(picture.pixels, task.background, colour=colourful(console))
    blank = " " * max(len(line) for line in lines or [Text()])
    for line, note in zip_longest(lines, beside):
        joined = Text.assemble(line or blank, "   ", note or "")
        joined.rstrip()
        console.print(joined, soft_wrap=True, highlight=False)
    console.print()


def _bar(console: Console, name: str, value: float) -> Text:
    full, empty = ("\N{FULL BLOCK}", "\N{LIGHT SHADE}")
    if not console.is_terminal or "utf" not in console.encoding:
        full, empty = "#", "."
    cells = round(value * _BAR_CELLS)
    return Text.assemble(
        f"{name}  ",
        (full * cells, "cyan"),
        (empty * (_BAR_CELLS - cells), "dim"),
        f" {value:6.1%}",
    )


def answer_json(picture: Picture, answer: ClassAnswer, signature: str) -> str:
    """Returns one answer as a line of JSON; the schema is in docs/serving.md."""
    content: dict[str, Any] = {
        "source": picture.source,
        "index": picture.index,
        "class": answer.name,
        "class_id": answer.class_id,
        "probability": answer.probability,
        "probabilities": list(answer.probabilities),
        "prepared": picture.way.value,
        "model": {
            "name": answer.model,
            "version": answer.version,
            "signature": signature,
        },
    }
    if answer.is_novel is not None:
        content |= {"novelty": answer.novelty, "is_novel": answer.is_novel}
    if answer.task.noun == "digit":  # the key of version 0.1
        name = answer.name
        content["digit"] = int(name) if name.isdecimal() else answer.class_id
    return _json(content)


def error_json(item: Unreadable) -> str:
    """Returns the line of JSON for an image without an answer."""
    return _json({"source": item.source, "index": item.index, "error": item.reason})


def print_status(console: Console, versions: list[VersionStatus]) -> None:
    """Prints each version's state, newest first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("version", "state", "error"):
        table.add_column(column)
    for item in versions:
        error = Text(f"{item.error_code}: {item.error_message}")
        table.add_row(
            str(item.version),
            Text(item.state, _STATE_STYLES.get(item.state, "")),
            error if item.error_code != "OK" else Text(),
        )
    console.print(table)


def status_json(model: str, versions: list[VersionStatus]) -> str:
    """Returns every version's state as one JSON object."""
    return _json({"model": model, "versions": list(map(asdict, versions))})


def print_metadata(console: Console, metadata: ModelMetadata) -> None:
    """Prints the signatures of a model with their inputs and outputs."""
    console.print(f"{metadata.model} version {metadata.version}", highlight=False)
    for name, signature in metadata.signatures.items():
        console.print(Text.assemble("\n", (name, "bold"), f"  {signature.method_name}"))
        table = Table(box=None, show_header=False, pad_edge=False)
        for kind, specs in (("in", signature.inputs), ("out", signature.outputs)):
            for alias, spec in specs.items():
                table.add_row(f"  {kind}", alias, spec.dtype, str(spec))
        console.print(table)


def metadata_json(metadata: ModelMetadata) -> str:
    """Returns a model's signatures as one JSON object."""
    return _json(asdict(metadata))


def _json(value: dict[str, Any]) -> str:
    encoding = sys.stdout.encoding or "ascii"
    return json.dumps(value, ensure_ascii="utf" not in encoding.lower())
