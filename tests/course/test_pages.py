"""The theme's pages, mended."""

from course import pages

HEAD = """\
<head>
  <script defer src="../_static/scripts/fontawesome.js?digest=1"></script>
    <link rel="stylesheet" type="text/css" href="../_static/sphinx-thebe.css?v=4" />
    <script src="../_static/doctools.js"></script>
    <script>const THEBE_JS_URL = "https://unpkg.com/thebe"; const thebe_selector = ".thebe"</script>
    <script async="async" src="../_static/sphinx-thebe.js?v=c"></script>
    <script>const THEBE_JS_URL = "https://unpkg.com/thebe"; const thebe_selector = ".thebe"</script>
</head>
"""
CONTENTS = (
    '<li><a class="reference internal" href="a.html">First</a></li>'
    '<li><a class="current reference internal" href="b.html">The "<em>second</em>"</a>'
    '<details><summary><span class="toctree-toggle"></span></summary></details></li>'
)


def test_scripts_that_are_not_needed_are_gone():
    page = pages.mend(HEAD)
    assert "doctools.js" in page
    assert all(name not in page for name in ("fontawesome", "thebe", "THEBE"))


def test_the_arrow_in_the_contents_has_a_name():
    page = pages.mend(CONTENTS)
    assert '<summary aria-label="Pages of: The &quot;second&quot;">' in page
    assert page.count("aria-label") == 1


def test_files_that_no_page_loads_are_gone(tmp_path):
    scripts = tmp_path / "_static/scripts"
    scripts.mkdir(parents=True)
    for name in ("fontawesome.js", "fontawesome.js.map", "bootstrap.js"):
        (scripts / name).touch()
    (tmp_path / "a.html").write_text(HEAD)
    pages.mend_all(tmp_path)
    assert [path.name for path in scripts.iterdir()] == ["bootstrap.js"]
    assert "fontawesome" not in (tmp_path / "a.html").read_text()
