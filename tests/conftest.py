"""Fixtures for several tests: a small project, a smoke run of the chapters, graded exercises."""

import shutil

import pytest
from clusters import Cluster
from grading import Grading
from hypothesis import settings
from projects import CONFIG, ROOT, TOC, Project

from course import notebooks
from course.runs import Paths, default_jobs, run_chapters

settings.register_profile(
    "course", deadline=None
)  # a test that is slow beside others hasn't failed
settings.load_profile("course")


@pytest.fixture
def workers(tmp_path_factory):
    """A Dask cluster to which the test adds workers."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


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
        records = run_chapters(chapters, "smoke", paths, default_jobs("smoke"))
        yield {
            chapter.stem: (record, paths.executed(chapter, "smoke"))
            for chapter, record in zip(chapters, records, strict=True)
        }


@pytest.fixture(scope="session", autouse=True)
def grading(request, tmp_path_factory):
    """Begin to grade the exercises that the chosen tests need; None if they need none."""
    needed = {
        item.callspec.params["assignment"]
        for item in request.session.items
        if "grade" in getattr(item, "fixturenames", ())
    }
    if not needed:
        yield None
        return
    process = Grading(tmp_path_factory.mktemp("graded"), sorted(needed))
    yield process
    process.end()


@pytest.fixture(scope="session")
def grade(grading):
    """Return a function that waits until an assignment is graded, and returns what it earned."""
    return grading
