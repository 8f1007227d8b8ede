"""The course folder, its copies, and what is said when nbgrader fails."""

import nbformat
import pytest

from autograder.errors import UserError
from autograder.nbgrader_course import _reason, find_course, read_notebooks, temporary_course


def test_a_course_is_found_from_a_folder_inside_it(tiny):
    assert find_course(tiny.solutions / "tiny").root == tiny.root


def test_no_course_is_an_error_that_says_where_to_go(tmp_path):
    with pytest.raises(UserError, match="change to the folder that holds "):
        find_course(tmp_path)


def test_a_copy_holds_only_what_was_asked_for_and_is_deleted(tiny):
    (tiny.solutions / "other").mkdir()
    with temporary_course(tiny, ["tiny"]) as copy:
        root = copy.root
        files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        assert files == {"nbgrader_config.py", "solutions/tiny/tiny.ipynb"}
        assert f"sqlite:///{root}/work/gradebook.db" in " ".join(copy.command("export"))
    assert not root.exists()


def test_a_copy_is_deleted_after_an_error(tiny):
    roots = []

    def fail():
        with temporary_course(tiny, []) as copy:
            roots.append(copy.root)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not roots[0].exists()


def test_submissions_are_where_nbgrader_looks(tiny):
    notebooks = read_notebooks(tiny.solutions / "tiny")
    tiny.submit("ana", "tiny", notebooks)
    handed_in = nbformat.read(tiny.work / "submitted" / "ana" / "tiny" / "tiny.ipynb", 4)
    assert handed_in == notebooks["tiny"]


@pytest.mark.parametrize("text", ["", "{", "[]", "<html>"])
def test_a_file_that_is_no_notebook_is_named(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.ipynb").write_text(text)
    with pytest.raises(UserError) as error:
        read_notebooks(tmp_path)
    assert str(error.value).startswith("broken.ipynb is not a notebook: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "it printed nothing"),
        (["something"], "something"),
        (["[App | INFO] a", "[App | ERROR] b", "[App | ERROR] c"], "c"),
        (["[App | ERROR] Traceback", "  raise", "    RuntimeError: no end", "[App | ERROR] see above"],
         "RuntimeError: no end"),
        (["sqlalchemy.exc.OperationalError: locked"], "sqlalchemy.exc.OperationalError: locked"),
    ],
)  # fmt: skip
def test_the_reason_of_a_failure_is_found_in_the_log(lines, reason):
    assert _reason(lines) == reason


@pytest.mark.slow
def test_a_command_that_fails_says_which_and_why(tiny):
    with pytest.raises(UserError, match=r"`nbgrader autograde tiny` failed: No notebooks were"):
        tiny.run("autograde", "tiny")
