"""What a teacher wants to know of a class: a summary of all marks, and a page that shows it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autograder import arrivals, marks, records, rules
from autograder.bank import bank_folder, read_bank
from autograder.errors import UserError
from autograder.exercises import Task, read_tasks
from autograder.marks import Marks
from autograder.nbgrader_course import Course, read_notebooks
from autograder.normal_form import normal_form, top_names
from autograder.pages import INK, duration, render, svg
from autograder.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from nbformat import NotebookNode

FEWEST = 3  # students, below which a correlation is always ±1 or undefined
MESSAGES = 5  # the most frequent messages that are kept for a task
LONGEST = 400  # characters of a message
CLOSE = 1e-9  # points that differ by less are the same
EMPTY = "nothing: the answer is empty"
UNTOUCHED = "nothing: the answer is as it was given"


@dataclass(frozen=True)
class Person:
    """A student, and what there is to say of them.

    Attributes:
        student: as the gradebook has them.
        name: as the course system shows it; empty if it is not known.
        why: what there is to say.
    """

    student: str
    name: str
    why: str = ""


@dataclass(frozen=True)
class Count:
    """How many students something is true of.

    Attributes:
        students: how many.
        text: what is true of them.
    """

    students: int
    text: str


@dataclass(frozen=True)
class TaskSummary:
    """How a class did in one task.

    Students for whom a human still has to grade the task are left out of all numbers but `waiting`.

    Attributes:
        name: the grade id of its answer cell.
        title: the heading above it.
        max_points: what it is worth.
        by_hand: whether a human grades it.
        graded: how many students it is graded for.
        waiting: for how many a human still has to grade it.
        success: the mean share of its points that students earn; None if nobody is graded.
        full: how many have full points.
        zero: how many have no points.
        discrimination: the corrected item-total correlation; None if it is undefined.
        messages: the most frequent reasons why its tests failed; numbers that differ count as one.
        known: the wrong answers of the bank that students gave.
        unparsable: how many answers are no valid Python.
    """

    name: str
    title: str
    max_points: float
    by_hand: bool
    graded: int
    waiting: int
    success: float | None
    full: int
    zero: int
    discrimination: float | None
    messages: tuple[Count, ...] = ()
    known: tuple[Count, ...] = ()
    unparsable: int = 0


@dataclass(frozen=True)
class Use:
    """How much of something the submissions used.

    Attributes:
        values: for each submission, sorted.
        median: of the values.
        ninety: their 90th percentile.
        most: the largest.
        student: who used the most.
    """

    values: tuple[float, ...]
    median: float
    ninety: float
    most: float
    student: Person


@dataclass(frozen=True)
class Summary:
    """How a class did in an assignment.

    Attributes:
        assignment: its name.
        graded_at: when the last submission was graded, in UTC and ISO 8601; None if unknown.
        handed_in: how many students handed something in.
        graded: how many submissions have marks and were not refused.
        points: what each of these earned so far, sorted.
        max_points: what can be earned.
        tasks: how each task went.
        seconds: the time that grading took; None if it is not known of any.
        memory_mib: the memory that submissions used; None if it is not known of any.
        refused: whose submission was not graded, and why.
        ungraded: who handed in, and is not graded yet.
        human: who waits for a human, and for what.
        late: who came late, and by how much.
    """

    assignment: str
    graded_at: str | None
    handed_in: int
    graded: int
    points: tuple[float, ...]
    max_points: float
    tasks: tuple[TaskSummary, ...]
    seconds: Use | None
    memory_mib: Use | None
    refused: tuple[Person, ...]
    ungraded: tuple[Person, ...]
    human: tuple[Person, ...]
    late: tuple[Person, ...]


def summarise(course: Course, assignment: str) -> Summary:
    """Summarise the marks and records of an assignment.

    Raises:
        UserError: nothing is graded yet, or something can't be read.
    """
    known = records.read_all(course, assignment)
    marked = marks.read(course, assignment)
    if not marked and not known:
        raise UserError(f"nothing of {assignment} is graded: run `autograder grade {assignment}`")
    chosen = {one.student: one for one in arrivals.read(course, assignment) if one.chosen}
    counted = rules.counted(course, assignment)
    titles = marks.titles(course, assignment)

    def person(student: str, why: str = "") -> Person:
        name = chosen[student].name if student in chosen else ""
        return Person(student, name, why)

    refused = {student: one.refused for student, one in known.items() if one.refused}
    graded = {name: one for name, one in sorted(marked.items()) if name not in refused}
    used = {name: one for name, one in known.items() if name not in refused}
    everyone = sorted({*chosen, *known, *marked})
    return Summary(
        assignment=assignment,
        graded_at=max((one.graded_at for one in known.values()), default=None),
        handed_in=len(everyone),
        graded=len(graded),
        points=tuple(sorted(float(one.points) for one in graded.values())),
        max_points=float(sum(task.points for task in counted)),
        tasks=_tasks(course, assignment, counted, titles, graded, used),
        seconds=_use({name: one.seconds for name, one in used.items() if one.seconds}, person),
        memory_mib=_use(
            {name: one.memory_mib for name, one in used.items() if one.memory_mib}, person
        ),
        refused=tuple(person(name, why) for name, why in sorted(refused.items())),
        ungraded=tuple(person(name) for name in everyone if name not in {*marked, *refused}),
        human=tuple(
            person(name, why)
            for name, one in graded.items()
            if (why := _why_human(one, counted, titles))
        ),
        late=tuple(
            person(name, _how_late(marked.get(name)))
            for name in sorted(
                everyone, key=lambda one: -marked[one].late_by if one in marked else 0
            )
            if (name in marked and marked[name].late_by > 0)
            or (name in chosen and chosen[name].late)
        ),
    )


def _why_human(one: Marks, counted: list[Task], titles: dict[str, str]) -> str:
    """Tell which tasks of a submission wait for a human, and why."""
    waiting = [task for task in counted if one.tasks[task.name].needs_human]
    return "; ".join(
        f"{titles.get(task.name, task.name)} "
        + ("is graded by hand" if task.by_hand else "has tests that could not decide")
        for task in waiting
    )


def _how_late(one: Marks | None) -> str:
    if not one or one.late_by <= 0:
        return "the course system calls it late"
    points = "point" if one.penalty == 1 else "points"
    taken = f"; {one.penalty:g} {points} taken off" if one.penalty else ""
    return f"by {duration(one.late_by)}{taken}"


def _use(values: dict[str, float], person: Callable[[str], Person]) -> Use | None:
    """Summarise how much of something each student's submission used."""
    if not values:
        return None
    ordered = sorted(float(value) for value in values.values())
    heaviest = max(sorted(values), key=lambda name: values[name])
    return Use(
        values=tuple(ordered),
        median=float(np.median(ordered)),
        ninety=float(np.percentile(ordered, 90)),
        most=ordered[-1],
        student=person(heaviest),
    )


# Tasks


def _tasks(
    course: Course,
    assignment: str,
    counted: list[Task],
    titles: dict[str, str],
    graded: dict[str, Marks],
    used: dict[str, Record],
) -> tuple[TaskSummary, ...]:
    bank = _known_wrong(course, assignment, counted)
    undecided = {
        task.name
        for task in counted
        if any(one.tasks[task.name].needs_human for one in graded.values())
    }
    found = []
    for task in counted:
        ours = [one for one in graded.values() if not one.tasks[task.name].needs_human]
        points = [one.tasks[task.name].points for one in ours]
        others = [
            other.name
            for other in counted
            if other.name != task.name and other.name not in undecided
        ]
        rest = [sum(one.tasks[name].points for name in others) for one in ours]
        wrong, unparsable = _recognise(task, used.values(), bank.get(task.name))
        found.append(
            TaskSummary(
                name=task.name,
                title=titles.get(task.name, task.name),
                max_points=float(task.points),
                by_hand=task.by_hand,
                graded=len(ours),
                waiting=len(graded) - len(ours),
                success=float(np.mean(points) / task.points) if points and task.points else None,
                full=sum(one >= task.points - CLOSE for one in points),
                zero=sum(one <= CLOSE for one in points),
                discrimination=discrimination(points, rest),
                messages=_messages(task, used.values()),
                known=wrong,
                unparsable=unparsable,
            )
        )
    return tuple(found)


def discrimination(points: Sequence[float], rest: Sequence[float]) -> float | None:
    """Return how well a task tells strong students from weak ones, from -1 to 1.

    It is the corrected item-total correlation: Pearson's r = cov(x, t - x) / (sd(x) sd(t - x))
    between the points x of the task and the points t - x of all other tasks (J. C. Nunnally and
    I. H. Bernstein, Psychometric Theory, 3rd edition, 1994, chapter 8). For a task that is right or
    wrong this is the point-biserial correlation.

    Args:
        points: what each student earned in the task.
        rest: what they earned in all other tasks.

    Returns:
        None where it is undefined: all have the same points, or there are fewer than 3 students.
    """
    if len(points) < FEWEST or np.std(points) < CLOSE or np.std(rest) < CLOSE:
        return None
    return float(np.clip(np.corrcoef(points, rest)[0, 1], -1, 1))


def _messages(task: Task, used: Iterable[Record]) -> tuple[Count, ...]:
    """Count the messages of a task's failed tests, each once for a student."""
    students: Counter[str] = Counter()
    examples: dict[str, Counter[str]] = defaultdict(Counter)
    for one in used:
        tests = [one.tests[name] for name in task.tests if name in one.tests]
        said = {_shape(test.message): test.message for test in tests if test.message}
        for shape, message in said.items():
            students[shape] += 1
            examples[shape][_cut(message)] += 1
    ranked = sorted(students.items(), key=lambda item: (-item[1], item[0]))[:MESSAGES]
    return tuple(
        Count(number, min(examples[shape].items(), key=lambda item: (-item[1], item[0]))[0])
        for shape, number in ranked
    )


def _shape(message: str) -> str:
    """Return a message with the same sign for every number, and even spaces."""
    numbers = r"(?<![\w.])[-+]?(?:\d[\d,_]*(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?j?(?!\w)|\b(?:nan|inf)\b"
    shape = re.sub(numbers, "#", message[: 10 * LONGEST], flags=re.IGNORECASE)
    # An array that is longer, or broken into lines elsewhere, is no other reason
    shape = re.sub(r"#(?:[\s,;]+#)+,?", "#", shape)
    return " ".join(shape.split())


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


# Wrong answers that the bank knows


@dataclass(frozen=True)
class _Known:
    """What the bank knows of a task: its wrong answers by their form, and the names to keep."""

    wrong: dict[str, str]
    keep: frozenset[str]


def _known_wrong(course: Course, assignment: str, counted: list[Task]) -> dict[str, _Known]:
    """Return for each task with tests what wrong answers are known: the bank's, and no answer."""
    notebooks = read_notebooks(course.solutions / assignment)
    solutions = _answer_cells(notebooks)
    released = _answer_cells(read_notebooks(course.exercises / assignment))
    folder = bank_folder(course, assignment)
    bank = read_bank(folder, read_tasks(notebooks)) if list(folder.glob("*.py")) else {}
    known = {}
    for task in counted:
        if task.by_hand:
            continue
        keep = top_names(solutions.get(task.name, ""))
        forms = [(one, normal_form(one.code, keep)) for one in bank.get(task.name, [])]
        right = {form for one, form in forms if one.right}
        wrong = {normal_form("", keep): EMPTY}
        if task.name in released:
            wrong[normal_form(released[task.name], keep)] = UNTOUCHED
        for one, form in forms:
            if not one.right and form not in right:
                wrong.setdefault(form, one.name)
        known[task.name] = _Known({form: name for form, name in wrong.items() if form}, keep)
    return known


def _answer_cells(notebooks: dict[str, NotebookNode]) -> dict[str, str]:
    """Return the sources of the cells that students fill, by grade id."""
    return {
        cell.metadata["nbgrader"]["grade_id"]: cell.source
        for notebook in notebooks.values()
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }


def _recognise(
    task: Task, used: Iterable[Record], known: _Known | None
) -> tuple[tuple[Count, ...], int]:
    """Count the wrong answers of the bank that students gave, and the answers that don't parse."""
    if task.by_hand:
        return (), 0
    found: Counter[str] = Counter()
    unparsable = 0
    for one in used:
        code = one.answers.get(task.name)
        if code is None:
            continue
        form = normal_form(code, known.keep if known else frozenset())
        if form is None:
            unparsable += 1
        elif known and form in known.wrong:
            found[known.wrong[form]] += 1
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Count(number, name) for name, number in ranked), unparsable


# The page


def page(summary: Summary) -> str:
    """Return a summary as one HTML page that needs no other file, program or network.

    It names students: it is for those who grade.
    """
    return render(
        "report.html.j2",
        summary=summary,
        bands=mark_bands(summary),
        marks_plot=_marks_plot(summary),
        tasks_plot=_tasks_plot(summary),
        time_bands=_bands(summary.seconds.values) if summary.seconds else [],
        time_plot=_time_plot(summary),
        human=_by_reason(summary.human),
        refused=_by_reason(summary.refused),
        late=_by_reason(summary.late),
        mean=float(np.mean(summary.points)) if summary.points else None,
        median=float(np.median(summary.points)) if summary.points else None,
        labels=_labels(summary),
    )


def _by_reason(people: Iterable[Person]) -> list[tuple[str, list[Person]]]:
    """Put those together of whom the same is to be said, the largest group first."""
    groups: dict[str, list[Person]] = defaultdict(list)
    for one in people:
        groups[one.why].append(one)
    return sorted(groups.items(), key=lambda item: -len(item[1]))


def _labels(summary: Summary) -> list[str]:
    """Return a short label for each task, such as `Task 3`."""
    heads = [task.title.partition(":")[0].strip() for task in summary.tasks]
    short = len(set(heads)) == len(heads) and all(len(head) <= 14 for head in heads)
    return heads if short else [f"Task {number}" for number in range(1, len(heads) + 1)]


def mark_bands(summary: Summary) -> list[tuple[float, float, int]]:
    """Return at most ten bands of marks: from, to, and how many submissions are in each."""
    return _bands(summary.points, 0.0, summary.max_points or 1.0)


def _bands(
    values: Sequence[float], low: float = 0.0, high: float | None = None
) -> list[tuple[float, float, int]]:
    """Count values in bands of a round width; the last band holds its upper end too."""
    if not len(values):
        return []
    high = max(high or 0.0, max(values)) or 1.0
    raw = (high - low) / 10
    scale = 10.0 ** np.floor(np.log10(raw))
    width = float(next(step * scale for step in (1, 2, 2.5, 5, 10) if step * scale >= raw * 0.999))
    count = max(1, int(np.ceil((high - low) / width - CLOSE)))
    edges = [low + number * width for number in range(count + 1)]
    # The last edge may be a rounding error below the largest value
    numbers, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return [
        (float(edges[number]), float(edges[number + 1]), int(numbers[number]))
        for number in range(count)
    ]


def _marks_plot(summary: Summary) -> str:
    bands = mark_bands(summary)
    if not bands:
        return ""
    mode = max(bands, key=lambda band: band[2])
    told = (
        f"Histogram of {len(summary.points)} marks, out of {summary.max_points:g} points. "
        f"The median is {np.median(summary.points):.1f}. Most marks, {mode[2]}, are from "
        f"{mode[0]:g} to {mode[1]:g}."
    )
    figure, axes = _figure(2.5)
    _bars(axes, bands)
    axes.axvline(float(np.median(summary.points)), color=INK, linestyle="--", linewidth=2)
    axes.set_xlabel(f"Mark (points of {summary.max_points:g})")
    axes.set_title("Dashed line: median", fontsize=10, loc="right", color=INK)
    return svg(figure, "marks", "Distribution of marks", told)


def _time_plot(summary: Summary) -> str:
    if not summary.seconds:
        return ""
    bands = _bands(summary.seconds.values)
    told = (
        f"Histogram of the time that {len(summary.seconds.values)} submissions took. The median is "
        f"{duration(summary.seconds.median)}, the longest {duration(summary.seconds.most)}."
    )
    figure, axes = _figure(2.2)
    _bars(axes, bands)
    axes.axvline(summary.seconds.ninety, color=INK, linestyle="--", linewidth=2)
    axes.set_xlabel("Time that grading took (seconds)")
    axes.set_title("Dashed line: 90th percentile", fontsize=10, loc="right", color=INK)
    return svg(figure, "time", "Time used", told)


def _tasks_plot(summary: Summary) -> str:
    drawn = [
        (label, task)
        for label, task in zip(_labels(summary), summary.tasks, strict=True)
        if task.success is not None
    ]
    if not drawn:
        return ""
    hardest = min(drawn, key=lambda one: one[1].success)
    easiest = max(drawn, key=lambda one: one[1].success)
    told = (
        f"For each of {len(drawn)} tasks, a bar for the mean share of its points and a diamond for "
        f"the share of students with full points. Hardest: {hardest[0]} with "
        f"{hardest[1].success:.0%}; easiest: {easiest[0]} with {easiest[1].success:.0%}."
    )
    figure, axes = _figure(0.9 + 0.26 * len(drawn))
    places = range(len(drawn))
    axes.barh(
        places,
        [100 * task.success for _, task in drawn],
        0.68,
        color="#0072B2",
        label="mean share of points",
    )
    axes.plot(
        [100 * task.full / task.graded for _, task in drawn],
        places,
        linestyle="",
        marker="D",
        markersize=6,
        markerfacecolor="#E69F00",
        markeredgecolor="#ffffff",
        label="students with full points",
    )
    axes.set_yticks(list(places), [label for label, _ in drawn], parse_math=False)
    axes.set_ylim(len(drawn) - 0.4, -0.6)
    axes.set_xlim(0, 103)
    axes.set_xlabel("Share (%)")
    axes.grid(axis="x", color=INK, alpha=0.18, linewidth=0.8)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=2,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handletextpad=0.5,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
    return svg(figure, "tasks", "How the tasks went", told)


def _figure(height: float) -> tuple[Figure, object]:
    """Make a figure of the width that a phone shows without shrinking letters too much."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(colors=INK, labelsize=10)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.patch.set_visible(False)
    figure.patch.set_visible(False)
    return figure, axes


def _bars(axes: object, bands: list[tuple[float, float, int]]) -> None:
    from matplotlib.ticker import MaxNLocator

    starts, ends, numbers = zip(*bands, strict=True)
    width = ends[0] - starts[0]
    axes.bar(starts, numbers, 0.94 * width, align="edge", color="#0072B2")
    axes.set_xlim(starts[0], ends[-1])
    axes.set_ylabel("Submissions")
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_ylim(0, max(1, *numbers) * 1.05)
    axes.grid(axis="y", color=INK, alpha=0.18, linewidth=0.8)
