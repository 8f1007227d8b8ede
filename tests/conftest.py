"""Fixtures for several tests: a small project, and one smoke run of the chapters."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
from projects import CONFIG, ROOT, TOC, Project

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
    (tmp_path / "_toc.yml").write_text(TOC)
    (tmp_path / "book/welcome.md").write_text("# Welcome\n\n{{ data }}\n")
    return Project(tmp_path)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """Every chapter run once in the profile smoke, on stand-in data: {name: (record, notebook)}."""
    root = tmp_path_factory.mktemp("smoke")
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    shutil.copy(ROOT / "requirements.txt", root)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COURSE_DATA", raising=False)
        patch.setenv("COURSE_DOWNLOAD", "never")
        patch.setenv("KERAS_HOME", str(root / "keras"))  # the tester's own cache may hold MNIST
        paths, chapters = Paths(root), notebooks.find_chapters(root / "notebooks")
        # Processes, not threads: CPython 3.11 can't parse code in two threads at once
        with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as runners:
            records = list(
                runners.map(partial(run_chapter, profile="smoke", paths=paths), chapters)
            )
        yield {
            chapter.stem: (record, paths.executed(chapter, "smoke"))
            for chapter, record in zip(chapters, records, strict=True)
        }
