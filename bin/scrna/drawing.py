"""What the report's figures have in common: colours, style, sizes, axes, and how a figure becomes bytes.

The same data give the same bytes: no dates, fixed identifiers in SVG.
"""

import base64
import functools
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from PIL import Image

# The first six are those of Okabe and Ito (without the yellow, too pale on white), four more Tol's muted
# ones. Each further one is the colour farthest, in OKLab, from all before it, as seen with normal vision,
# deuteranopia and protanopia: so the first n are a good choice for any n.
PALETTE = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#882255", "#332288"),
    *("#999933", "#DDCC77", "#2FD3BE", "#714C00", "#8E7BEC", "#7B6884", "#C6AAA1", "#4C714C"),
    *("#B3D0FF", "#424C7B", "#711C13", "#6839A1", "#71BD68", "#004C39", "#71C6C6", "#6884C6"),
    *("#FFBDAA", "#5E1C5E", "#A17B4C", "#4C5EC6", "#8E4C97", "#B34239", "#7BA1FF", "#EC6884"),
    *("#A197C6", "#FF8E5E", "#8E4C68", "#D0D94C", "#26A1AA", "#558E00", "#68D997", "#2F4C55"),
    *("#D9B3E3", "#E3BD09", "#E38EE3", "#00427B", "#8E132F", "#686800", "#976868", "#A168A1"),
)
# Batches are not clusters: they start elsewhere.
BATCH_PALETTE = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", *PALETTE[10:])

INK, QUIET, RULE, LIMIT = "#1f2933", "#66717f", "#d7dce2", "#C2410C"
BEFORE, AFTER = "#aab3bf", "#0072B2"
_DPI = 192
# Inches that let one, two, three or four figures fill a line of the page.
FULL, HALF, THIRD, QUARTER = 11.7, 5.66, 3.64, 2.63
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "svg.hashsalt": "stargazer",
    "text.parse_math": False,  # gene and batch names may have a dollar sign
}

Arguments = ParamSpec("Arguments")
Kind = Literal["png", "svg"]


@dataclass(frozen=True)
class Picture:
    """A figure as bytes: `kind` png or svg, what it shows in words, its size in CSS pixels."""

    kind: Kind
    data: bytes
    alt: str
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        media = "image/svg+xml" if self.kind == "svg" else "image/png"
        return f"data:{media};base64,{base64.b64encode(self.data).decode()}"


def styled(draw: Callable[Arguments, Picture]) -> Callable[Arguments, Picture]:
    """Draw in the report's style, whatever the user's own settings are."""

    @functools.wraps(draw)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Picture:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_STYLE)
            return draw(*args, **kwargs)

    return wrapped


def colours_of(groups: Sequence[str], palette: Sequence[str] = PALETTE) -> dict[str, str]:
    """Return a colour for each group by its place; after the last colour they start again."""
    return {group: palette[place % len(palette)] for place, group in enumerate(groups)}


def matching_colours(
    main: pd.Series, colours: Mapping[str, str], other: pd.Series, groups: Sequence[str]
) -> dict[str, str]:
    """Colour another clustering of the same cells so that a group looks like the one it mostly consists of.

    Each main colour goes to the group that shares the most cells with it, the rest get colours not in use.
    """
    shared = (
        pd.crosstab(other.astype(str), main.astype(str)).stack().sort_values(ascending=False, kind="stable")
    )
    result: dict[str, str] = {}
    taken: set[str] = set()
    for (group, origin), cells in shared.items():
        if cells and group not in result and origin not in taken:
            result[group] = colours[origin]
            taken.add(origin)
    spare = iter([colour for colour in PALETTE if colour not in colours.values()] + list(PALETTE))
    return {group: result.get(group) or next(spare, PALETTE[0]) for group in groups}


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of one pair of axes; width and height in inches (96 CSS pixels)."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    return figure, figure.subplots()


def finish(figure: Figure, alt: str, kind: Kind) -> Picture:
    """Draw the figure into bytes without dates; PNGs get a palette of 256 colours, a third of the size."""
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    file = io.BytesIO()
    if kind == "svg":
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        return Picture(kind, file.getvalue(), alt, width, height)
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(_DPI)
    canvas.draw()
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    picture = pixels.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    colours = np.array(picture.getpalette(), dtype=np.uint8).reshape(-1, 3)
    colours[np.asarray(picture)[0, 0]] = 255  # the corner is paper, which the palette renders almost white
    picture.putpalette(colours.tobytes())
    picture.save(file, format="png", optimize=True)
    return Picture(kind, file.getvalue(), alt, width, height)


def round_values(low: float, high: float) -> list[float]:
    """Return round numbers between `low` and `high` for a logarithmic axis: more of them in a narrow span."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    span = high / low
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8) if span < 8 else (1, 2, 5) if span < 300 else (1,)
    values = [float(step * power) for power in powers for step in steps]
    inside = [value for value in values if low <= value <= high]
    return inside if len(inside) > 1 else [float(f"{value:.3g}") for value in np.linspace(low, high, 4)[1:-1]]


def compact(value: float) -> str:
    """Return a number as an axis shows it: 1k for thousands, no needless digits."""
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k" if value >= 1e3 else f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share as per cent; nearly none never reads as none, nearly all never as all."""
    return "< 0.1%" if 0 < share < 0.001 else "> 99.9%" if 0.999 < share < 1 else f"{share:.1%}"


def log_axis(axis: Any) -> None:
    """Give a logarithmic axis, whose limits are settled, round plain numbers as ticks."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(FixedLocator(round_values(low, high)))
    axis.set_major_formatter(FuncFormatter(lambda value, _place: compact(value)))
    axis.set_minor_locator(NullLocator())


def slanted(names: int) -> dict[str, Any]:
    """Return how tick labels are turned so that `names` of them fit under an axis."""
    return {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if names > 2 else {}


def dot_size(cells: int, area: float) -> float:
    """Return the area of a dot in square points: smaller for more cells, on `area` square inches."""
    return float(np.clip(area * 600 / max(cells, 1), 0.5, 26))


def map_axes(axes: Axes, title: str) -> None:
    """Show a map: no ticks, as its distances have no unit; two short arrows name the axes."""
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.margins(0.04)
    arrow = {
        "arrowstyle": "-|>",
        "color": QUIET,
        "linewidth": 0.9,
        "mutation_scale": 7,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    for tip in ((0.14, 0.0), (0.0, 0.14)):
        axes.annotate("", tip, (0, 0), xycoords="axes fraction", textcoords="axes fraction", arrowprops=arrow)
    axes.text(0.0, -0.012, "UMAP 1", transform=axes.transAxes, va="top", fontsize=6.5, color=QUIET)
    axes.text(
        -0.012,
        0.0,
        "UMAP 2",
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        rotation=90,
        fontsize=6.5,
        color=QUIET,
    )


def colour_bar(
    figure: Figure, axes: Axes, mappable: Any, label: str, *, logged: bool = False, shrink: float = 0.6
) -> None:
    """Add a slim colour bar at the right."""
    bar = figure.colorbar(mappable, ax=axes, shrink=shrink, aspect=18, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(length=2, labelsize=7.5)
    if logged:
        ticks = round_values(mappable.norm.vmin, mappable.norm.vmax)
        bar.set_ticks(ticks, labels=[compact(tick) for tick in ticks])
        bar.minorticks_off()


def legend_below(axes: Axes, entries: Mapping[str, tuple[str, str]]) -> None:
    """Add a legend of dots (name: marker, colour) under the axes."""
    handles = [
        axes.scatter([], [], marker=marker, color=colour, s=26, linewidths=1 if marker == "x" else 0)
        for marker, colour in entries.values()
    ]
    columns = 1 if not entries else int(np.clip(60 // (max(map(len, entries)) + 5), 1, 5))
    axes.figure.legend(
        handles,
        list(entries),
        loc="outside lower center",
        ncols=columns,
        handletextpad=0.2,
        columnspacing=1.2,
    )


def short(name: str, most: int) -> str:
    """Return a name on one line, cut where it is too long for the figure."""
    line = " ".join(name.split())
    return line if len(line) <= most else line[: most - 1] + "…"
