"""The command line: what it prints, and how it ends."""

import json
import sys

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.bank import Answer, Outcome
from autograder.cli import main


@pytest.fixture
def autograder(tiny, monkeypatch, capfd):
    """Run the command in the tiny course; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tiny.root)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["autograder", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capfd.readouterr()

    return run


@pytest.mark.parametrize("command", ["release", "bank", "grade"])
def test_help_has_examples(autograder, command):
    code, out, _ = autograder(command, "--help")
    assert code == 0
    assert f"autograder {command} 1_cnn_rnn_basics" in out


@pytest.mark.parametrize("command", ["release", "bank"])
def test_an_unknown_assignment_is_one_line_and_exit_2(autograder, command):
    code, out, err = autograder(command, "nope")
    assert (code, out) == (2, "")
    assert err == "autograder: no assignment called 'nope' in solutions/: use tiny\n"


def test_outside_of_a_course_is_one_line_and_exit_2(autograder, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    code, _, err = autograder("release")
    assert code == 2
    assert err.startswith("autograder: no course in ")
    assert err.count("\n") == 1


def test_an_unknown_option_is_exit_2(autograder):
    code, _, err = autograder("release", "--nope")
    assert code == 2
    assert "No such option: --nope" in err


RIGHT = Outcome(Answer("task_01_double", True, "adds [twice]", "code"), 7, 7, True)
WRONG = Outcome(Answer("task_01_double", False, "the square", "code"), 0, 7, True)
UNDETECTED = Outcome(Answer("task_01_double", False, "not wrong", "code"), 7, 7, True)


@pytest.mark.parametrize(
    ("outcomes", "without", "code", "last_line"),
    [
        ([RIGHT, WRONG], [], 0, "2 of 2 answers are as the bank says."),
        ([RIGHT, UNDETECTED], [], 1, "1 of 2 answers are as the bank says."),
        ([RIGHT], ["task_02_more"], 1, "1 of 1 answers are as the bank says."),
    ],
)
def test_the_table_of_a_bank_and_its_exit_code(
    autograder, monkeypatch, outcomes, without, code, last_line
):
    monkeypatch.setattr("autograder.bank.grade_bank", lambda *arguments: (outcomes, without))
    got, out, _ = autograder("bank")
    assert got == code
    assert out.splitlines()[-1] == last_line
    for outcome in outcomes:
        (row,) = (line.split() for line in out.splitlines() if outcome.answer.name in line)
        assert row[-1] == ("yes" if outcome.as_expected else "NO")
        assert f"{outcome.points:g}" in row
    assert ("task_02_more has no answers" in out) == bool(without)


def test_check_names_stale_exercises_with_the_mend(autograder, monkeypatch, tiny):
    (tiny.exercises / "old").mkdir(parents=True)
    (tiny.exercises / "old" / "old.ipynb").touch()
    stale = {"tiny": ["tiny.ipynb is missing", "a.csv differs"]}
    monkeypatch.setattr("autograder.exercises.find_stale", lambda course, names: stale)
    code, out, _ = autograder("release", "--check")
    assert code == 1
    assert out.splitlines() == [
        "stale: tiny (tiny.ipynb is missing; a.csv differs). Run: autograder release tiny",
        "stale: old (no solutions/old). Delete notebooks/exercises/old",
    ]


@pytest.mark.slow
def test_release_prints_the_nbgrader_command(autograder, tiny):
    code, out, err = autograder("release")
    assert (code, err) == (0, "trying the tests of tiny\n")
    assert out.startswith("$ nbgrader generate_assignment tiny --force ")
    assert out.endswith("notebooks/exercises/tiny: written\n")
    assert (tiny.exercises / "tiny" / "tiny.ipynb").exists()
    assert autograder("release", "--check") == (0, "fresh: tiny\n", "")
    (tiny.exercises / "tiny" / "notes.txt").touch()
    code, out, err = autograder("release")
    assert (code, err) == (0, "trying the tests of tiny\n")
    (kept,) = (tiny.work / "release_old").iterdir()
    assert out.endswith(f"tiny: written; the old one is kept in work/release_old/{kept.name}\n")


@pytest.mark.slow
def test_a_broken_solution_adds_no_assignment_to_the_gradebook(autograder, tiny):
    autograder("release")
    (tiny.solutions / "broken").mkdir()
    (tiny.solutions / "broken" / "broken.ipynb").write_text("{")
    code, out, err = autograder("release", "broken")
    assert (code, out) == (2, "")
    assert err.startswith(
        "trying the tests of broken\nautograder: solutions/broken/broken.ipynb is not a notebook: "
    )
    with Gradebook(f"sqlite:///{tiny.work / 'gradebook.db'}") as gradebook:
        assert [assignment.name for assignment in gradebook.assignments] == ["tiny"]


@pytest.mark.slow
def test_bank_exits_1_and_shows_the_answer_that_is_not_as_expected(autograder, tiny):
    path = tiny.root / "tests" / "solutions" / "tiny" / "task_01_double.py"
    path.write_text(
        path.read_text() + "\n\n# %% wrong: not wrong\ndef double(x):\n    return 2 * x"
    )
    code, out, _ = autograder("bank", "--json")
    assert code == 1
    (result,) = json.loads(out)
    assert result["assignment"] == "tiny"
    assert result["tasks_without_answers"] == []
    assert [answer["as_expected"] for answer in result["answers"]] == [True, True, True, False]
    assert result["answers"][3] == {
        "task": "task_01_double",
        "right": False,
        "name": "not wrong",
        "points": 7,
        "max_points": 7,
        "failed_by": "",
        "as_expected": False,
    }


def test_trouble_in_a_bank_file_is_one_line_and_exit_2(autograder, tiny):
    path = tiny.root / "tests" / "solutions" / "tiny" / "task_01_double.py"
    path.write_text("# %% wrong: broken\ndef double(x:\n")
    code, _, err = autograder("bank")
    assert code == 2
    assert "autograder: tests/solutions/tiny/task_01_double.py:2: no valid Python (" in err
    assert "Traceback" not in err


def test_a_bank_of_written_answers_only_has_nothing_to_grade(autograder, tiny):
    path = tiny.solutions / "tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    del notebook.cells[1:3]
    nbformat.write(notebook, path)
    (tiny.root / "tests" / "solutions" / "tiny" / "task_01_double.py").unlink()
    code, out, _ = autograder("bank")
    assert code == 0
    assert "nothing to grade" in out
    code, out, _ = autograder("bank", "--json")
    assert code == 0
    assert json.loads(out) == [{"assignment": "tiny", "answers": [], "tasks_without_answers": []}]


def test_trouble_before_grading_is_one_line_and_exit_2(autograder, tiny, monkeypatch):
    assert autograder("grade", "nope")[::2] == (
        2,
        "autograder: no assignment called 'nope' in solutions/: use tiny\n",
    )
    code, _, err = autograder("grade", "tiny")
    assert code == 2
    assert "nobody has handed in tiny: put submissions into work/submitted/STUDENT/tiny/" in err
    folder = tiny.work / "submitted" / "hana" / "tiny"
    folder.mkdir(parents=True)
    code, _, err = autograder("grade", "tiny", "--student", "min")
    assert code == 2
    assert "min has not handed in tiny: there is no folder work/submitted/min/tiny" in err
    autograder("release")
    monkeypatch.setenv("PATH", str(folder))
    code, _, err = autograder("grade", "tiny")
    assert code == 2
    assert "bubblewrap is not installed" in err
    assert "`--without-sandbox` grades without it" in err


def test_grading_prints_a_table_or_json_and_exits_1_at_a_refusal(autograder, tiny):
    autograder("release")
    notebook = nbformat.read(tiny.solutions / "tiny" / "tiny.ipynb", 4)
    tiny.submit("hana", "tiny", {"tiny": notebook})
    code, out, err = autograder("grade", "tiny", "--without-sandbox")
    assert code == 0
    assert "hana" in out
    assert "1 graded. Next:" in out
    assert "WITHOUT A SANDBOX" in err
    cut = tiny.work / "submitted" / "min" / "tiny"
    cut.mkdir(parents=True)
    (cut / "tiny.ipynb").write_text("{")
    code, out, _ = autograder("grade", "tiny", "--without-sandbox", "--json")
    assert code == 1
    hana, other = json.loads(out)
    assert (hana["student"], hana["points"], hana["max_points"]) == ("hana", 7, 10)
    assert "damaged or cut off" in other["refused"]


def test_a_test_without_points_is_one_line_and_exit_2(autograder, tiny):
    path = tiny.solutions / "tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    del notebook.cells[2].metadata["nbgrader"]["points"]
    nbformat.write(notebook, path)
    for command in ("release", "bank"):
        code, _, err = autograder(command)
        assert code == 2
        assert err.splitlines()[-1].startswith("autograder: tiny.ipynb: the cell 'test_01_double' ")
        assert "Traceback" not in err
