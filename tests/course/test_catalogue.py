"""Notebooks are found by their place."""

import pytest

from course import catalogue
from course.notebooks import NotebookError


@pytest.fixture
def three(project):
    project.add("1_a")
    for folder in ("notebooks/exercises/1_a", "solutions/1_a"):
        (project.root / folder).mkdir(parents=True)
        (project.root / folder / "1_a.ipynb").write_text("{}")
        (project.root / folder / "notes.ipynb").write_text("{}")
    return project.root


def test_chapters_exercises_and_solutions_are_found(three):
    found = [(catalogue.kind(path), catalogue.name(path)) for path in catalogue.find(three)]
    assert found == [
        ("chapter", "1_a"),
        ("exercise", "exercises/1_a"),
        ("solution", "solutions/1_a"),
    ]


def test_the_name_of_the_checkout_does_not_matter(tmp_path):
    for name in ("exercises", "solutions"):
        assert catalogue.kind(tmp_path / name / "notebooks/1_a.ipynb") == "chapter"


def test_some_can_be_chosen(three):
    paths = [three / "solutions/1_a/1_a.ipynb", three / "notebooks/../notebooks/1_a.ipynb"]
    names = [catalogue.name(path) for path in catalogue.choose([*paths, paths[0]], three)]
    assert names == ["solutions/1_a", "1_a"]
    assert len(catalogue.choose(None, three)) == 3


def test_what_is_no_notebook_of_the_project_is_refused(three):
    with pytest.raises(NotebookError, match="no chapter, exercise or solution"):
        catalogue.choose([three / "solutions/1_a/notes.ipynb"], three)
    with pytest.raises(NotebookError, match="no such folder"):
        catalogue.find(three / "book")
