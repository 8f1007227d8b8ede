"""What the theme's pages get wrong, mended after the book is built."""

from __future__ import annotations

import re
from pathlib import Path

# A second set of icons, 1.5 MB: the same icons come from the theme's web font
ICONS = re.compile(r"<script[^>]*/fontawesome\.js[^>]*></script>\n?")

# Code that runs on a server elsewhere, which this book doesn't use. It is there twice, and the
# second time is an error in every page
THEBE = re.compile(
    r"<script>const THEBE_JS_URL.*?</script>\n?"
    r"|<script[^>]*/sphinx-thebe\.js[^>]*></script>\n?"
    r"|<link[^>]*/sphinx-thebe\.css[^>]*/>\n?",
    re.DOTALL,
)

# The arrow in the contents that shows a page's sections has no text for a screen reader
ARROW = re.compile(
    r'(<a class="(?:current )?reference internal" href="[^"]*">(?P<title>(?:(?!</a>).)*)</a><details[^>]*>)<summary>'
)


def mend(page: str) -> str:
    """Return the HTML of a page without what is wrong in it."""
    page = THEBE.sub("", ICONS.sub("", page))
    return ARROW.sub(
        lambda found: f'{found[1]}<summary aria-label="Pages of: {_plain(found["title"])}">', page
    )


def mend_all(html: Path) -> None:
    """Mend all pages of a book, and remove what none of them loads any more.

    Args:
        html: the folder of the built pages.
    """
    for path in html.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        if (mended := mend(page)) != page:
            path.write_text(mended, encoding="utf-8")
    for path in html.glob("_static/scripts/fontawesome.js*"):
        path.unlink()


def _plain(markup: str) -> str:
    return re.sub(r"<[^>]+>", "", markup).replace('"', "&quot;")
