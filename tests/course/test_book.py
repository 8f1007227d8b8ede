"""The book: what is staged, and real builds by Jupyter Book of a small project."""

import os

import nbformat
import pytest
import yaml
from nbformat.v4 import new_output

from course import book, notebooks
from course.runs import Record, code_inputs

REAL = {"description": "MNIST from here", "real": True}
STAND_IN = {"description": "stand-in for MNIST", "real": False}


def run_of(*sources):
    return Record("1_a", "quick", "passed", "2026-01-01", 1.0, data=list(sources))


def test_tables_stand_where_a_page_names_them():
    page = "# Ledger\n\n{{ ledger }}\n\nnot {{ ledger }} here\n{{ other }}\n"
    filled = book.fill(page, {"ledger": "| a \\1 |"})
    assert filled == "# Ledger\n\n| a \\1 |\n\nnot {{ ledger }} here\n{{ other }}\n"


def test_the_page_says_what_data_the_numbers_come_from():
    assert "computed on MNIST from here." in book.data_note([run_of(REAL)])
    mixed = book.data_note([run_of(REAL), run_of(STAND_IN)])
    assert "computed on MNIST from here; but those of 1_a were computed on stand-in data" in mixed
    assert "not how well the models do" in mixed
    assert book.data_note([run_of(STAND_IN)]).startswith(":::{warning}")
    assert "not run" in book.data_note([])


def test_without_a_repository_there_are_no_buttons_for_it(project):
    project.add("1_a", "1")
    config = yaml.safe_load((book.stage(project.root, "smoke") / "_config.yml").read_text())
    assert "launch_buttons" not in config
    assert "repository" not in config
    assert "use_repository_button" not in config["html"]


def test_with_a_repository_there_are(project):
    project.add("1_a", "1")
    path = project.root / "_config.yml"
    path.write_text(path.read_text().replace('url: ""', 'url: "https://example.org/a/b"'))
    config = yaml.safe_load((book.stage(project.root, "smoke") / "_config.yml").read_text())
    assert config["repository"]["url"] == "https://example.org/a/b"
    assert config["launch_buttons"]["colab_url"]


@pytest.mark.slow
def test_the_launch_buttons_lead_to_the_chapter_in_the_repository(project):
    project.add("1_a", "1")
    path = project.root / "_config.yml"
    path.write_text(
        path.read_text().replace('url: ""', 'url: "https://github.com/example/example"')
    )
    assert project.course("book", "--profile", "smoke").returncode == 0
    page = (project.root / "_build/html/notebooks/1_a.html").read_text()
    assert "colab.example/github/example/example/blob/main/notebooks/1_a.ipynb" in page


def test_staging_again_touches_only_what_changed(project):
    project.add("1_a", "1")
    chapter = project.add("2_b", "1")
    stage = book.stage(project.root, "smoke")
    for path in stage.rglob("*.*"):
        os.utime(path, (0, 0))
    (project.root / "book/welcome.md").write_text("# Hello\n")
    chapter.unlink()
    book.stage(project.root, "smoke")
    touched = {path.name for path in stage.rglob("*") if path.is_file() and path.stat().st_mtime}
    assert touched == {"welcome.md"}
    assert not (stage / "notebooks/2_b.ipynb").exists()


@pytest.mark.slow
def test_a_failing_notebook_fails_the_book_and_the_other_pages_are_built(project):
    project.add("1_a", "x = 1", "x / 0")
    project.add("2_b", "print('here I am')")
    done = project.course("book", "--profile", "smoke")
    assert done.returncode == 1
    assert "FAILED 1_a.ipynb (smoke), cell 4:\n    x / 0\nZeroDivisionError" in done.stderr
    html = project.root / "_build/html"
    assert "here I am" in (html / "notebooks/2_b.html").read_text()
    assert "ZeroDivisionError" in (html / "notebooks/1_a.html").read_text()
    assert (html / "index.html").exists()


@pytest.mark.slow
def test_a_warning_fails_the_book_also_the_second_time(project):
    project.add("1_a", "1")
    welcome = project.root / "book/welcome.md"
    welcome.write_text("# Welcome\n\n[nowhere](#nowhere)\n")
    for _ in range(2):
        done = project.course("book", "--profile", "smoke")
        assert done.returncode == 1
        assert "Jupyter Book warned or failed" in done.stderr
    welcome.write_text("# Welcome\n")
    assert project.course("book", "--profile", "smoke").returncode == 0


@pytest.mark.slow
def test_a_second_book_runs_nothing_and_new_prose_arrives(project):
    chapter = project.add("1_a", "print(6 * 7)")
    assert project.course("book", "--profile", "smoke").returncode == 0
    source = chapter.read_text()
    chapter.write_text(source.replace("# A chapter", "# Better words"))
    done = project.course("book", "--profile", "smoke")
    assert done.returncode == 0, done.stderr
    assert "up to date" in done.stderr
    assert "papermill" not in done.stderr
    assert "file://" in done.stderr
    page = (project.root / "_build/html/notebooks/1_a.html").read_text()
    assert "Better words" in page
    assert "42" in page
    third = project.course("book", "--profile", "smoke")
    assert third.returncode == 0
    assert "the book is up to date" in third.stderr
    assert "file://" in third.stderr


def test_a_page_whose_chapter_changed_while_it_ran_shows_what_ran(project):
    chapter = project.add("1_a", "1")
    executed = project.paths.executed(chapter, "smoke")
    executed.parent.mkdir(parents=True)
    executed.write_text(chapter.read_text().replace('"1"', '"2"'))
    stage = book.stage(project.root, "smoke")
    assert notebooks.read(stage / "notebooks/1_a.ipynb").cells[-1].source == "2"


def test_runs_made_elsewhere_are_shown_if_they_are_of_todays_code(project):
    folder = project.root / "gpu"
    folder.mkdir()
    cases = {"1_a": "passed", "2_b": "passed", "3_c": "failed", "4_d": "none", "5_e": "passed"}
    for name, status in cases.items():
        chapter = project.add(name, "'mark'")
        ran = notebooks.read(chapter)
        ran.cells[-1].outputs = [new_output("stream", text="made elsewhere")]
        facts = code_inputs(chapter, ran) | {"seed": 0, "GPU": True}
        if name == "5_e":
            facts["course"] = {"guard.py": "an older digest"}
        if name == "2_b":
            project.add(name, "'another mark'")
        if status != "none":
            record = Record(name, "full", status, "2026-01-01", 1.0, inputs=facts)
            record.save(folder / f"{name}.json")
        nbformat.write(ran, folder / f"{name}.ipynb")
    chapters = notebooks.find_chapters(project.root / "notebooks")
    assert [path.stem for path in book.adopted(chapters, folder)] == ["1_a"]
    assert book.adopted(chapters, None) == book.adopted(chapters, project.root / "none") == {}
    stage = book.stage(project.root, "smoke", folder)
    shown = [(stage / f"notebooks/{chapter.name}").read_text() for chapter in chapters]
    assert ["made elsewhere" in page for page in shown] == [True, False, False, False, False]
    runs = book.records(project.root, "smoke", folder)
    assert [(run.notebook, run.profile) for run in runs] == [("1_a", "full")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("_config.yml", "title: `a`", "_config.yml, line 1: not YAML"),
        ("_config.yml", "- a", "_config.yml: names and values expected"),
        ("_toc.yml", None, "_toc.yml: missing"),
    ],
)
def test_a_broken_configuration_is_told_before_anything_runs(project, name, content, message):
    project.add("1_a", "open('ran', 'w')")
    (project.root / name).unlink()
    if content:
        (project.root / name).write_text(content)
    done = project.course("book", "--profile", "smoke")
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (project.root / "ran").exists()


def test_an_empty_repository_is_none(project):
    project.add("1_a", "1")
    (project.root / "_config.yml").write_text("title: A\nrepository:\nhtml:\n")
    assert "repository" not in (book.stage(project.root, "smoke") / "_config.yml").read_text()


@pytest.mark.slow
def test_a_renamed_chapter_leaves_no_page_and_no_old_title(project):
    chapter = project.add("1_a", "1")
    project.add("2_b", "1")
    assert project.course("book", "--profile", "smoke").returncode == 0
    chapter.write_text(chapter.read_text().replace("# A chapter", "# Other title"))
    chapter.rename(chapter.with_name("1_c.ipynb"))
    assert project.course("book", "--profile", "smoke").returncode == 0
    html = project.root / "_build/html/notebooks"
    assert sorted(page.name for page in html.glob("*.html")) == ["1_c.html", "2_b.html"]
    assert "Other title" in (html / "2_b.html").read_text()


@pytest.mark.slow
def test_a_book_that_could_not_be_built_is_not_called_built(project):
    project.add("1_a", "1")
    config = project.root / "_config.yml"
    config.write_text(config.read_text() + "sphinx: {extra_extensions: [no_such_extension]}\n")
    done = project.course("book", "--profile", "smoke")
    assert done.returncode == 1
    assert "Jupyter Book warned or failed" in done.stderr
    assert "file://" not in done.stderr


PICTURE = """\
import altair as alt
from course.interactive import Picture

chart = alt.Chart(alt.Data(values=[{"x": 1}])).mark_point().encode(x="x:Q")
chart = chart.add_params(alt.param("told", expr="'One point'"))
Picture(chart, "fig-point", "A point.", "One point on a line.")"""


@pytest.mark.slow
def test_a_picture_with_controls_is_no_warning_and_its_script_is_there(project):
    project.add("1_a", PICTURE)
    done = project.course("book", "--profile", "smoke")
    assert done.returncode == 0, done.stderr
    page = (project.root / "_build/html/notebooks/1_a.html").read_text()
    assert '<figure class="picture" id="fig-point">' in page
    assert "vegaEmbed" in (project.root / "work/book/book/_static/vega.js").read_text()
    executed = notebooks.read(project.paths.executed(project.root / "notebooks/1_a.ipynb", "smoke"))
    assert "vegalite" in nbformat.writes(executed)  # for JupyterLab


def test_without_pictures_no_page_has_the_script_for_them(project):
    project.add("1_a", "1")
    assert not (book.stage(project.root, "smoke") / "book/_static/vega.js").exists()
