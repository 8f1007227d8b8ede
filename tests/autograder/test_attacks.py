"""Wrong answers that try to get points or to do harm: what each earns, and what it leaves."""

import ast
import os
import socket
from pathlib import Path

import psutil
import pytest
from autograding import needs_sandbox
from nbgrader.api import Gradebook
from projects import ROOT

from autograder import attacks
from autograder.attacks import Attacks
from autograder.errors import UserError

ATTACKS = ROOT / "tests" / "attacks"


def contents(*folders):
    """Return what is in the files of folders."""
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def names(folder):
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def of_this_account():
    """Return the processes of this machine that may be left by a submission."""
    return {one.pid for one in psutil.process_iter() if one.pid != psutil.Process().pid}


def command(pid):
    """Return the command line of a process; nothing if it has ended."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def test_there_are_more_than_forty_attacks_of_many_families():
    found = attacks.read_attacks(ATTACKS)
    assert len(found) >= 40
    assert len({one.family for one in found}) >= 8
    assert len({one.what for one in found}) == len(found)
    for one in found:
        ast.parse(one.code)


def test_a_block_with_another_title_is_told(tmp_path):
    (tmp_path / "some.py").write_text("# %% no colon\nx = 1\n")
    with pytest.raises(UserError, match="TASK: WHAT IT TRIES"):
        attacks.read_attacks(tmp_path)
    (tmp_path / "some.py").unlink()
    with pytest.raises(UserError, match="no attacks"):
        attacks.read_attacks(tmp_path)


@needs_sandbox
@pytest.mark.slow
def test_no_attack_earns_a_point_or_leaves_anything(tmp_path):
    suite = Attacks(ATTACKS, ROOT / "nbgrader_config.py", tmp_path)
    with Gradebook(suite.course.db_url, suite.course.course_id) as book:
        book.add_assignment("another")
        book.add_notebook("one", "another")
        book.add_grade_cell("test", "one", "another", cell_type="code", max_score=5)
        book.add_student("hana")
        book.add_submission("another", "hana")
        grade = book.find_grade("test", "one", "another", "hana")
        grade.manual_score = 4
        book.db.commit()
    watched = [suite.course.solutions, suite.course.work / "submitted", suite.course.exercises]
    watched += [ROOT / "autograder", ROOT / "course", ROOT / "solutions"]
    before, home, temporary = contents(*watched), names(Path.home()), names(Path("/tmp"))
    processes = of_this_account()
    with socket.create_server(("127.0.0.1", 0)) as server:
        graded = {one.student: one for one in suite.grade(workers=4)}
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    assert {student: graded[student].points for student in suite.right} == dict.fromkeys(
        suite.right, suite.max_points
    )
    earned = suite.earned()
    assert len(earned) == len(suite.attacks)
    assert [(one.attack.family, one.attack.what) for one in earned if one.points != 0] == []
    assert contents(*watched) == before
    assert names(Path.home()) == home
    # Other tests write there too, but not as the account of the sandbox, where they run as root
    new = [Path("/tmp", name) for name in names(Path("/tmp")) - temporary]
    assert [str(p) for p in new if p.exists() and p.lstat().st_uid != os.getuid()] == []
    left = [command(pid) for pid in of_this_account() - processes]
    assert [one for one in left if "autograder" in one] == []
    with Gradebook(suite.course.db_url, suite.course.course_id) as book:
        assert book.find_grade("test", "one", "another", "hana").score == 4
        rows = {one.student.id for one in book.assignment_submissions(suite.name)}
        assert rows == {*graded}


@needs_sandbox
@pytest.mark.slow
def test_plain_nbgrader_gives_points_to_an_attack(tmp_path):
    """The comparison compares something: there an AST transformer earns all points."""
    suite = Attacks(ATTACKS, ROOT / "nbgrader_config.py", tmp_path)
    number = [one.what for one in suite.attacks].index(
        "an AST transformer makes each assertion true"
    )
    suite.attacks = [suite.attacks[number]]
    suite._students = [suite._students[number]]
    assert list(suite.grade_plainly()) == suite._students
    [one] = suite.earned()
    assert one.points == one.max_points
