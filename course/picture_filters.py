"""Pictures of what the kernels of a convolution find."""

from __future__ import annotations

import altair as alt
import numpy as np

from course.figures import COLOURS
from course.interactive import TOLD, Picture, constants, expressions, radio, select, slider

ORANGE = COLOURS[1]
SIDE = 224  # pixels, of a picture and of a map
SIZE = 3  # of a kernel
SUM, RELU, POOLING = STAGES = "sum and bias", "ReLU", "pooling"
# Below zero, zero, above; what is above gets darker, so that grey print tells them apart
SIGNED = ["#e69f00", "#ffffff", "#08306b"]


def first_layer(
    pictures: np.ndarray, labels: np.ndarray, kernels: np.ndarray, biases: np.ndarray
) -> Picture:
    """Return a picture, a kernel of 3 by 3, and the map that the kernel makes of the picture.

    The convolution has the padding `same` and a stride of 1; ReLU and a pooling by 2 follow.

    Args:
        pictures: (n, side, side), from 0 to 1, in steps of 1/255; the side is even.
        labels: (n,), what they show; the first picture of each label can be chosen.
        kernels: (3, 3, maps), as a layer of Keras without the axis of the channels.
        biases: (maps,).
    """
    chosen = sorted(np.unique(labels, return_index=True)[1].tolist())
    names = [f"{number}, a {labels[number]}" for number in chosen]
    padded = np.pad(np.round(pictures[chosen] * 255).astype(int), ((0, 0), (1, 1), (1, 1)))
    kernels, biases = (np.asarray(given, float).round(6) for given in (kernels, biases))
    sums = _sums(padded / 255, kernels, biases)
    maps, side = sums.shape[1:3]
    flat = sums.reshape(*sums.shape[:2], -1)
    blocks = sums.reshape(*sums.shape[:2], side // 2, 2, side // 2, 2)
    values = {
        "padded": padded.reshape(len(chosen), -1).tolist(),
        "weights": kernels.reshape(-1, maps).T.tolist(),
        "biases": biases.tolist(),
        "names": names,
        # For each picture a list with a number for each kernel
        "furthest": np.abs(flat).max(-1).round(3).clip(0.001).tolist(),
        "largest": flat.max(-1).round(3).tolist(),
        "places": flat.argmax(-1).tolist(),
        "zeros": (flat <= 0).mean(-1).round(4).tolist(),
        "pooled_zeros": (blocks.max((3, 5)) <= 0).mean((2, 3)).round(4).tolist(),
    }
    controls = [
        select("digit", names, "Test picture"),
        # At first a kernel that finds something
        slider("kernel", 1, maps, "Kernel", value=int(values["largest"][0].index(flat[0].max().round(3))) + 1),
        radio("stage", STAGES, "Map after"),
    ]  # fmt: skip
    derived = {
        "which": "indexof(names, digit)",
        "pixel": "padded[which]",
        "weight": "weights[kernel - 1]",
        "bias": "biases[kernel - 1]",
        "far": "furthest[which][kernel - 1]",
        "most": "largest[which][kernel - 1]",
        "row": f"floor(places[which][kernel - 1] / {side})",
        "column": f"places[which][kernel - 1] % {side}",
        "step": f"stage == '{POOLING}' ? 2 : 1",
        # What the kernel makes of nine pixels without ink
        "ground": f"stage == '{SUM}' ? bias : max(bias, 0)",
        "none": f"(stage == '{POOLING}' ? pooled_zeros : zeros)[which][kernel - 1]",
        TOLD: "'Kernel ' + kernel + ' on test picture ' + digit + ', after ' + stage + ': '"
        f" + {side} / step + ' × ' + {side} / step + ' numbers, '"
        f" + (most > 0 || stage == '{SUM}' ? format(none, '.1%') + ' of them not above zero. The "
        "largest, ' + format(most, '.3f') + ', is that of the nine framed pixels.' : 'all zero.')",
    }
    parts = [_picture(side), _kernel(float(np.abs(kernels).max() or 1)), _map(side)]
    chart = alt.concat(*parts, columns=3, spacing=24).resolve_scale(color="independent")
    return Picture(
        chart.add_params(*controls, *constants(values), *expressions(derived)),
        name="fig-first-layer",
        caption="What a learnt kernel finds. Each number of the map is the sum of nine pixels times "
        "the nine weights, and the bias. Frames mark the largest number and its pixels. Change "
        "the kernel, and look for the strokes that it answers to; then follow its map through "
        "ReLU and pooling.",
        alt="Left a handwritten digit with a frame around three by three of its pixels, in the "
        "middle the nine weights of a kernel, right the map that the kernel makes of the digit, "
        "orange below zero, white at zero and blue above, with a frame at its largest number.",
    )


def _sums(padded: np.ndarray, kernels: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """Return the maps before ReLU, (pictures, maps, rows, columns)."""
    windows = np.lib.stride_tricks.sliding_window_view(padded, (SIZE, SIZE), axis=(1, 2))
    return np.einsum("nrcij,ijm->nmrc", windows, kernels) + biases[:, None, None]


def _place(field: str, upto: int) -> dict:
    hidden = alt.Axis(labels=False, ticks=False, domain=False, grid=False, title=None)
    scale = alt.Scale(domain=[0, upto], nice=False, reverse=field == "y")
    return {"field": field, "type": "quantitative", "axis": hidden, "scale": scale}


def _squares(data: alt.Data, side: int) -> alt.Chart:
    """Return squares from (x, y) to (right, bottom) on a grid of `side` squares."""
    return (
        alt.Chart(data)
        .mark_rect()
        .encode(
            x=alt.X(**_place("x", side)), x2="right:Q", y=alt.Y(**_place("y", side)), y2="bottom:Q"
        )
    )


def _one(side: int, x: str, y: str, right: str, bottom: str) -> alt.Chart:
    """Return one square, whose sides are expressions."""
    return _squares(alt.Data(values=[{}]), side).transform_calculate(
        x=x, y=y, right=right, bottom=bottom, ground="ground"
    )


def _frame(side: int, **sides: str) -> alt.Chart:
    return _one(side, **sides).mark_rect(fillOpacity=0, stroke=ORANGE, strokeWidth=3)


def _picture(side: int) -> alt.LayerChart:
    # Black is the ground, so that only pixels with ink are drawn, which are few
    ground = _one(side, "0", "0", str(side), str(side)).mark_rect(color="#000000")
    ink = (
        _squares(alt.sequence(0, side * side, as_="at"), side)
        .transform_calculate(x=f"datum.at % {side}", y=f"floor(datum.at / {side})")
        .transform_calculate(shade=f"pixel[(datum.y + 1) * {side + 2} + datum.x + 1]")
        .transform_filter("datum.shade > 0")
        .transform_calculate(right="datum.x + 1.04", bottom="datum.y + 1.04")
        .encode(
            color=alt.Color(
                "shade:Q",
                scale=alt.Scale(domain=[0, 255], range=["#000000", "#ffffff"]),
                legend=None,
            )
        )
    )
    frame = _frame(side, x="column - 1", y="row - 1", right="column + 2", bottom="row + 2")
    return alt.layer(ground, ink, frame).properties(width=SIDE, height=SIDE, title="Picture")


def _kernel(most: float) -> alt.LayerChart:
    title = alt.Title(alt.expr("'Kernel ' + kernel + ', bias ' + format(bias, '.3f')"))
    base = (
        alt.Chart(alt.sequence(0, SIZE * SIZE, as_="at"))
        .transform_calculate(
            x=f"datum.at % {SIZE}",
            y=f"floor(datum.at / {SIZE})",
            weight="weight[datum.at]",
            text="format(weight[datum.at], '.2f')",
        )
        .transform_calculate(
            right="datum.x + 1", bottom="datum.y + 1", u="datum.x + 0.5", v="datum.y + 0.5"
        )
    )
    x, y = _place("x", SIZE), _place("y", SIZE)
    squares = base.mark_rect(stroke="#888888").encode(
        x=alt.X(**x),
        x2="right:Q",
        y=alt.Y(**y),
        y2="bottom:Q",
        color=alt.Color(
            "weight:Q",
            scale=alt.Scale(domain=[-most, 0, most], range=SIGNED, interpolate="rgb"),
            legend=None,
        ),
    )
    dark = f"datum.weight > {0.5 * most}"
    text = base.mark_text().encode(
        x=alt.X(**x | {"field": "u"}),
        y=alt.Y(**y | {"field": "v"}),
        text="text:N",
        color=alt.condition(dark, alt.value("#ffffff"), alt.value("#000000")),
    )
    return alt.layer(squares, text).properties(width=150, height=150, title=title)


def _map(side: int) -> alt.LayerChart:
    # The scale reaches as far as the numbers of this map, or faint maps would show nothing
    scale = alt.Scale(
        domain=[alt.expr("-far"), 0, alt.expr("far")], range=SIGNED, interpolate="rgb"
    )
    legend = alt.Legend(
        orient="bottom",
        title="number in the map",
        titleFontWeight="normal",
        gradientLength=SIDE,
        tickCount=5,
    )

    def colour(field: str) -> alt.Color:
        return alt.Color(f"{field}:Q", scale=scale, legend=legend)

    total = " + ".join(
        f"weight[{SIZE * i + j}] * pixel[(datum.row + {i}) * {side + 2} + datum.column + {j}]"
        for i in range(SIZE)
        for j in range(SIZE)
    )
    # Only what differs from the ground is drawn, one square for each block that is pooled. No
    # step gives a field a new value: Vega would not see the old one when it computes anew
    squares = (
        _squares(alt.sequence(0, side * side, as_="at"), side)
        .transform_calculate(column=f"datum.at % {side}", row=f"floor(datum.at / {side})")
        .transform_calculate(sum=f"({total}) / 255 + bias")
        .transform_calculate(
            each=f"stage == '{SUM}' ? datum.sum : max(datum.sum, 0)",
            x="floor(datum.column / step) * step",
            y="floor(datum.row / step) * step",
        )
        .transform_aggregate(number="max(each)", groupby=["x", "y"])
        .transform_filter("abs(datum.number - ground) > 0.0005")
        .transform_calculate(right="datum.x + step + 0.04", bottom="datum.y + step + 0.04")
        .encode(color=colour("number"))
    )
    ground = _one(side, "0", "0", str(side), str(side)).mark_rect(stroke="#888888")
    ground = ground.encode(color=colour("ground"))
    x, y = "floor(column / step) * step", "floor(row / step) * step"
    frame = _frame(
        side, x=f"{x} - 0.2", y=f"{y} - 0.2", right=f"{x} + step + 0.2", bottom=f"{y} + step + 0.2"
    )
    frame = frame.transform_filter(f"most > 0 || stage == '{SUM}'")
    title = alt.Title(alt.expr("'Map after ' + stage"))
    return alt.layer(ground, squares, frame).properties(width=SIDE, height=SIDE, title=title)
