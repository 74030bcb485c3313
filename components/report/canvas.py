"""Draws the page's plots with Matplotlib, as inline SVG in the page's colours.

The colours are the page's CSS variables, so one drawing fits light mode, dark mode and
print. Texts stay texts. Matplotlib is used without pyplot: no figure is kept, and the
process's plotting state does not change. It is imported when the first plot is drawn,
because a run that reuses all results draws none.
"""

import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from markupsafe import Markup, escape

# Placeholders for the page's CSS variables, because Matplotlib takes no CSS. They are
# replaced in the SVG's text.
TEXT, QUIET, LINE, CARD = "#010201", "#010202", "#010203", "#010204"
FIRST, SECOND, THIRD, BAD = "#010205", "#010206", "#010207", "#010208"
_VARIABLES = {
    TEXT: "text",
    QUIET: "quiet",
    LINE: "line",
    CARD: "card",
    FIRST: "accent",
    SECOND: "second",
    THIRD: "third",
    BAD: "bad",
}

# One unit of the drawing is about one CSS pixel if the plot is as wide as a phone.
_WIDTH, _HEIGHT = 360, 230
_POINTS_PER_INCH = 72


@contextmanager
def drawing(
    height: int = _HEIGHT,
    left: float = 49,
    bottom: int = 22,
    top: int = 26,
    rows: tuple[int, ...] = (1,),
) -> Iterator[tuple[Any, Any]]:
    """Yields a figure and its axes in the page's style."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_LOOKS):
        figure = Figure(figsize=(_WIDTH / _POINTS_PER_INCH, height / _POINTS_PER_INCH))
        figure.subplots_adjust(
            left=left / _WIDTH,
            right=0.985,
            bottom=bottom / height,
            top=1 - top / height,
            hspace=0.12,
        )
        axes = figure.subplots(len(rows), height_ratios=rows)
        yield figure, axes


_LOOKS: Any = {
    "svg.fonttype": "none",
    "text.color": TEXT,
    "text.usetex": False,
    "text.parse_math": False,
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "legend.handlelength": 1.2,
}


_LONGEST = 15
"""Maximum width of a class name beside a plot, in narrow letters; a tooltip has the
whole name."""

_STAND_IN = re.compile(r">@(\d+)@-*</text>")


def stand_ins(names: Sequence[str]) -> list[str]:
    """Returns placeholders for class names; `svg` replaces them with the names.

    Matplotlib would warn of letters that its font lacks but browsers have. A
    placeholder is about as wide as its name, and Matplotlib does not read it as a
    formula.
    """
    return [
        f"@{place}@".ljust(_width(shortened(name)), "-")
        for place, name in enumerate(names)
    ]


def shortened(name: str) -> str:
    """Shortens a name to at most `_LONGEST` narrow letters, with an ellipsis."""
    if _width(name) <= _LONGEST:
        return name
    kept = name
    while _width(kept) >= _LONGEST:
        kept = kept[:-1]
    return f"{kept.rstrip()}\u2026"


def name_width(names: Sequence[str]) -> float:
    """Returns the space that names need beside a plot, in units of the drawing."""
    return 12 + 5.8 * max((_width(shortened(name)) for name in names), default=1)


def _width(text: str) -> int:
    """Returns the width of a text in narrow letters; Chinese ones count twice."""
    return sum(
        0
        if unicodedata.combining(letter)
        else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def svg(figure: Any, name: str, description: str, names: Sequence[str] = ()) -> Markup:
    """Returns the figure as an SVG element of the page.

    Args:
        figure: The figure.
        name: Name of the figure in the page; it is the prefix of the SVG's ids.
        description: Text for screen readers.
        names: The names for which `stand_ins` made placeholders.
    """
    import matplotlib

    stream = io.StringIO()
    # The salt determines the ids in the SVG: they are the same each time, and differ
    # between two figures of a page.
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    _, _, body = text.partition(">")
    view = re.search(r'viewBox="([^"]*)"', text)
    assert view is not None, "Matplotlib's SVG has a viewBox"
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, f"var(--{variable})")
    body = re.sub(r"(font: [^;\"']*?\d+px) [^;\"]*", r"\1 system-ui, sans-serif", body)
    body = body.replace("xlink:href", "href")
    referred = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', body))
    body = re.sub(
        r' id="([^"]+)"',
        lambda found: (
            found[0].replace('"', f'"{name}-', 1) if found[1] in referred else ""
        ),
        body,
    )
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", body)
    body = re.sub(r">\s+<", "><", body)
    body = _STAND_IN.sub(lambda found: _named(names[int(found[1])]), body)
    return Markup(
        f'<svg class="plot" role="img" aria-label="{escape(description)}" '
        f'viewBox="{view[1]}">{body}'
    )


def _named(name: str) -> str:
    return f"><title>{escape(name)}</title>{escape(shortened(name))}</text>"


def legend(axes: Any, columns: int, handles: Any = None) -> None:
    """Draws the legend above a plot."""
    options = {} if handles is None else {"handles": handles}
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=columns,
        borderpad=0,
        columnspacing=1.4,
        **options,
    )
