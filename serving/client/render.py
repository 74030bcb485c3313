"""How answers look: in a terminal, in a pipe, and as JSON."""

import json
from typing import Any

import numpy as np
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from serving.client.results import (
    DigitAnswer,
    ModelMetadata,
    TensorSpec,
    VersionStatus,
)
from serving.client.sources import Digit

_RAMP = " .:-=+*#%@"
_BAR_CELLS = 24
_STATE_STYLES = {"AVAILABLE": "green", "END": "red", "LOADING": "yellow"}


def colourful(console: Console) -> bool:
    """Whether the console can show grey levels."""
    return console.is_terminal and not console.no_color and bool(console.color_system)


def drawing(pixels: np.ndarray, *, colour: bool) -> list[Text]:
    """Draw an image, two rows of pixels on a line.

    Args:
      pixels: uint8 [28, 28].
      colour: Half-blocks in grey levels; otherwise plain ASCII.

    Returns:
      14 lines of 28 cells.
    """
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        line = Text()
        for top, bottom in zip(upper.tolist(), lower.tolist(), strict=True):
            if colour:
                style = Style(color=_grey(top), bgcolor=_grey(bottom))
                line.append("\N{UPPER HALF BLOCK}", style)
            else:
                line.append(_RAMP[(top + bottom) * (len(_RAMP) - 1) // 510])
        lines.append(line)
    return lines


def _grey(level: int) -> str:
    return f"#{level:02x}{level:02x}{level:02x}"


def print_answer(
    console: Console, digit: Digit, answer: DigitAnswer, *, draw: bool
) -> None:
    """Print one answer: the drawing with the three best beside it, or one line."""
    best = answer.best(3)
    if not draw:
        others = "  ".join(f"{name} {value:.1%}" for name, value in best[1:])
        console.print(
            Text.assemble(
                f"{digit}: ",
                (str(answer.digit), "bold"),
                f"  {answer.probability:.1%}  ({others})",
            ),
            soft_wrap=True,
        )
        return
    beside = [
        Text(),
        Text(str(digit), "dim"),
        Text(),
        Text.assemble("Answer  ", (str(answer.digit), "bold green")),
        Text(),
        *(_bar(console, name, value) for name, value in best),
        Text(),
        Text(f"{answer.model} version {answer.version}", "dim"),
    ]
    lines = drawing(digit.pixels, colour=colourful(console))
    for number, line in enumerate(lines):
        note = beside[number] if number < len(beside) else Text()
        joined = Text.assemble(line, "   ", note)
        joined.rstrip()
        console.print(joined, soft_wrap=True, highlight=False)
    console.print()


def _bar(console: Console, name: int, value: float) -> Text:
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


def answer_json(digit: Digit, answer: DigitAnswer, signature: str) -> str:
    """One answer as a line of JSON; the schema is in docs/serving.md."""
    return _json(
        {
            "source": digit.source,
            "index": digit.index,
            "digit": answer.digit,
            "probability": answer.probability,
            "probabilities": list(answer.probabilities),
            "model": {
                "name": answer.model,
                "version": answer.version,
                "signature": signature,
            },
        }
    )


def error_json(source: str, index: int | None, reason: str) -> str:
    """An image that has no answer, as a line of JSON."""
    return _json({"source": source, "index": index, "error": reason})


def print_status(console: Console, versions: list[VersionStatus]) -> None:
    """Print each version's state, newest first."""
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
    """Every version's state as one JSON object."""
    return _json(
        {
            "model": model,
            "versions": [
                {
                    "version": item.version,
                    "state": item.state,
                    "error_code": item.error_code,
                    "error_message": item.error_message,
                }
                for item in versions
            ],
        }
    )


def print_metadata(console: Console, metadata: ModelMetadata) -> None:
    """Print the signatures of a model with their inputs and outputs."""
    console.print(f"{metadata.model} version {metadata.version}", highlight=False)
    for name, signature in metadata.signatures.items():
        console.print(Text.assemble("\n", (name, "bold"), f"  {signature.method_name}"))
        table = Table(box=None, show_header=False, pad_edge=False)
        for kind, specs in (("in", signature.inputs), ("out", signature.outputs)):
            for alias, spec in specs.items():
                table.add_row(f"  {kind}", alias, spec.dtype, _shape_text(spec))
        console.print(table)


def metadata_json(metadata: ModelMetadata) -> str:
    """A model's signatures as one JSON object."""

    def specs(items: Any) -> dict[str, Any]:
        return {
            alias: {
                "dtype": spec.dtype,
                "shape": None if spec.shape is None else list(spec.shape),
            }
            for alias, spec in items.items()
        }

    return _json(
        {
            "model": metadata.model,
            "version": metadata.version,
            "signatures": {
                name: {
                    "method_name": signature.method_name,
                    "inputs": specs(signature.inputs),
                    "outputs": specs(signature.outputs),
                }
                for name, signature in metadata.signatures.items()
            },
        }
    )


def _shape_text(spec: TensorSpec) -> str:
    if spec.shape is None:
        return "any shape"
    return f"[{', '.join('?' if size is None else str(size) for size in spec.shape)}]"


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
