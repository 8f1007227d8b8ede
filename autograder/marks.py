"""The marks of an assignment, as nbgrader's gradebook has them, with the rules of the course."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from autograder import rules
from autograder.exercises import Task
from autograder.nbgrader_course import Course, read_notebooks

PLUGIN = "autograder.rules.LatePenalty"
NO_RESPONSE = "No response."  # what nbgrader says of an answer that is as it was handed out


@dataclass(frozen=True)
class TaskMark:
    """What a task of one submission earned.

    Attributes:
        points: earned so far.
        max_points: that can be earned.
        needs_human: whether a human has to grade it.
        by_human: whether a human has given or changed points.
        comment: what a human has written about it; empty if nothing.
    """

    points: float
    max_points: float
    needs_human: bool = False
    by_human: bool = False
    comment: str = ""


@dataclass(frozen=True)
class Marks:
    """What one submission earned.

    Attributes:
        student: who handed it in.
        tasks: the marks by the names of the tasks, without those that don't count.
        penalty: points that are taken off because it came late.
        handed_in: when, in UTC without a time zone; None if it is not known.
        late_by: seconds that it came after the due date; 0 where there is none.
    """

    student: str
    tasks: dict[str, TaskMark]
    penalty: float = 0.0
    handed_in: datetime | None = None
    late_by: float = 0.0

    @property
    def points(self) -> float:
        """Earned so far, the penalty taken off; never below 0."""
        return max(0.0, self.earned - self.penalty)

    @property
    def earned(self) -> float:
        """Earned so far, without the penalty."""
        return sum(one.points for one in self.tasks.values())

    @property
    def max_points(self) -> float:
        """What can be earned."""
        return sum(one.max_points for one in self.tasks.values())

    @property
    def needs_human(self) -> bool:
        """Whether a human has to grade a part of it."""
        return any(one.needs_human for one in self.tasks.values())


def titles(course: Course, assignment: str) -> dict[str, str]:
    """Return for each task the heading above it, such as `Task 1: Max pooling`; else its name."""
    found, heading = {}, ""
    for notebook in read_notebooks(course.solutions / assignment).values():
        for cell in notebook.cells:
            meta = cell.metadata.get("nbgrader", {})
            if meta.get("solution"):
                found[meta["grade_id"]] = heading or meta["grade_id"]
            elif cell.cell_type == "markdown":
                outside = re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE)
                headings = [line for line in outside.splitlines() if line.startswith("#")]
                if headings:
                    heading = headings[-1].lstrip("# ").partition(" (")[0]
    return found


def read(course: Course, assignment: str) -> dict[str, Marks]:
    """Return the marks of all submissions of an assignment, by student.

    Raises:
        UserError: the gradebook can't be reached.
    """
    from nbgrader.api import MissingEntry

    counted = rules.counted(course, assignment)
    with course.gradebook() as gradebook:
        try:
            submissions = gradebook.assignment_submissions(assignment)
        except MissingEntry:
            return {}
        found = {one.student.id: _marks(one, counted) for one in submissions}
    if course.config.AssignLatePenalties.get("plugin_class") != PLUGIN:
        return found  # as a plugin of the course's own has it
    # Of what a human has given meanwhile, too; nbgrader knows the points when it was graded
    return {
        student: replace(one, penalty=rules.penalty(course.config, one.earned, one.late_by))
        for student, one in found.items()
    }


def _marks(submission: object, counted: list[Task]) -> Marks:
    """Read nbgrader's `SubmittedAssignment`."""
    grades, comments = {}, {}
    for notebook in submission.notebooks:
        grades |= {(notebook.name, one.name): one for one in notebook.grades}
        comments |= {(notebook.name, one.name): one.comment for one in notebook.comments}
    found = {}
    for task in counted:
        cells = [(task.notebook, name) for name in task.tests or (task.name,)]
        ours = [grades[cell] for cell in cells if cell in grades]
        said = [comments.get((task.notebook, name)) for name in (task.name, *task.tests)]
        found[task.name] = TaskMark(
            points=sum(one.score for one in ours),
            max_points=task.points,
            needs_human=any(one.needs_manual_grade for one in ours),
            by_human=any(one.manual_score is not None for one in ours),
            comment="\n".join(text for text in said if text and text != NO_RESPONSE),
        )
    return Marks(
        student=submission.student.id,
        tasks=found,
        penalty=float(submission.late_submission_penalty or 0),
        handed_in=submission.timestamp,
        late_by=float(submission.total_seconds_late or 0),
    )
