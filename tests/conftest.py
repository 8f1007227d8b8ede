"""What several tests need: small projects with real notebooks, and one smoke run of the chapters."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course import notebooks
from course.runs import Paths, run_chapter

ROOT = Path(__file__).parents[1]
CONFIG = """\
title: A small book
author: nobody
only_build_toc_files: true
execute: {execute_notebooks: "off"}
repository: {url: "", branch: main}
launch_buttons: {colab_url: "https://colab.example"}
html: {use_repository_button: true}
"""


def notebook(*code, parameters='profile = "quick"'):
    """Return a chapter: a title, the cell tagged parameters, and a cell for each piece of code."""
    cells = [new_markdown_cell("# A chapter", id="title")]
    if parameters is not None:
        cells.append(new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]}))
    cells += [new_code_cell(source, id=f"code-{i}") for i, source in enumerate(code)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in an empty folder, which is also the current one; `add` writes a chapter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("COURSE_DOWNLOAD", "never")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book").mkdir()
    (tmp_path / "requirements.txt").write_text("numpy==2\n")
    (tmp_path / "_config.yml").write_text(CONFIG)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/welcome\n")
    (tmp_path / "book/welcome.md").write_text("# Welcome\n\n{{ data }}\n")
    return Project(tmp_path)


class Project:
    """A project of the course in a temporary folder."""

    def __init__(self, root):
        self.root = root
        self.paths = Paths(root)

    def add(self, name, *code, **options):
        """Write a chapter and return its path."""
        path = self.root / "notebooks" / f"{name}.ipynb"
        nbformat.write(notebook(*code, **options), path)
        chapters = sorted(p.stem for p in path.parent.glob("*.ipynb"))
        toc = "".join(f"  - file: notebooks/{chapter}\n" for chapter in chapters)
        (self.root / "_toc.yml").write_text(
            f"format: jb-book\nroot: book/welcome\nchapters:\n{toc}"
        )
        return path

    def course(self, *arguments):
        """Run the command `course` in this project, as a user does."""
        command = [str(Path(sys.executable).parent / "course"), *map(str, arguments)]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """Every chapter run once in the profile smoke, on stand-in data: {name: (record, notebook)}."""
    root = tmp_path_factory.mktemp("smoke")
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    shutil.copy(ROOT / "requirements.txt", root)
    saved = {name: os.environ.pop(name, None) for name in ("COURSE_DATA", "COURSE_DOWNLOAD")}
    os.environ["COURSE_DOWNLOAD"] = "never"
    try:
        runs = {}
        for chapter in notebooks.find_chapters(root / "notebooks"):
            record = run_chapter(chapter, "smoke", Paths(root))
            runs[chapter.stem] = record, Paths(root).executed(chapter, "smoke")
        yield runs
    finally:
        del os.environ["COURSE_DOWNLOAD"]
        os.environ.update({name: value for name, value in saved.items() if value is not None})
