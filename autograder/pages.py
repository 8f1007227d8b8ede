"""Pages that need no other file, program or network: filled from the templates of this package."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


INK = "#010203"  # in a plot, stands for the colour of the page's text


def duration(seconds: float) -> str:
    """Say a duration in two units at most, such as `1 day 3 h` or `2.4 s`."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    said = f"{days} {'day' if days == 1 else 'days'}"
    return f"{said} {hours} h" if hours else said


def render(template: str, **values: object) -> str:
    """Fill one of the templates of this package.

    Whatever the values hold, the page is valid UTF-8 without characters that HTML forbids.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["duration"] = duration
    text = environment.get_template(template).render(**values)
    return re.sub(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "\N{REPLACEMENT CHARACTER}", text
    )


def svg(figure: Figure, name: str, title: str, told: str) -> str:
    """Return a figure as inline SVG, marked safe for a template.

    Args:
        figure: to be drawn; what has the colour `INK` takes the colour of the text around it.
        name: of the figure, unlike that of any other in the page.
        title: what it is.
        told: what there is to see, for those who don't see it.
    """
    import matplotlib as mpl
    from markupsafe import Markup, escape

    # Letters stay letters; a salt of its own gives each plot ids of its own, always the same
    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": f"autograder-{name}",
        "font.family": "sans-serif",
    }
    out = io.StringIO()
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that only the browser has
        figure.savefig(out, format="svg", metadata={"Date": None})
    drawn = out.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'\bid="', f'id="{name}-', drawn)
    drawn = re.sub(r'href="#|url\(#', lambda found: f"{found[0]}{name}-", drawn)
    drawn = drawn.replace(INK, "currentColor")
    box = re.search(r'viewBox="[^"]*"', drawn)[0]
    head = (
        f'<svg role="img" aria-labelledby="{name}-title {name}-desc" '
        f"{box} "
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(told)}</desc>'
    )
    return Markup(head + drawn[drawn.index(">") + 1 :].strip())
