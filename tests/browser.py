"""A page in a real browser: headless Chromium of the system, driven by Playwright."""

import os
import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, PROGRAMS)), None)
WAIT = 60  # seconds for anything that a page is waited for
MOST_TOLD = 4000  # characters of a page's text in a message


def why_not():
    """Return why no page can be opened here; None if one can."""
    if not PROGRAM:
        return f"none of {', '.join(PROGRAMS)} is installed: tools/install_chromium.sh"
    return None if find_spec("playwright") else "the package playwright is not installed"


WHY_NOT = why_not()

# Where tests in a browser may not be skipped, as in CI
if WHY_NOT and os.environ.get("REQUIRE_BROWSER"):
    raise RuntimeError(f"REQUIRE_BROWSER is set, and there is none: {WHY_NOT}")

needs_browser = pytest.mark.skipif(WHY_NOT is not None, reason=f"no browser here: {WHY_NOT}")


@contextmanager
def open_page():
    """Give an empty page of a browser with a home of its own; close it in the end.

    It loads nothing from other machines. A failure tells what the page shows, and its errors.
    """
    from playwright.sync_api import expect, sync_playwright

    # Its own sandbox does not start for root, nor everywhere in containers
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    expect.set_options(timeout=WAIT * 1000)
    # A socket's path may have 107 characters, fewer than a folder of pytest's
    with TemporaryDirectory(prefix="browser") as home, sync_playwright() as playwright:
        names = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR")
        folders = dict.fromkeys(names, home)
        browser = playwright.chromium.launch(
            executable_path=PROGRAM, args=arguments, env=os.environ | folders
        )
        try:
            context = browser.new_context(viewport={"width": 1300, "height": 900})
            context.set_default_timeout(WAIT * 1000)
            context.route(_is_elsewhere, lambda route: route.abort())
            page = context.new_page()
            errors = []
            page.on("pageerror", lambda error: errors.append(f"error of a script: {error}"))
            page.on("dialog", lambda dialog: _dismiss(dialog, errors))
            page.on("response", lambda response: _note(response, errors))
            try:
                yield page
            except BaseException as error:
                error.add_note("\n".join([_shown(page), *errors]))
                raise
        finally:
            browser.close()


def _is_elsewhere(url):
    parts = urlsplit(url)
    here = ("localhost", "127.0.0.1")
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in here


def _dismiss(dialog, errors):
    errors.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _note(response, errors):
    if response.status >= 400:
        errors.append(f"{response.status} for {response.request.method} {response.url}")


def _shown(page):
    """Return the text of a page and of the pages in it."""
    from playwright.sync_api import Error

    told = []
    for frame in page.frames:
        try:
            text = frame.locator("body").inner_text(timeout=2000)
        except Error as error:
            text = f"(can't be read: {error})"
        told.append(f"--- {frame.url} shows:\n{text[:MOST_TOLD]}")
    return "\n".join(told)
