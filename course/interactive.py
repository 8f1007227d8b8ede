"""Pictures that a reader can change: a Vega-Lite chart with controls, alive without a server.

In the book a script of its own (`_static/pictures.js`) brings the chart to life in the page;
JupyterLab draws it by its own Vega-Lite. Elsewhere, in print, and without scripts, it is a still
picture of how the controls stand at first.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt
    from nbformat import NotebookNode

TOLD = "told"
"""The parameter of a chart whose expression says in a sentence what the picture shows now."""

VEGA_LITE = "6.4"
MIME_TYPE = "application/vnd.vegalite.v5+json"  # what JupyterLab draws; no picture needs more
SCHEMA = "https://vega.github.io/schema/vega-lite"
FONT_SIZE = 13
TAKEN = {"autosize", "background", "datum", "event", "height", "padding", "parent", "width"}
"""Names that Vega has for itself; a parameter of that name changes the whole drawing."""


@dataclass(frozen=True)
class Picture:
    """A chart with controls, as the last value of a notebook's cell.

    Attributes:
        chart: the chart. Its parameter `told` is an expression: a sentence that says what the
            picture shows now. It stands above it, and screen readers read it when it changes.
        name: for links, as `fig-window`; no other figure of the book has it.
        caption: what stands under the picture, as plain text.
        alt: what the still picture shows, in words.
    """

    chart: alt.TopLevelMixin
    name: str
    caption: str
    alt: str

    def spec(self) -> dict[str, Any]:
        """Return the chart as Vega-Lite: on white paper, in sizes that can be read in the book.

        Raises:
            ValueError: a parameter has a name that Vega has for itself.
        """
        spec = self.chart.to_dict()
        if taken := TAKEN & {param["name"] for param in spec.get("params", [])}:
            raise ValueError(f"{self.name}: Vega has {', '.join(taken)} for itself; rename it")
        size = {"labelFontSize": FONT_SIZE, "titleFontSize": FONT_SIZE}
        style = {
            "axis": size
            | {"labelColor": "#222", "titleColor": "#222", "titleFontWeight": "normal"},
            "legend": size,
            "header": size,
            "title": {"fontSize": FONT_SIZE, "anchor": "start", "fontWeight": "normal"},
            "text": {"fontSize": FONT_SIZE},
            "view": {"stroke": None},
        }
        given = spec.get("config", {})
        spec["config"] = {name: style.get(name, {}) | given.get(name, {}) for name in style}
        return spec | {"background": "white", "padding": 8}

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        import vl_convert

        spec = self.spec()
        png = vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=2)
        # No HTML: JupyterLab would show that, and without the book's script it is a still picture
        bundle = {
            MIME_TYPE: spec | {"$schema": f"{SCHEMA}/v5.json"},
            "image/png": base64.b64encode(png).decode(),
            "text/plain": f"{self.caption} {self.alt}",
        }
        told = {"alt": self.alt, "caption": self.caption, "name": self.name}
        return bundle, {"picture": told}


def select(name: str, options: Sequence[str], label: str) -> alt.Parameter:
    """Return a parameter with a list to choose from; the first stands at first."""
    import altair as alt

    box = alt.binding_select(options=list(options), name=f"{label} ")
    return alt.param(name, value=options[0], bind=box)


def radio(name: str, options: Sequence, label: str, value: object = None) -> alt.Parameter:
    """Return a parameter with a button for each option; the first is pressed, or `value`."""
    import altair as alt

    buttons = alt.binding_radio(options=list(options), name=f"{label} ")
    return alt.param(name, value=options[0] if value is None else value, bind=buttons)


def slider(
    name: str, low: float, high: float, label: str, value: float, step: float = 1
) -> alt.Parameter:
    """Return a parameter with a slider from `low` to `high`, which stands at `value`."""
    import altair as alt

    bar = alt.binding_range(min=low, max=high, step=step, name=f"{label} ")
    return alt.param(name, value=value, bind=bar)


def constants(given: Mapping[str, object]) -> list[alt.Parameter]:
    """Return parameters that the expressions of a chart can name: data, without a control."""
    import altair as alt

    return [alt.param(name, value=value) for name, value in given.items()]


def expressions(given: Mapping[str, str]) -> list[alt.Parameter]:
    """Return parameters that follow from others by an expression of Vega."""
    import altair as alt

    return [alt.param(name, expr=text) for name, text in given.items()]


def for_pages(notebook: NotebookNode) -> bool:
    """Give the pictures of a notebook the form that the book's pages have.

    Returns:
        Whether there is a picture in it.
    """
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if MIME_TYPE in output.get("data", {})]
    for output in pictures:
        # Sphinx would warn of a form that it doesn't know
        spec = output.data.pop(MIME_TYPE)
        output.data["text/html"] = figure(spec, **output.metadata["picture"])
    return bool(pictures)


def figure(spec: Mapping[str, Any], name: str, caption: str, alt: str) -> str:
    """Return a picture for a page: how it stands at first, and the chart for the script.

    Args:
        spec: the chart as Vega-Lite.
        name: of the picture, as of a `Picture`.
        caption: as of a `Picture`.
        alt: as of a `Picture`.
    """
    import vl_convert

    spec = {**spec, "$schema": f"{SCHEMA}/v6.json"}
    drawing = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    still = base64.b64encode(drawing.encode()).decode()
    # "</" would end the script
    chart = json.dumps(spec, separators=(",", ":")).replace("</", "<\\/")
    return (
        f'<figure class="picture" id="{html.escape(name)}">'
        f'<img class="picture-still" alt="{html.escape(alt)}" '
        f'src="data:image/svg+xml;base64,{still}">'
        '<div class="picture-live" hidden></div>'
        f'<script type="application/json">{chart}</script>'
        f'<figcaption><span class="caption-text">{html.escape(caption)}</span></figcaption>'
        "</figure>"
    )


@cache
def script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that defines `vegaEmbed`."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return f"(() => {{\n{bundle}\n}})();\n"
