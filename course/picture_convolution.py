"""Pictures of convolutions that a reader steps through."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import altair as alt
import numpy as np

from course.figures import COLOURS
from course.interactive import TOLD, Picture, constants, expressions, radio, select, slider

CELL = 46  # pixels, the side of a square
ORANGE = COLOURS[1]


def window(
    picture: np.ndarray,
    kernels: Mapping[str, np.ndarray],
    convolve: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Picture:
    """Return a convolution that the reader steps through, one place of the kernel after another.

    The reader chooses the kernel, the stride and the padding. Pixels, products and sums are
    computed here, by the chapter's own function; the page only selects among them.

    Args:
        picture: (n, n), small whole numbers.
        kernels: by name, each (3, 3).
        convolve: returns the sums of a picture and a kernel at stride 1 without padding.
    """
    n, k = len(picture), 3
    padded = np.pad(picture, 1)  # enough for `same` with a kernel of 3
    ring = range(-1, n + 1)
    pixels = [
        {"row": r, "column": c, "value": float(padded[r + 1, c + 1]), "added": not (0 <= r < n > c >= 0)}
        for r in ring
        for c in ring
    ]  # fmt: skip
    weights = [
        {"kernel": name, "i": i, "j": j, "weight": float(kernel[i, j])}
        for name, kernel in kernels.items()
        for i in range(k)
        for j in range(k)
    ]
    sums = {name: convolve(padded, kernel) for name, kernel in kernels.items()}
    outputs = [
        {"kernel": name, "top": top - 1, "left": left - 1, "sum": round(float(value), 2)}
        for name, of_kernel in sums.items()
        for (top, left), value in np.ndenumerate(of_kernel)
    ]
    controls = [
        select("kernel", list(kernels), "Kernel"),
        radio("stride", [1, 2, 3], "Stride"),
        radio("border", ["valid", "same"], "Padding"),
        slider("place", 1, n * n, "Place", value=1),
    ]
    data = {
        "padded": padded.tolist(),
        "sums": {name: of_kernel.tolist() for name, of_kernel in sums.items()},
    }
    derived = {
        "places": f"border == 'same' ? ceil({n} / stride) : floor(({n} - {k}) / stride) + 1",
        "added": f"border == 'same' ? max(0, (places - 1) * stride + {k} - {n}) : 0",
        "before": "floor(added / 2)",
        "at": "min(place, places * places) - 1",
        "top": "floor(at / places) * stride - before",
        "left": "(at % places) * stride - before",
        TOLD: "'Place ' + (at + 1) + ' of ' + (places * places) + ', from row ' + top + ' and column '"
        " + left + ' of the picture: the nine products add up to '"
        " + format(sums[kernel][top + 1][left + 1], '~g') + '.'",
    }
    chart = alt.concat(
        _pixels(pixels, n, k), _products(weights), _sums(outputs, n), columns=3, spacing=28
    ).add_params(*controls, *constants(data), *expressions(derived))
    return Picture(
        chart,
        name="fig-window",
        caption="A convolution, one place after another. The kernel lies on the framed pixels; each "
        "pixel is multiplied by the weight above it, and the sum is one number of the output. "
        "Change the kernel, the stride and the padding, and move the place.",
        alt=f"Three grids: a picture of {n} by {n} pixels with a frame around three by three of them, "
        "the nine products of pixel and weight, and the output with the sums so far.",
    )


def _grid(data: list[dict], column: str, row: str, places: range, title: str) -> alt.Chart:
    """Return a chart over a grid of squares, without axes, for layers to share."""
    side = alt.Scale(domain=list(places), paddingInner=0.06)
    hidden = alt.Axis(labels=False, ticks=False, domain=False, title=None)
    return (
        alt.Chart(alt.Data(values=data), title=title)
        .encode(
            x=alt.X(f"{column}:O", axis=hidden, scale=side),
            y=alt.Y(f"{row}:O", axis=hidden, scale=side),
        )
        .properties(width=CELL * len(places), height=CELL * len(places))
    )


def _pixels(data: list[dict], n: int, k: int) -> alt.LayerChart:
    inside = (
        f"datum.row >= top && datum.row < top + {k} && datum.column >= left "
        f"&& datum.column < left + {k}"
    )
    # The zeros are shown only where the padding has put them
    shown = (
        f"!datum.added || (datum.row >= -before && datum.row < {n} + added - before "
        f"&& datum.column >= -before && datum.column < {n} + added - before)"
    )
    base = _grid(data, "column", "row", range(-1, n + 1), "Picture").transform_filter(shown)
    return alt.layer(
        base.mark_rect(strokeWidth=3).encode(
            color=alt.condition(
                "datum.added",
                alt.value("#f4ead9"),
                alt.Color("value:Q", scale=alt.Scale(range=["#e8e8e8", "#9ecae9"]), legend=None),
            ),
            stroke=alt.condition(inside, alt.value(ORANGE), alt.value("#ffffff00")),
        ),
        base.mark_text().encode(alt.Text("value:Q", format="~g")),
    )


def _products(data: list[dict]) -> alt.LayerChart:
    base = (
        _grid(data, "j", "i", range(3), "Pixel × weight")
        .transform_filter("datum.kernel == kernel")
        .transform_calculate(pixel="padded[top + datum.i + 1][left + datum.j + 1]")
        .transform_calculate(
            text="format(datum.pixel, '~g') + ' × ' + format(datum.weight, '~g')",
            product="datum.pixel * datum.weight",
        )
        .properties(width=1.5 * CELL * 3)
    )
    return alt.layer(
        base.mark_rect(stroke=ORANGE, strokeWidth=2).encode(
            color=alt.condition("datum.product == 0", alt.value("#f2f2f2"), alt.value("#fbe0cc"))
        ),
        base.mark_text().encode(alt.Text("text:N")),
    )


def _sums(data: list[dict], n: int) -> alt.LayerChart:
    base = (
        _grid(data, "column", "row", range(n), "Output")
        .transform_filter("datum.kernel == kernel")
        .transform_calculate(
            row="(datum.top + before) / stride", column="(datum.left + before) / stride"
        )
        .transform_filter(
            "datum.row >= 0 && datum.column >= 0 && datum.row < places && datum.column < places "
            "&& floor(datum.row) == datum.row && floor(datum.column) == datum.column"
        )
    )
    done = "datum.row * places + datum.column <= at"
    now = "datum.row * places + datum.column == at"
    return alt.layer(
        base.mark_rect(strokeWidth=3).encode(
            color=alt.condition(done, alt.value("#d7ecdf"), alt.value("#f2f2f2")),
            stroke=alt.condition(now, alt.value(ORANGE), alt.value("#ffffff00")),
        ),
        base.transform_filter(done).mark_text().encode(alt.Text("sum:Q", format="~g")),
    )
