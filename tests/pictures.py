"""What a picture with controls computes, without a browser."""

import html
import re

import altair as alt
import vl_convert

from course.interactive import TOLD, VEGA_LITE


def texts(spec, **settings):
    """Return all texts of the drawing of a chart whose controls stand as in `settings`."""
    params = [given | ({"value": settings[given["name"]]} if given["name"] in settings else {})
              for given in spec["params"]]  # fmt: skip
    assert settings.keys() <= {given["name"] for given in params if "bind" in given}
    svg = vl_convert.vegalite_to_svg(spec | {"params": params}, vl_version=VEGA_LITE)
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def told(picture, expression=TOLD, **settings):
    """Return what the picture says, or the value of another expression of its parameters."""
    chart = alt.Chart(alt.Data(values=[{}])).mark_text(text=alt.expr(f"'' + ({expression})"))
    [text] = texts(chart.to_dict() | {"params": picture.spec()["params"]}, **settings)
    return text


def number(picture, expression, **settings):
    """Return the value of an expression as a number."""
    return float(told(picture, expression, **settings))
