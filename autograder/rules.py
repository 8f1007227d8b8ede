"""The rules by which marks are made, from the section `Rules` of `nbgrader_config.py`.

- `c.Rules.dropped`: for each assignment, the tasks that don't count.
- `c.Rules.attempts`: which attempt counts, where a student has made several: `last` or `best`.
- `c.Rules.late`: what a late submission loses: `none`, `fixed` (once), `per day`.
- `c.Rules.late_percent`: how much of what it has earned that is.
- `c.Rules.grace_hours`: how much later than the due date is not late yet.

`LatePenalty` is nbgrader's plugin for the last three, so that plain nbgrader follows them too.
"""

from __future__ import annotations

import math
from typing import Any

from nbgrader.plugins import BasePlugin
from traitlets.config import Config

from autograder.errors import UserError
from autograder.exercises import Task, find_assignments, read_tasks
from autograder.nbgrader_course import CONFIG, Course, read_notebooks

DEFAULTS = {
    "dropped": {},
    "attempts": "last",
    "late": "none",
    "late_percent": 10.0,
    "grace_hours": 0.0,
}
ATTEMPTS = ("last", "best")
LATE = ("none", "fixed", "per day")
DAY, HOUR = 86400, 3600  # seconds


def rules(config: Config) -> dict[str, Any]:
    """Return all rules of a configuration.

    Raises:
        UserError: one has a wrong name or value.
    """
    chosen = dict(config.Rules)
    for name in chosen:
        if name not in DEFAULTS:
            known = ", ".join(DEFAULTS)
            raise UserError(f"{CONFIG}: c.Rules.{name}: no such rule: use {known}")
    found = DEFAULTS | chosen
    for name, values in (("attempts", ATTEMPTS), ("late", LATE)):
        if found[name] not in values:
            raise UserError(
                f"{CONFIG}: c.Rules.{name} is {found[name]!r}: use {' or '.join(map(repr, values))}"
            )
    for name in ("late_percent", "grace_hours"):
        value = found[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
            raise UserError(f"{CONFIG}: c.Rules.{name} is {value!r}: set it to a number, 0 or more")
    if not isinstance(found["dropped"], dict):
        raise UserError(
            f"{CONFIG}: c.Rules.dropped is {found['dropped']!r}: set it to a dictionary, as "
            "{'1_cnn_rnn_basics': ['task_03_max_pool']}"
        )
    for assignment, names in found["dropped"].items():
        if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
            raise UserError(
                f"{CONFIG}: c.Rules.dropped: {assignment} has {names!r}: set it to a list of tasks, "
                "as ['task_03_max_pool']"
            )
    return found


def counted(course: Course, assignment: str) -> list[Task]:
    """Return the tasks of an assignment that count, in their order.

    Raises:
        UserError: the configuration drops a task that there is not.
    """
    tasks = read_tasks(read_notebooks(course.solutions / assignment))
    dropped = rules(course.config)["dropped"].get(assignment, ())
    for name in rules(course.config)["dropped"]:
        if name not in find_assignments(course):
            raise UserError(
                f"{CONFIG}: c.Rules.dropped: there is no assignment {name!r}: use "
                f"{', '.join(find_assignments(course))}"
            )
    names = [task.name for task in tasks]
    for name in dropped:
        if name not in names:
            raise UserError(
                f"{CONFIG}: c.Rules.dropped: {assignment} has no task {name!r}: "
                f"use {', '.join(names)}"
            )
    return [task for task in tasks if task.name not in dropped]


def penalty(config: Config, score: float, seconds_late: float) -> float:
    """Return the points that a submission loses for being late.

    Args:
        config: with the rules.
        score: that it has earned.
        seconds_late: since the due date.
    """
    found = rules(config)
    late = seconds_late - found["grace_hours"] * HOUR
    if found["late"] == "none" or late <= 0:
        return 0.0
    days = math.ceil(late / DAY) if found["late"] == "per day" else 1
    return min(score, score * found["late_percent"] / 100 * days)


class LatePenalty(BasePlugin):
    """What nbgrader asks when a submission is late."""

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """Return the points to take off; None if none are."""
        return penalty(self.config, score, total_seconds_late) or None
