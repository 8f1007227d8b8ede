"""Fixtures for several tests: a small project, and one smoke run of the chapters."""

import os
import shutil

import pytest
from projects import CONFIG, ROOT, Project

from course import notebooks
from course.runs import Paths, run_chapter


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
