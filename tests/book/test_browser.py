"""The book as a reader meets it, in a real browser, and its links."""

import re
from urllib.parse import quote, unquote, urldefrag

import book_survey
import pytest
from browser import needs_browser, open_page
from bs4 import BeautifulSoup
from projects import ROOT

from course import notebooks

pytestmark = pytest.mark.slow

CHAPTERS = notebooks.find_chapters(ROOT / "notebooks")
LARGEST = 2_000_000  # bytes of a page with all that it loads, compressed
COMMON = ("Set-up", "What to remember", "Practice", "Where to read on", "This run")


@pytest.fixture(scope="module")
def pages(html):
    """Every page of the book as the browser saw it."""
    return book_survey.survey(html)


@pytest.fixture(scope="module")
def address(html):
    with book_survey.serve(html) as served:
        yield served


@pytest.fixture
def page():
    with open_page() as opened:
        yield opened


def headings(chapter):
    """Return the title of a chapter and the headings of its own sections."""
    text = "\n".join(
        cell.source for cell in notebooks.read(chapter).cells if cell.cell_type == "markdown"
    )
    found = re.findall(r"^##? (.+)$", text, re.MULTILINE)
    return [heading.replace("`", "") for heading in found if heading not in COMMON]


def test_every_link_and_anchor_inside_the_book_leads_somewhere(html):
    soups = {
        path: BeautifulSoup(path.read_bytes(), "html.parser")
        for path in (html / name for name in book_survey.names(html))
    }
    anchors = {path: {tag["id"] for tag in soup.find_all(id=True)} for path, soup in soups.items()}
    broken = []
    for path, soup in soups.items():
        for tag in soup.find_all(["a", "img", "link", "script"]):
            target, anchor = urldefrag(tag.get("href") or tag.get("src") or "")
            if re.match(r"[a-z]+:", target) or (not target and not anchor):
                continue
            file = (path.parent / unquote(target.partition("?")[0])).resolve() if target else path
            if not file.is_file() or (anchor and file in anchors and anchor not in anchors[file]):
                broken.append(f"{path.relative_to(html)}: {target}#{anchor}")
    assert broken == []


@needs_browser
def test_the_table_of_pages(pages, capsys):
    with capsys.disabled():
        print(f"\n{book_survey.table(pages)}")
    assert len(pages) > 2 * len(CHAPTERS)


@needs_browser
def test_no_page_breaks_wcag_2_2_aa(pages):
    assert [f"{page.name}: {told}" for page in pages for told in page.violations] == []


@needs_browser
def test_no_page_asks_another_machine_for_anything(pages):
    assert {page.name: page.elsewhere for page in pages if page.elsewhere} == {}


@needs_browser
def test_no_page_is_scrolled_sideways_from_phone_to_wide_screen(pages):
    assert {page.name: page.sideways for page in pages if page.sideways} == {}


@needs_browser
def test_no_page_is_heavy(pages):
    assert {page.name: page.weight for page in pages if page.weight > LARGEST} == {}


@needs_browser
def test_no_script_of_a_page_fails(pages):
    assert {page.name: page.errors for page in pages if page.errors} == {}


@needs_browser
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_search_finds_what_a_chapter_is_about(page, address, chapter):
    for heading in headings(chapter)[:4]:
        page.goto(f"{address}/search.html?q={quote(heading)}")
        found = page.locator(f"#search-results a[href*='{chapter.stem}.html']")
        found.first.wait_for()


@needs_browser
def test_the_copy_button_copies_the_code_and_nothing_else(page, address):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    page.goto(f"{address}/notebooks/{CHAPTERS[0].stem}.html")
    cell = page.locator("div.cell_input div.highlight").filter(has_text="kernel = np.array").first
    cell.hover()
    cell.locator("button.copybtn").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.length > 0)")
    assert (
        page.evaluate("navigator.clipboard.readText()") == cell.locator("pre").inner_text().strip()
    )


@needs_browser
def test_dark_mode_is_a_button_away_and_stays(page, address):
    def brightness():
        rgb = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", rgb)[:3])) / 3

    page.emulate_media(color_scheme="light")
    page.goto(f"{address}/book/reader.html")
    assert brightness() > 200
    button = page.locator("button.theme-switch-button:visible")
    for _ in range(3):  # it goes round: as the system, light, dark
        if page.evaluate("document.documentElement.dataset.theme") != "dark":
            button.click()
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    page.goto(f"{address}/notebooks/{CHAPTERS[0].stem}.html")
    assert brightness() < 60


@needs_browser
@pytest.mark.parametrize(
    "name",
    [
        *("book/welcome", "book/teacher", "search"),
        *(f"notebooks/{chapter.stem}" for chapter in CHAPTERS),
        f"notebooks/exercises/{CHAPTERS[0].stem}/{CHAPTERS[0].stem}",
    ],
)
def test_the_keyboard_alone_reaches_everything(page, address, name):
    page.goto(f"{address}/{name}.html")
    page.wait_for_function(
        "document.querySelectorAll('figure.picture:not(.picture-is-live)').length === 0"
    )
    wanted = page.evaluate(
        """() => {
          const kinds = "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']";
          const groups = new Set();
          return [...document.querySelectorAll(kinds)].filter((element) => {
            if (element.tabIndex < 0 || element.disabled) return false;
            if (!element.checkVisibility({ visibilityProperty: true })) return false;
            if (element.type === "radio") {  // one stop for a group; arrows do the rest
              if (groups.has(element.name)) return false;
              groups.add(element.name);
            }
            element.dataset.wanted = element.type === "radio" ? element.name : "yes";
            return true;
          }).length;
        }"""
    )
    assert wanted > 20
    for _ in range(2 * wanted):
        page.keyboard.press("Tab")
        page.evaluate(
            """() => {
              const { activeElement: at } = document;
              const group = at.type === "radio" && document.querySelector(`[data-wanted="${at.name}"]`);
              const style = getComputedStyle(at);
              const seen = style.outlineStyle !== "none" || style.boxShadow !== "none";
              (group || at).dataset.reached = seen ? "seen" : "unseen";
            }"""
        )
        if page.evaluate("document.activeElement === document.body"):
            break
    missed = page.evaluate(
        """[...document.querySelectorAll("[data-wanted]")]
          .filter((element) => element.dataset.reached !== "seen")
          .map((element) => `${element.dataset.reached}: ${element.outerHTML.slice(0, 150)}`)"""
    )
    assert missed == []


# Move the controls of every picture by chance, and compare with one that was drawn so from the start
MOVED = """async () => {
  let seed = 1;
  const chance = (n) => ((seed = (seed * 48271) % 2147483647), seed % n);
  const choose = ({ options, min, max, step }) =>
    options ? options[chance(options.length)] : min + step * chance(Math.floor((max - min) / step) + 1);
  const draw = async (spec) => {
    const place = document.body.appendChild(document.createElement("div"));
    return (await vegaEmbed(place, spec, { actions: false, renderer: "svg" })).view;
  };
  const shapes = async (view) => {
    const svg = new DOMParser().parseFromString(await view.toSVG(), "image/svg+xml");
    return [...svg.querySelectorAll("text, path, line")].map((mark) =>
      [mark.textContent, mark.getAttribute("d"), mark.getAttribute("fill")].join(" ")
        .replace(/-?\\d+\\.\\d+/g, (number) => (+number).toFixed(1))
        .replace(/#gradient_\\d+/, "#gradient")).sort();
  };
  const faults = [];
  for (const figure of document.querySelectorAll("figure.picture")) {
    const spec = JSON.parse(figure.querySelector("script").textContent);
    const moved = await draw(spec);
    for (let round = 0; round < 8; round++) {
      const settings = {};
      for (const { name, bind } of spec.params) if (bind) settings[name] = choose(bind);
      for (const name in settings) moved.signal(name, settings[name]);
      await moved.runAsync();
      const params = spec.params.map((p) => (p.name in settings ? { ...p, value: settings[p.name] } : p));
      const fresh = await draw({ ...spec, params });
      const [is, wanted] = [await shapes(moved), await shapes(fresh)];
      const at = wanted.findIndex((shape, i) => shape !== is[i]);
      if (at >= 0 || is.length !== wanted.length)
        faults.push([figure.id, JSON.stringify(settings), `${is[at]} is not ${wanted[at]}`]);
      fresh.finalize();
    }
  }
  return faults;
}"""


@needs_browser
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_picture_that_was_changed_is_as_one_drawn_so_from_the_start(page, address, chapter):
    page.goto(f"{address}/notebooks/{chapter.stem}.html")
    page.wait_for_function("document.querySelectorAll('figure.picture-is-live').length > 1")
    assert page.evaluate(MOVED) == []


@needs_browser
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_each_group_of_buttons_has_one_pressed(page, address, chapter):
    """Two pictures of a page may have a control of the same name."""
    page.goto(f"{address}/notebooks/{chapter.stem}.html")
    page.wait_for_function(
        "document.querySelectorAll('figure.picture:not(.picture-is-live)').length === 0"
    )
    pressed = page.evaluate(
        """[...document.querySelectorAll(".vega-bind-radio")]
          .map((group) => group.querySelectorAll(":checked").length)"""
    )
    assert set(pressed) <= {1}
