"""Every exercise under solutions/: its form, its marks by plain nbgrader, its bank of answers."""

import ast
import csv
import json
import re

import nbformat
import pytest
from autograding import needs_sandbox
from grading import COURSE

from autograder.bank import VISIBLE_TESTS_PASS, bank_folder, read_bank
from autograder.exercises import find_assignments, find_orphans, read_tasks, released_notebooks
from autograder.nbgrader_course import read_notebooks
from course.student_check import read_hints

ASSIGNMENTS = find_assignments(COURSE)
TESTED_TASKS = [
    (assignment, task.name)
    for assignment in ASSIGNMENTS
    for task in read_tasks(read_notebooks(COURSE.solutions / assignment))
    if not task.by_hand
]
REGION = re.compile(r"### BEGIN (HIDDEN TESTS|SOLUTION)\n(.*?)### END \1", re.DOTALL)
HINTS = ["Hint 1: where to look", "Hint 2: the idea", "Hint 3: almost the code"]
SECTION = re.compile(r"(?:[Cc]hapter (\d), )?section \*(.+?)\*(?!\*)")  # as hints name it

each_assignment = pytest.mark.parametrize("assignment", ASSIGNMENTS)
each_tested_task = pytest.mark.parametrize(("assignment", "task"), TESTED_TASKS)


def source(assignment):
    """Return the teacher's notebooks of an assignment."""
    return read_notebooks(COURSE.solutions / assignment)


def released(assignment):
    """Return the committed exercise of an assignment."""
    return released_notebooks(COURSE.exercises / assignment)


def cells(notebooks, name=None):
    """Return all cells of some notebooks, or the one with a grade id."""
    found = [cell for notebook in notebooks.values() for cell in notebook.cells]
    if name is None:
        return found
    (cell,) = (c for c in found if c.metadata.get("nbgrader", {}).get("grade_id") == name)
    return cell


def cells_by_id(assignment):
    """Return the cells of an assignment's source by their ids."""
    return {cell.id: cell for cell in cells(source(assignment))}


def test_there_are_exercises():
    assert ASSIGNMENTS
    assert find_orphans(COURSE) == []


# ------------------------------------------------------------------------------ form, no grading


@each_assignment
def test_the_points_make_100_in_8_to_12_tasks(assignment):
    tasks = read_tasks(source(assignment))
    assert sum(task.points for task in tasks) == 100
    assert 8 <= len(tasks) <= 12
    assert any(task.by_hand for task in tasks)
    assert all(len(task.tests) == 1 for task in tasks if not task.by_hand)


@each_assignment
def test_the_table_and_the_headings_give_the_points_of_each_task(assignment):
    tasks = read_tasks(source(assignment))
    text = "\n".join(c.source for c in cells(source(assignment)) if c.cell_type == "markdown")
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (\d+) \|$", text, re.MULTILINE)
    headings = re.findall(r"^## Task (\d+): (.+?) \((\d+) points(?:,.*)?\)$", text, re.MULTILINE)
    assert rows == headings
    assert [(int(n), int(points)) for n, _, points in rows] == [
        (n, task.points) for n, task in enumerate(tasks, start=1)
    ]


@each_assignment
def test_the_source_has_no_outputs_and_stable_ids(assignment):
    for notebook in source(assignment).values():
        assert notebook.metadata.kernelspec.name == "python3"
        for cell in notebook.cells:
            assert cell.get("outputs", []) == []
            assert cell.get("execution_count") is None
            assert cell.id == cell.metadata.get("nbgrader", {}).get("grade_id", cell.id)
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids)


@each_assignment
def test_code_that_students_do_not_write_is_locked(assignment):
    for cell in cells(source(assignment)):
        if cell.cell_type == "code":
            meta = cell.metadata.nbgrader
            assert meta.solution != meta.locked, f"{cell.id} must be an answer or locked"


@each_tested_task
def test_the_test_cell_says_when_the_visible_tests_pass(assignment, task):
    name = next(t.tests[0] for t in read_tasks(source(assignment)) if t.name == task)
    assert name == f"test_{task}"
    visible, hidden = cells(source(assignment), name).source.split("### BEGIN HIDDEN TESTS")
    assert VISIBLE_TESTS_PASS.search(visible.strip().splitlines()[-1])
    assert "assert " in visible
    assert "assert " in hidden


@each_assignment
def test_every_assertion_has_a_message(assignment):
    for cell in cells(source(assignment)):
        if cell.cell_type == "code" and cell.metadata.nbgrader.grade:
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Assert):
                    assert node.msg is not None, f"{cell.id}, line {node.lineno}"


@pytest.mark.parametrize("notebooks", [source, released])
@each_assignment
def test_every_task_has_three_hints_before_its_answer(assignment, notebooks):
    found = cells(notebooks(assignment))
    names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in found]
    hints = []
    for task in read_tasks(source(assignment)):
        hint = found[names.index(task.name) - 1]
        assert hint.id == "hints-" + task.name.replace("_", "-"), f"{task.name} has no hints"
        assert (hint.cell_type, hint.metadata) == ("markdown", {"tags": ["hints"]}), hint.id
        told = read_hints(hint.source)
        assert [one.title for one in told] == HINTS, hint.id
        assert all(len(one.text) >= 40 for one in told), hint.id
        form = "\n\n".join(
            f"<details>\n<summary>{one.title}</summary>\n\n{one.text}\n\n</details>" for one in told
        )
        assert hint.source == form, f"{hint.id} is not in the form of the other hints"
        hints.append(hint.id)
    assert hints == [cell.id for cell in found if "hints" in cell.metadata.get("tags", [])]
    assert "three hints" in found[0].source, "the introduction should say that there are hints"


@each_assignment
def test_hints_name_sections_that_are_there(assignment):
    headings = {
        path.name[0]: {
            line.lstrip("# ")
            for cell in nbformat.read(path, as_version=4).cells
            if cell.cell_type == "markdown"
            for line in cell.source.splitlines()
            if line.startswith("#")
        }
        for path in COURSE.root.glob("notebooks/*.ipynb")
    }
    texts = [c.source for c in cells(source(assignment)) if "hints" in c.metadata.get("tags", [])]
    found = [match for text in texts for match in SECTION.findall(text)]
    named = [(number or assignment[0], title) for number, title in found]
    assert named
    assert [(n, title) for n, title in named if title not in headings[n]] == []


@each_tested_task
def test_no_hint_is_an_answer(assignment, task):
    """The code of the last hint has gaps."""
    hint = read_hints(cells_by_id(assignment)["hints-" + task.replace("_", "-")].source)[-1]
    for code in re.findall(r"```\w*\n(.*?)```", hint.text, re.DOTALL):
        assert "..." in code


@each_assignment
def test_nothing_hidden_is_released(assignment):
    text = json.dumps([cell.source for cell in cells(released(assignment))])
    for secret in ("BEGIN HIDDEN", "END HIDDEN", "BEGIN SOLUTION", "END SOLUTION", "Rubric"):
        assert secret not in text

    def lines(sources):
        return {line.strip() for source in sources for line in source.splitlines() if line.strip()}

    sources = [cell.source for cell in cells(source(assignment))]
    secret = lines(match[1] for text in sources for match in REGION.findall(text))
    shown = lines(REGION.sub("", text) for text in sources)
    assert len(secret - shown) > 100, "the test must have something to look for"
    assert not (secret - shown) & lines(cell.source for cell in cells(released(assignment)))


@each_tested_task
def test_the_bank_has_enough_answers(assignment, task):
    answers = read_bank(bank_folder(COURSE, assignment), read_tasks(source(assignment)))[task]
    assert sum(not answer.right for answer in answers) >= 3
    assert sum(answer.right for answer in answers) >= 2
    assert len({answer.code for answer in answers}) == len(answers)


# ------------------------------------------------------- by plain nbgrader, see tests/grading.py


@pytest.mark.slow
@each_assignment
def test_plain_nbgrader_generates_the_committed_exercise(grade, assignment):
    def contents(course):
        folder = course.exercises / assignment
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    generated, committed = contents(grade(assignment).course), contents(COURSE)
    assert generated.keys() == committed.keys(), "run `autograder release`"
    assert [name for name in committed if generated[name] != committed[name]] == []


@pytest.mark.slow
@each_assignment
def test_the_solution_earns_all_but_the_written_answer(grade, assignment):
    graded = grade(assignment)
    marks = graded.marks["solution"]
    assert len(marks) == len(graded.tasks)
    for task in graded.tasks:
        if task.by_hand:
            assert marks[task.name].needs_human
            assert marks[task.name].points == 0
        else:
            assert marks[task.tests[0]].points == task.points, task.name
    written = sum(task.points for task in graded.tasks if task.by_hand)
    assert sum(mark.points for mark in marks.values()) == 100 - written


@pytest.mark.slow
@each_assignment
def test_the_exercise_unchanged_earns_nothing(grade, assignment):
    marks = grade(assignment).marks["unchanged"]
    assert sum(mark.max_points for mark in marks.values()) == 100
    assert [mark.points for mark in marks.values()] == [0] * len(marks)
    assert not any(mark.needs_human for mark in marks.values())


@pytest.mark.slow
@each_assignment
def test_marks_are_exported_and_feedback_is_written(grade, assignment):
    graded = grade(assignment)
    written = sum(task.points for task in graded.tasks if task.by_hand)
    with (graded.course.work / "grades.csv").open(newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores.keys() == graded.marks.keys()
    assert (scores["solution"], scores["unchanged"]) == (100 - written, 0)
    (page,) = (graded.course.work / "feedback" / "solution" / assignment).glob("*.html")
    assert "Task 1" in page.read_text("utf-8")


@pytest.mark.slow
@each_tested_task
def test_right_answers_keep_all_points_and_wrong_ones_lose_all(grade, assignment, task):
    outcomes = [o for o in grade(assignment).outcomes if o.answer.task == task]
    assert len(outcomes) == len(grade(assignment).bank[task])
    assert [o.answer.name for o in outcomes if not o.as_expected] == []


@pytest.mark.slow
@needs_sandbox
@each_assignment
def test_the_sandbox_gives_the_same_marks_as_plain_nbgrader(grade, assignment):
    """The bank, the solution and the exercise unchanged: submission for submission, task for task."""
    graded = grade.sandboxed(assignment)
    assert graded.marks == grade(assignment).marks
    assert [o.answer.name for o in graded.outcomes if not o.as_expected] == []


@pytest.mark.slow
@each_tested_task
def test_hidden_tests_find_what_the_visible_ones_let_pass(grade, assignment, task):
    outcomes = [o for o in grade(assignment).outcomes if o.answer.task == task]
    assert any(o.failed_by == "hidden" for o in outcomes if not o.answer.right)
    assert any(o.failed_by == "visible" for o in outcomes if not o.answer.right)
