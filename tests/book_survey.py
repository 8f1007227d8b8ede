"""Every page of a built book, opened in a browser: its weight, requests, widths and violations."""

import gzip
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

from browser import open_page

WIDTHS = (400, 768, 1000, 1400)  # pixels, from a phone to a wide screen
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
SHOWN_WIDTH = 1300
# The colours of code are looked at once for each kind of word: a chapter has thousands of words
KEEP_ONE_OF_EACH = """() => {
  const before = new Set();
  for (const word of document.querySelectorAll(".highlight pre span")) {
    if (before.has(word.className)) word.remove();
    before.add(word.className);
  }
}"""


@dataclass
class Seen:
    """What a browser made of a page."""

    name: str
    weight: int = 0  # bytes, compressed as web servers do
    requests: int = 0
    elsewhere: list[str] = field(default_factory=list)
    sideways: list[int] = field(default_factory=list)  # the widths at which the page scrolls
    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    pictures: int = 0  # those that are alive


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def serve(folder):
    """Serve a folder on a free port of this machine; give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def names(html):
    """Return the pages of a book, by their path in it."""
    pages = sorted(str(path.relative_to(html)) for path in html.rglob("*.html"))
    return [name for name in pages if not name.startswith(("_static", "_sources", "reports"))]


def survey(html):
    """Open every page and return what was seen of each."""
    with serve(html) as address, open_page() as page:
        return [_see(page, address, name, html) for name in names(html)]


def _see(page, address, name, html):
    seen, asked = Seen(name), set()
    listeners = {
        "request": lambda request: asked.add(request.url),
        "pageerror": lambda error: seen.errors.append(str(error)),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    page.set_viewport_size({"width": SHOWN_WIDTH, "height": 900})
    page.goto(f"{address}/{name}", wait_until="load")
    page.wait_for_function(
        "document.querySelectorAll('figure.picture:not(.picture-is-live)').length === 0"
    )
    page.wait_for_load_state("networkidle")
    seen.pictures = page.locator("figure.picture-is-live").count()
    _weigh(seen, asked, address, html)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            seen.sideways.append(width)
    page.set_viewport_size({"width": SHOWN_WIDTH, "height": 900})
    seen.violations = _violations(page)
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    return seen


def _weigh(seen, asked, address, html):
    """Note what a page has loaded, and what it asked other machines for."""
    for url in asked:
        if url.startswith(f"{address}/"):
            seen.requests += 1
            file = html / unquote(urlsplit(url).path).lstrip("/")
            seen.weight += _compressed(file) if file.is_file() else 0
        elif not url.startswith("data:"):
            seen.elsewhere.append(url)


def _violations(page):
    """Return what axe finds, a line for each element; in dark pages only the colours change."""
    from axe_playwright_python.sync_playwright import Axe

    page.add_style_tag(content="* { transition: none !important }")  # no colours on their way
    page.evaluate(KEEP_ONE_OF_EACH)
    found = []
    for theme, rules in (("light", WCAG), ("dark", COLOURS)):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        for violation in Axe().run(page, options=options).response["violations"]:
            found += [
                f"{theme}: {violation['id']}: {node['html'][:200]}: {node['failureSummary']}"
                for node in violation["nodes"]
            ]
    return found


def _compressed(file):
    content = file.read_bytes()
    packed = file.suffix in (".png", ".woff2", ".woff", ".jpg", ".gz")
    return len(content) if packed else len(gzip.compress(content, 6))


def table(pages):
    """Return the survey as lines of text: a page in each."""
    lines = [
        f"{'page':58} {'kB':>6} {'requests':>8} {'elsewhere':>9} {'violations':>10} {'pictures':>8}"
    ]
    lines += [
        f"{page.name:58} {page.weight / 1000:6.0f} {page.requests:8} {len(page.elsewhere):9} "
        f"{len(page.violations):10} {page.pictures:8}"
        for page in pages
    ]
    return "\n".join(lines)
