"""The teacher's guide: its commands, run as they are written, lead from Moodle's zip to its marks."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from autograding import needs_sandbox
from projects import ROOT

from autograder import rehearsal

GUIDE = (ROOT / "book" / "teacher.md").read_text("utf-8")
BIN = Path(sys.executable).parent


def commands(heading):
    """Return the lines of the code block with the most commands below a heading of the guide."""
    text = GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    return max((block.strip().splitlines() for block in blocks), key=len)


def run(line, course):
    """Run a command of the guide in the folder of a course."""
    line = line.replace(".venv/bin/", f"{BIN}/").replace("EXERCISE", "tiny")
    return subprocess.run(
        line, shell=True, cwd=course.root, capture_output=True, text=True, timeout=300
    )


def worksheet(expected):
    """Return what Moodle would give as the grading worksheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        [
            "Identifier",
            "Full name",
            "Email address",
            "Status",
            "Grade",
            "Maximum Grade",
            "Grade can be changed",
            "Last modified (submission)",
            "Last modified (grade)",
            "Feedback comments",
        ]
    )
    for one in [*expected, {"key": "999999", "name": "Nothing handed in"}]:
        status = "Submitted for grading - " if one["key"] != "999999" else "No submission - "
        writer.writerow(
            [f"Participant {one['key']}", one["name"], "", status, "", "10.00", "Yes", "-", "-", ""]
        )
    return "\ufeff" + text.getvalue()


@pytest.mark.slow
@needs_sandbox
def test_six_commands_lead_from_moodles_zip_to_its_marks(released_tiny, tmp_path):
    from autograder.nbgrader_course import Course

    course = Course(tmp_path / "course")
    source = rehearsal.make(released_tiny, "tiny", 12, 3, course.root, "moodle")
    source.rename(course.root / "submissions.zip")
    expected = json.loads((course.root / rehearsal.EXPECTED).read_text())
    (course.root / "worksheet.csv").write_text(worksheet(expected), "utf-8")
    lines = commands("From Moodle's zip to Moodle's marks")
    assert len(lines) == 6
    for line in lines:
        done = run(line, course)
        # 1 tells of a refused submission
        refused = "grade tiny" in line.replace("EXERCISE", "tiny") and any(
            one["refused"] for one in expected
        )
        assert done.returncode == int(refused), f"{line}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
    text = (course.work / "export" / "tiny-moodle.csv").read_text("utf-8-sig")
    found = {row["Identifier"]: row["Grade"] for row in csv.DictReader(io.StringIO(text))}
    assert found.pop("Participant 999999") == ""
    assert {key: float(grade) for key, grade in found.items()} == {
        f"Participant {one['key']}": sum(one["points"].values()) for one in expected
    }
    assert (course.work / "feedback" / "tiny-moodle.zip").exists()
    assert "<svg" in (course.work / "reports" / "tiny.html").read_text()
    status = run(".venv/bin/autograder status EXERCISE --json", course)
    assert {one["state"] for one in json.loads(status.stdout)} == {"feedback written"}


@pytest.mark.slow
def test_a_due_date_is_set_as_the_guide_says(released_tiny, tmp_path):
    import shutil

    from autograder.nbgrader_course import Course

    course = Course(shutil.copytree(released_tiny.root, tmp_path / "course"))
    (line,) = re.findall(r"`(\.venv/bin/nbgrader db assignment add .*?)`", GUIDE)
    done = run(line, course)
    assert done.returncode == 0, done.stderr
    with course.gradebook() as gradebook:
        assert str(gradebook.find_assignment("tiny").duedate) == "2026-12-24 18:00:00"


def test_every_command_of_the_guide_exists():
    import typer.main

    from autograder.cli import app

    known = typer.main.get_command(app).commands
    named = set(re.findall(r"`(?:\.venv/bin/)?autograder ([a-z]+)", GUIDE))
    named |= set(re.findall(r"^\.venv/bin/autograder ([a-z]+)", GUIDE, re.MULTILINE))
    assert named <= known.keys()
    assert known.keys() - named <= {"new"}, "a command that the guide does not tell of"


def test_rules_of_the_guide_are_those_that_there_are():
    from autograder.rules import DEFAULTS

    assert set(re.findall(r"^\| `c\.Rules\.(\w+)`", GUIDE, re.MULTILINE)) == DEFAULTS.keys()


@pytest.mark.slow
@needs_sandbox
def test_a_new_exercise_is_one_that_can_be_released_and_graded(tmp_path):
    import shutil

    from autograder.nbgrader_course import CONFIG, Course

    course = Course(tmp_path / "course")
    (course.root / "solutions").mkdir(parents=True)
    shutil.copy(ROOT / CONFIG, course.root)
    for line in ("new tiny", "release tiny", "bank tiny"):
        done = run(f".venv/bin/autograder {line}", course)
        assert done.returncode == 0, done.stdout + done.stderr
    assert nbformat.read(course.exercises / "tiny" / "tiny.ipynb", 4).cells
    assert "is there already" in run(".venv/bin/autograder new tiny", course).stderr
    assert "can't be a name" in run(".venv/bin/autograder new ../x", course).stderr
