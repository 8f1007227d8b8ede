"""A picture of what one convolution layer gives, and of what it costs."""

from __future__ import annotations

import altair as alt

from course.figures import COLOURS
from course.interactive import TOLD, Picture, expressions, radio, slider

BLUE, ORANGE, GREEN = COLOURS[:3]
GREY = "#dddddd"
WIDTH, HEIGHT = 320, 190  # pixels, of each part
LARGEST = 64  # pixels, the side of the largest input
RIGHT = 76  # where the output is drawn, on the scale of the input's pixels
ROOM = 4  # around the input for the zeros of the padding
ABOVE = 16  # for the sum and the shapes
MOST = 1e11  # parameters: a dense layer on the largest input has some less

# Formulas of the chapter. Without padding `added` is 0, so both paddings share one formula.
DERIVED = {
    "added": "frame == 'same' ? max(0, (ceil(n / step) - 1) * step + kernel - n) : 0",
    "before": "floor(added / 2)",
    "m": "floor((n + added - kernel) / step) + 1",
    "n_in": "n * n * channels",
    "n_out": "m * m * filters",
    "weights": "kernel * kernel * channels * filters",
    "conv_params": "weights + filters",
    "dense_params": "(n_in + 1) * n_out",
    "of_input": "n + ' × ' + n + ' × ' + channels",
    "of_output": "m + ' × ' + m + ' × ' + filters",
    "size_sum": "'(' + n + ' + ' + added + ' − ' + kernel + ') / ' + step + ', rounded down, + 1 = ' + m",
    "weights_sum": "kernel + ' · ' + kernel + ' · ' + channels + ' · ' + filters + ' = '"
    " + format(weights, ',')",
    "conv_sum": "'(' + kernel + ' · ' + kernel + ' · ' + channels + ' + 1) · ' + filters + ' = '"
    " + format(conv_params, ',')",
    "dense_sum": "'(' + format(n_in, ',') + ' + 1) · ' + format(n_out, ',') + ' = '"
    " + format(dense_params, ',')",
    TOLD: "of_input + ' become ' + of_output + ': ' + size_sum + '. The convolution has '"
    " + conv_sum + ' parameters; a dense layer between the same shapes would have '"
    " + dense_sum + '.'",
}


def layer(size: int, channels: int, kernel: int, filters: int) -> Picture:
    """Return a convolution layer that the reader changes, with its shapes and its parameters.

    Beside its weights and biases stands what a dense layer from the same input to the same
    output would need. The arguments say how the controls stand at first.

    Args:
        size: width and height of the input, from 8 to 64, a multiple of 4.
        channels: of the input: 1, 3, 32 or 64.
        kernel: width and height of the kernels: 1, 3, 5 or 7.
        filters: how many kernels: 8, 16, 32 or 64.
    """
    controls = [
        slider("n", 8, LARGEST, "Input size", value=size, step=4),
        radio("channels", [1, 3, 32, 64], "Input channels", value=channels),
        radio("kernel", [1, 3, 5, 7], "Kernel", value=kernel),
        radio("step", [1, 2, 3], "Stride"),
        # Not "padding": in Vega that is the margin around the chart
        radio("frame", ["valid", "same"], "Padding"),
        radio("filters", [8, 16, 32, 64], "Filters", value=filters),
    ]
    chart = alt.concat(_shapes(), _parameters(), columns=2, spacing=30)
    return Picture(
        chart.add_params(*controls, *expressions(DERIVED)),
        name="fig-layer-size",
        caption="One convolution layer. Left its input and its output, to scale, with the kernel in "
        "its first place; a dashed frame holds the zeros of the padding. Right its weights and "
        "biases, and the parameters of a dense layer between the same shapes, on a logarithmic "
        "axis. Change one control at a time: look for those that move the output and not the "
        "convolution's parameters, and the other way round.",
        alt="Left two squares, the input with a small kernel in its upper left corner and the "
        "output, each with its shape above it, and the sum for the output's size. Right three "
        "bars on a logarithmic axis: the convolution's weights, its few biases, and a dense "
        "layer's parameters, many thousand times as many.",
    )


def _shapes() -> alt.LayerChart:
    """Return the input with the kernel, and the output, in pixels of the input."""
    squares = [
        _square("0", "n", color=GREY, stroke="#777777"),
        # Without padding it would lie on the input's own edge
        _square(
            "-before", "added > 0 ? n + added : 0", filled=False, stroke=ORANGE, strokeDash=[4, 3]
        ),
        _square("-before", "kernel", color=ORANGE, fillOpacity=0.45, stroke=ORANGE),
        _square("0", "m", left=RIGHT, color=BLUE, fillOpacity=0.45, stroke=BLUE),
    ]
    words = [
        _word(0, "size_sum", -ROOM - 12),
        _word(0, "'input ' + of_input", -ROOM - 4),
        _word(RIGHT, "'output ' + of_output", -ROOM - 4),
    ]
    return alt.layer(*squares, *words, title="Input and output, to scale").properties(
        width=WIDTH, height=HEIGHT
    )


def _at(left: str, top: str) -> alt.Chart:
    """Return a chart with one place, on a scale of pixels of the input."""
    scale = (LARGEST + ABOVE + 2 * ROOM) / HEIGHT  # pixels of the input for one of the screen
    across = alt.Scale(domain=[-ROOM, WIDTH * scale - ROOM], nice=False, zero=False)
    down = alt.Scale(
        domain=[-ROOM - ABOVE, HEIGHT * scale - ROOM - ABOVE],
        nice=False,
        zero=False,
        reverse=True,
    )
    return (
        alt.Chart(alt.Data(values=[{}]))
        .transform_calculate(left=left, top=top)
        .encode(
            x=alt.X("left:Q", scale=across, axis=None),
            y=alt.Y("top:Q", scale=down, axis=None),
        )
    )


def _square(corner: str, side: str, left: int = 0, **style: object) -> alt.Chart:
    return (
        _at(f"{left} + ({corner})", corner)
        .transform_calculate(right=f"datum.left + ({side})", bottom=f"datum.top + ({side})")
        .mark_rect(**style)
        .encode(x2="right", y2="bottom")
    )


def _word(left: int, text: str, top: int) -> alt.Chart:
    return (
        _at(f"{left}", f"{top}")
        .transform_calculate(text=text)
        .mark_text(align="left", baseline="middle")
        .encode(alt.Text("text:N"))
    )


def _parameters() -> alt.LayerChart:
    """Return the parameters of the convolution, and of a dense layer in its place, as bars."""
    rows = [
        {"row": 0, "kind": "weights"},
        {"row": 1, "kind": "biases"},
        {"row": 2, "kind": "dense"},
    ]
    base = (
        alt.Chart(alt.Data(values=rows), title="Parameters")
        .transform_calculate(
            number="[weights, filters, dense_params][datum.row]",
            one="1",
            text="['convolution, weights: ' + weights_sum, 'convolution, biases: ' + filters,"
            " 'dense: ' + dense_sum][datum.row]",
        )
        .encode(
            x=alt.X(
                "one:Q",
                title="number of parameters, logarithmic",
                scale=alt.Scale(type="log", domain=[1, MOST], nice=False),
                axis=alt.Axis(
                    values=[1, 1e3, 1e6, 1e9],
                    labelExpr="{'1': '1', '1000': '1,000', '1000000': '1 million',"
                    " '1000000000': '1 billion'}[datum.value]",
                    grid=False,
                ),
            ),
            y=alt.Y("row:O", axis=None, scale=alt.Scale(paddingInner=0.6, paddingOuter=0.6)),
        )
        .properties(width=WIDTH, height=HEIGHT)
    )
    return alt.layer(
        base.mark_bar().encode(
            x2="number",
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=["weights", "biases", "dense"], range=[BLUE, ORANGE, GREEN]),
                legend=None,
            ),
        ),
        base.mark_text(align="left", dy=-22).encode(alt.Text("text:N")),
    )
