"""The page that shows slides: reveal.js and MathJax from a folder beside it, nothing from elsewhere."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

ASSETS = {  # folder of the slides: package, folder in it, what the slides load
    "reveal.js": (
        "sphinx_revealjs",
        "_static/revealjs",
        (
            "LICENSE",
            "dist/reveal.css",
            "dist/reveal.js",
            "dist/theme/white.css",
            "dist/theme/fonts/source-sans-pro",
            "plugin/notes/notes.js",
        ),
    ),
    "mathjax": (
        "sphinx-mathjax-offline",
        "static/mathjax",
        ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts"),
    ),
}

# Sizes are in em, so that a slide that is too full can be made smaller as a whole
STYLE = """
html:not(.reveal-print), html:not(.reveal-print) :is(body, main) {
  width: 100%; height: 100%; margin: 0; overflow: hidden;
}
.reveal .slides { text-align: left; }
.reveal .slides > section { padding: 0; }
.reveal .slides > :is(section, .pdf-page) > section {
  box-sizing: border-box; width: 1136px; margin: 0 72px; padding: 36px 0 40px;
  font-size: calc(28px * var(--text, 1)); line-height: 1.35; color: #1a1a1a;
}
.reveal.measured .slides { width: 1280px; height: 720px; }
.reveal.measured .slides section { display: block; visibility: hidden; }
.reveal section h1, .reveal section h2, .reveal section h3 {
  margin: 0 0 0.5em; line-height: 1.15; letter-spacing: 0; text-transform: none; text-wrap: balance;
}
.reveal section h1 { font-size: 2em; } .reveal section h2 { font-size: 1.6em; }
.reveal section h3 { font-size: 1.3em; }
.reveal section .section-name { margin: 0 0 0.5em; font-size: 0.75em; color: #5f5f5f; }
.reveal section p, .reveal section ul, .reveal section ol { margin: 0 0 0.5em; }
.reveal section ul, .reveal section ol { display: block; padding-left: 1.2em; margin-left: 0; }
.reveal section li { margin-bottom: 0.2em; }
.reveal section a { color: #0b5cad; text-decoration: underline; }
.reveal section pre {
  width: auto; margin: 0.3em 0; padding: 0.5em 0.7em; box-sizing: border-box; overflow: visible;
  font-size: 0.71em; line-height: 1.3; box-shadow: none; white-space: pre; color: inherit;
}
.reveal section .highlight pre { background: #f4f4f4; border-radius: 4px; }
.reveal section .jp-OutputArea pre { border-left: 4px solid #b9b9b9; padding-left: 0.8em; line-height: 1.2;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
.reveal section code { font-size: 0.9em; } .reveal section pre code { font-size: 1em; max-height: none; }
.reveal section figure { margin: 0.2em 0 0; text-align: center; }
.reveal section figure img {
  display: block; margin: 0 auto; max-width: 100%; background: white;
  width: auto; height: calc(19.5em * var(--figure, 1)); object-fit: contain;
}
.reveal section figcaption { margin-top: 0.3em; font-size: 0.75em; color: #4d4d4d; }
.reveal section table { margin: 0.2em 0; font-size: 0.75em; }
.reveal section table th, .reveal section table td { padding: 0.2em 0.6em; }
.reveal section blockquote {
  width: auto; margin: 0.3em 0; padding: 0.3em 0.8em; box-shadow: none; font-style: normal;
  border-left: 5px solid #b3261e; background: #fdf1f0;
}
.reveal section details { margin-bottom: 0.3em; border: 1px solid #9a9a9a; border-radius: 6px; padding: 0.3em 0.7em; }
.reveal section summary { cursor: pointer; }
.reveal section details > :last-child { margin-bottom: 0; }
.reveal .slide-number { left: 8px; right: auto; background: none; color: #5f5f5f; }
html.reveal-print .reveal .slides > .pdf-page > section {
  width: 1280px !important; padding: 36px 72px 40px !important; box-sizing: border-box !important;
}
.jp-InputPrompt, .jp-OutputPrompt, .jp-Collapser { display: none; }
"""

# A slide that is too full gets smaller figures, and then smaller text
SCRIPT = """
const full = (slide) => slide.scrollHeight > 720 || slide.scrollWidth > slide.clientWidth;
const sizes = [...[1, 0.85, 0.7, 0.6, 0.5].map((figure) => [figure, 1]),
               ...[0.9, 0.8, 0.7, 0.6, 0.5, 0.4].map((text) => [0.7, text])];
function fit(slide) {
  for (const [figure, text] of sizes) {
    slide.style.setProperty("--figure", figure);
    slide.style.setProperty("--text", text);
    if (!full(slide)) return;
  }
}
const reveal = document.querySelector(".reveal");
const leaves = [...document.querySelectorAll(".slides > section > section")];
const pictures = [...document.images].map((image) => image.decode().catch(() => {}));
const formulas = window.MathJax?.startup?.promise ?? Promise.resolve();
Promise.all([formulas, document.fonts.ready, ...pictures]).then(() => {
  reveal.classList.add("measured");
  leaves.forEach(fit);
  reveal.classList.remove("measured");
  Reveal.initialize({
    width: 1280, height: 720, margin: 0, center: false, controls: true, progress: true, hash: true,
    slideNumber: "h.v", transition: "none", plugins: [RevealNotes],
    keyboardCondition: (event) =>
      !(event.target.closest?.("summary") && ["Enter", " "].includes(event.key)),
  });
});
document.addEventListener("toggle", (event) => {
  fit(event.target.closest("section"));
  Reveal.layout();
}, true);
"""

TEMPLATE = (
    """{% extends 'reveal/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block notebook_css %}<style>"""
    + STYLE
    + """</style>{% endblock %}
{% block html_head_js_mathjax %}
<script>
MathJax = {
  tex: { inlineMath: [["$", "$"], ["\\\\(", "\\\\)"]], displayMath: [["$$", "$$"], ["\\\\[", "\\\\]"]] },
  options: { enableMenu: false, skipHtmlTags: ["script", "style", "pre", "code"] },
};
</script>
<script src="mathjax/tex-chtml.js"></script>
{% endblock %}
{% block footer_js %}
<script src="reveal.js/dist/reveal.js"></script>
<script src="reveal.js/plugin/notes/notes.js"></script>
<script>"""
    + SCRIPT
    + """</script>
{% endblock %}
"""
)


def render(deck: NotebookNode) -> str:
    """Return slides as a page.

    Args:
        deck: cells with the marks of a slide show, as `course.slides.slides` makes them.
    """
    from nbconvert.exporters import SlidesExporter
    from traitlets.config import Config

    # Colours that can be read on grey; JupyterLab's own come with a style sheet of 240 KB
    config = Config({"CSSHTMLHeaderPreprocessor": {"style": "a11y-high-contrast-light"}})
    exporter = SlidesExporter(
        config=config,
        raw_template=TEMPLATE,
        reveal_url_prefix="reveal.js",
        reveal_theme="white",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    return exporter.from_notebook_node(deck)[0]


def copy_assets(folder: Path) -> None:
    """Put beside the slides what they load; what is there stays."""
    for name, (package, inside, wanted) in ASSETS.items():
        [home] = find_spec(package).submodule_search_locations
        for part in wanted:
            source, target = Path(home) / inside / part, folder / name / part
            if target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy(source, target)
