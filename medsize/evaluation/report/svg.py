"""Matplotlib figures as inline SVG that takes its colours and its type from the page around it."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medsize.text import printable

INK: Final = "#010101"
MUTED: Final = "#020202"
GRID: Final = "#030303"
SERIES: Final = tuple(f"#0401{number:02x}" for number in range(8))
"""Colours that stand for the page's own: each becomes a CSS variable, so that light and dark pages both read well."""

_VARIABLES: Final = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--rule)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)},
}
_STYLE: Final[dict[Any, Any]] = {
    "text.parse_math": False,  # a structure may be named with a dollar sign
    "svg.fonttype": "none",  # real text: it can be searched, copied and read aloud, and takes the page's font
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "figure.constrained_layout.use": True,
}
_REWRITES: Final = (
    (r"\s*<metadata>.*?</metadata>", ""),
    (r"\s*<style[^>]*>.*?</style>", ""),  # would hold for the whole page
    (r"xlink:href", "href"),
    (r"font-family: [^;\"]*", "font-family: var(--sans)"),
    (r"font: ((?:\w+ )*[\d.]+px) [^;\"]*", r"font: \1 var(--sans)"),  # matplotlib 3.10 and older
    (r"(?<=\d\.\d\d)\d+(?=[ \"\n)])", ""),  # coordinates to a hundredth of a point
)


@contextmanager
def page_style(salt: str = "") -> Iterator[None]:
    """Draw in the style of the page, whatever matplotlibrc the user has.

    Args:
        salt: What ids in the SVG are made from, so that they, and so the whole report, are the same at every writing.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**_STYLE, "svg.hashsalt": salt})
        yield


def new_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure of a size in inches, with its axes."""
    figure = Figure(figsize=(width, height))
    figure.patch.set_visible(False)
    axes = figure.subplots()
    axes.patch.set_visible(False)
    return figure, axes


def to_svg(figure: Figure, *, name: str, description: str) -> Markup:
    """Return a figure as an ``<svg>`` element for an HTML page.

    Args:
        figure: Drawn under :func:`page_style`.
        name: Unique on the page; letters, digits and hyphens. Ids inside the figure begin with it.
        description: What the figure shows, for readers who do not see it.
    """
    buffer = io.StringIO()
    with page_style(salt=name):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    body = text[text.index(">", text.index("<svg")) + 1 :]
    for pattern, replacement in _REWRITES:
        body = re.sub(pattern, replacement, body, flags=re.DOTALL)
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    width, height = figure.get_size_inches() * 72
    view = f'viewBox="0 0 {width:g} {height:g}"'
    return Markup(f'<svg class="figure" role="img" aria-label="{escape(printable(description))}" {view}>{body}')
