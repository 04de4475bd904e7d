"""The look that all charts share: quiet axes, and colours that people with any eyes can tell apart."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stargazer_cli.errors import needing

if TYPE_CHECKING:
    import pandas as pd

# After Okabe and Ito; the order is that in which colours are given out.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6BB1", "#B3A100", "#8A8A8A")
# More clusters than that have names beside their colours, from Kelly's list.
_MORE = (
    *("#F3C300", "#875692", "#F38400", "#A1CAF1", "#BE0032", "#C2B280", "#008856", "#E68FAC", "#0067A5"),
    *("#F99379", "#604E97", "#F6A600", "#B3446C", "#DCD300", "#882D17", "#8DB600", "#654522", "#E25822"),
)
# From next to nothing to much, before a white page and a black one.
EXPRESSION = ("rgba(140, 146, 160, 0.3)", "#8f7fd6", "#d6266c")
DEPTH = ("#b7d3ea", "#0b4f8a")
QUIET = "#7a8392"
_LINE = "#9ca3af"
_GRID = "rgba(128, 128, 128, 0.18)"


def palette(count: int) -> list[str]:
    """Return colours for so many things; beyond what eyes can tell apart they begin again."""
    colours = COLOURS if count <= len(COLOURS) else (*COLOURS[:-1], *_MORE)
    return [colours[place % len(colours)] for place in range(count)]


def histogram(values: Iterable[float], bins: int = 40) -> "pd.DataFrame":
    """Return how many values are in each bin: start, end, count. A browser needs no more to draw them."""
    with needing("A notebook", "pandas", "notebook"):
        import numpy as np
        import pandas as pd

    known = np.asarray(list(values), dtype=float)
    known = known[np.isfinite(known)]
    counts, edges = np.histogram(known, bins=min(bins, max(1, len(np.unique(known)))))
    return pd.DataFrame({"start": edges[:-1], "end": edges[1:], "count": counts})


def use_theme() -> None:
    """Give all charts of Altair this look, readable in light and dark."""
    with needing("A notebook", "altair", "notebook"):
        import altair as alt

    alt.theme.register("stargazer", enable=True)(_look)


def _look() -> dict[str, Any]:
    quiet = {"labelColor": QUIET, "titleColor": QUIET, "titleFontWeight": 500}
    return {
        "config": {
            "background": "transparent",
            "font": "system-ui, -apple-system, 'Segoe UI', sans-serif",
            "view": {"stroke": None},
            "axis": quiet | {"titlePadding": 8, "domainColor": _LINE, "tickColor": _LINE, "gridColor": _GRID},
            "axisX": {"grid": False},
            "header": quiet | {"labelFontWeight": 600},
            "legend": quiet
            | {"symbolSize": 90, "symbolBaseFillColor": QUIET, "symbolBaseStrokeColor": QUIET},
            "title": {"color": QUIET, "anchor": "start", "fontSize": 13, "fontWeight": 600, "offset": 10},
            "range": {"category": list(COLOURS), "ramp": list(EXPRESSION), "heatmap": list(EXPRESSION)},
            "bar": {"color": COLOURS[0]},
            "rect": {"color": COLOURS[0]},
            "area": {"color": COLOURS[0]},
            "point": {"filled": True},
            "text": {"color": QUIET},
        }
    }
