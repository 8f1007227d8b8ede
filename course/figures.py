"""Figures that chapters share: one style, and the drawings that would distract from a lesson."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from IPython.utils.io import capture_output
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

# Okabe and Ito, "Color Universal Design" (2008), without yellow, which is faint on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LAYER_COLOURS = {
    "Conv2D": "#CFE6F5",
    "MaxPooling2D": "#FBE3CF",
    "Dense": "#D2EEE4",
    "Embedding": "#F5E3EE",
    "SimpleRNN": "#FDF0CF",
    "GRU": "#FDF0CF",
    "LSTM": "#FDF0CF",
}


def use_style() -> None:
    """Set matplotlib to the style of the book.

    White paper under every figure, so that it is legible on light and dark pages; colours that
    colour-blind readers can tell apart; curves that differ in line style too, for print in grey.
    """
    styles = cycler(color=COLOURS) + cycler(linestyle=["-", "--", ":", "-.", "-", "--", ":"])
    plt.rcParams.update(
        {
            "axes.prop_cycle": styles,
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.constrained_layout.use": True,
            "figure.dpi": 110,
            "figure.facecolor": "white",
            "figure.figsize": (6.4, 3.4),
            "font.size": 11,
            "grid.alpha": 0.3,
            "image.cmap": "gray",
            "legend.frameon": False,
        }
    )


def show_images(
    images: np.ndarray,
    titles: Sequence[object] | None = None,
    columns: int = 8,
    size: float = 0.9,
    **imshow: Any,
) -> Figure:
    """Show pictures in a grid.

    Args:
        images: (n, height, width), or (n, height, width, 3) for colour.
        titles: what stands over each picture, as a label or a short text.
        columns: pictures in a row.
        size: width of one picture, in inches.
        imshow: passed on to `Axes.imshow`, as `cmap`, `vmin` and `vmax`.
    """
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height = size * (1.35 if titles is not None else 1.05)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, height * rows), squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for index, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(image, **imshow)
        if titles is not None:
            axis.set_title(str(titles[index]), fontsize=9)
    return figure


def print_summary(model: Any) -> None:
    """Print `model.summary()` as plain text, 60 characters wide.

    In a notebook Keras shows its table as HTML with colours of its own, which dark pages can't
    change, and an empty output before it; nbval can't compare it either.
    """
    lines: list[str] = []
    with capture_output():
        model.summary(line_length=60, print_fn=lines.append)
    print("\n".join(lines).strip("\n"))


def layer_shape(layer: Any) -> str:
    """Return the shape of a Keras layer's output as its summary prints it."""
    return str(tuple(layer.output.shape))


def draw_model(model: Any, width: float = 4.6) -> Figure:
    """Draw a built Keras model of one line of layers: a box for each, from top to bottom.

    A box names the layer and counts its parameters; under it stands the shape that it hands on.

    Args:
        model: a `keras.Sequential` that knows its input shape.
        width: of the figure, in inches.
    """
    step = 0.62  # inches from one layer to the next
    figure, axis = plt.subplots(figsize=(width, step * (len(model.layers) + 0.55)))
    axis.set_xlim(0, 1)
    axis.set_ylim(len(model.layers) + 0.15, -0.4)
    axis.set_axis_off()
    shape = f"input {tuple(model.input_shape)}"
    axis.text(0.5, -0.18, shape, ha="center", va="center", fontsize=9, family="monospace")
    for row, layer in enumerate(model.layers):
        _draw_layer(axis, row, layer)
    return figure


def _draw_layer(axis: Axes, row: int, layer: Any) -> None:
    kind = type(layer).__name__
    colour = LAYER_COLOURS.get(kind, "#EEEEEE")
    axis.add_patch(
        FancyBboxPatch(
            (0.06, row + 0.1), 0.88, 0.42, boxstyle="round,pad=0.02", fc=colour, ec="#444444"
        )
    )
    axis.text(0.1, row + 0.31, kind, ha="left", va="center", fontsize=10, weight="bold")
    count = layer.count_params()
    told = f"{count:,} parameters" if count else "no parameters"
    axis.text(0.9, row + 0.31, told, ha="right", va="center", fontsize=9)
    axis.text(
        0.5, row + 0.8, layer_shape(layer), ha="center", va="center", fontsize=9, family="monospace"
    )


def draw_graph(model: Any, width: float = 5.2) -> Figure:
    """Draw a functional Keras model: a box for each layer, an arrow for each tensor.

    A layer stands one row below the lowest of the layers that it reads. A box names the layer,
    counts its parameters, and gives the shape of its output.

    Args:
        model: a functional `keras.Model` whose layers are each called once, with one output.
        width: of the figure, in inches.
    """
    reads = {layer: _layers_before(layer, model.layers) for layer in model.layers}
    depths: dict[Any, int] = {}
    for layer in model.layers:  # Keras lists a layer after those that it reads
        depths[layer] = 1 + max((depths[before] for before in reads[layer]), default=-1)
    for layer in model.layers:  # an input stands just above its first reader
        if not reads[layer]:
            readers = [depths[other] for other in model.layers if layer in reads[other]]
            depths[layer] = min(readers, default=1) - 1
    rows = [
        [layer for layer in model.layers if depths[layer] == d]
        for d in range(max(depths.values()) + 1)
    ]
    places = {
        layer: ((index + 0.5) / len(row), depth)
        for depth, row in enumerate(rows)
        for index, layer in enumerate(row)
    }
    figure, axis = plt.subplots(figsize=(width, 1.05 * len(rows)))
    axis.set_xlim(0, 1)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_axis_off()
    for layer, (x, y) in places.items():
        for x_before, y_before in (places[before] for before in reads[layer]):
            arrow = {"arrowstyle": "-|>", "color": "#444444"}
            axis.annotate("", xy=(x, y - 0.3), xytext=(x_before, y_before + 0.26), arrowprops=arrow)
        count = layer.count_params()
        told = layer_shape(layer) + (f"\n{count:,} parameters" if count else "")
        colour = LAYER_COLOURS.get(type(layer).__name__, "#EEEEEE")
        axis.text(
            x,
            y,
            f"{_title(layer)}\n{told}",
            ha="center",
            va="center",
            fontsize=9,
            bbox={"boxstyle": "round,pad=0.4", "fc": colour, "ec": "#444444"},
        )
    return figure


def _title(layer: Any) -> str:
    kind = type(layer).__name__
    return f"input {layer.name!r}" if kind == "InputLayer" else kind


def _layers_before(layer: Any, layers: Sequence[Any]) -> list[Any]:
    """Return the layers whose outputs `layer` reads."""
    if type(layer).__name__ == "InputLayer":
        return []
    tensors = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
    return [other for tensor in tensors for other in layers if other.output is tensor]
