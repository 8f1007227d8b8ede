"""Pictures that a reader can change: a Vega-Lite chart with controls, alive without a server.

In the book a script of its own (`_static/pictures.js`) brings the chart to life in the page;
JupyterLab draws it by its own Vega-Lite. Elsewhere, in print, and without scripts, it is a still
picture of how the controls stand at first.
"""

from __future__ import annotations

import base64
import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt
    from nbformat import NotebookNode

TOLD = "told"
"""The parameter of a chart whose expression says in a sentence what the picture shows now."""

VEGA_LITE = "6.4"
MIME_TYPE = "application/vnd.vegalite.v5+json"  # what JupyterLab draws; no picture needs more
FONT_SIZE = 13


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
        """Return the chart as Vega-Lite: on white paper, in sizes that can be read in the book."""
        spec = self.chart.to_dict()
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

    def still(self) -> str:
        """Return the picture as SVG, with the controls as they stand at first."""
        import vl_convert

        return vl_convert.vegalite_to_svg(self.spec(), vl_version=VEGA_LITE)

    def to_html(self) -> str:
        """Return the figure for a page: the still picture, and the chart for the script."""
        still = base64.b64encode(self.still().encode()).decode()
        # "</" would end the script
        spec = json.dumps(self.spec(), separators=(",", ":")).replace("</", "<\\/")
        return (
            f'<figure class="picture" id="{html.escape(self.name)}">'
            f'<img class="picture-still" alt="{html.escape(self.alt)}" '
            f'src="data:image/svg+xml;base64,{still}">'
            '<div class="picture-live" hidden></div>'
            f'<script type="application/json">{spec}</script>'
            f'<figcaption><span class="caption-text">{html.escape(self.caption)}</span></figcaption>'
            "</figure>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        import vl_convert

        spec = self.spec()
        png = vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=2)
        bundle = {
            MIME_TYPE: spec | {"$schema": "https://vega.github.io/schema/vega-lite/v5.json"},
            "text/html": self.to_html(),
            "image/png": base64.b64encode(png).decode(),  # for the book on paper
            "text/plain": f"{self.caption} {self.alt}",
        }
        told = {"alt": self.alt, "caption": self.caption, "name": self.name}
        return bundle, {"picture": told}


def strip(notebook: NotebookNode) -> bool:
    """Take the form for JupyterLab out of a notebook's pictures, which Sphinx doesn't know.

    Returns:
        Whether there is a picture in it.
    """
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if MIME_TYPE in output.get("data", {})]
    for output in pictures:
        del output.data[MIME_TYPE]
    return bool(pictures)


def script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that defines `vegaEmbed`."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return f"(() => {{\n{bundle}\n}})();\n"
