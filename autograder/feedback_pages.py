"""A page for each student: what their submission earned, and why.

The pages are made of the gradebook, the autograded notebooks and the records. What may be shown of
tests is decided by `feedback.ForStudents` alone: of a hidden test no more than that it failed, or
the fixed text that its author has written. A page is one file, without a program, and asks for
nothing from anywhere.

How Moodle and Canvas tell whose a file in an uploaded zip is, is decided by their importers:

- Moodle, *Upload multiple feedback files in a zip*, https://docs.moodle.org/en/Using_Assignment and
  `mod/assign/feedback/file/importziplib.php`: a folder NAME_NUMBER_assignsubmission_PLUGIN, as in
  its own download, older ones with `_` at the end; what is in it becomes a feedback file.
- Canvas, the Instructor Guide, *How do I upload all student submissions for an assignment?*, and
  `infer_comment_context_from_filename` in `app/models/assignment.rb`: the first two numbers between
  underscores are the user's and the attachment's. So a page is called as the file that was handed
  in, but for the ending.
"""

from __future__ import annotations

import copy
import html
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from nbformat import NotebookNode

from autograder import arrivals, marks, records, rules
from autograder.arrivals import Arrival
from autograder.errors import UserError
from autograder.exercises import Task, released_notebooks
from autograder.exporting import number
from autograder.feedback import ForStudents
from autograder.file_names import SECRET, TIMESTAMP
from autograder.gradebook import grade_id, is_test
from autograder.marks import Marks, TaskMark
from autograder.nbgrader_course import Course
from autograder.pages import duration, render
from autograder.records import Record
from course.files import write_atomically

NAME = "feedback.html"
SYSTEMS = ("moodle", "canvas")
LONGEST = 20_000  # characters of an answer that are shown
MESSAGE = 2_000  # characters of an error
# fmt: off
TAGS = frozenset({
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "hr", "i", "kbd",
    "li", "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead",
    "tr", "ul",
})
# fmt: on
MOODLE = re.compile(r"[^_/]*_\d+_assignsubmission_[a-z0-9]+_?")
CANVAS = re.compile(r"(?:.*_)?(?:\d+|anon_[^\W_]+)_\d+_.+", re.DOTALL)
CLOSE = 1e-9  # points that differ by less are the same


@dataclass(frozen=True)
class TestPart:
    """What a student sees of one test cell.

    Attributes:
        passed: whether it gave all of its points.
        text: what it says; empty if it says nothing.
    """

    passed: bool
    text: str


@dataclass(frozen=True)
class TaskPart:
    """What a student sees of one task.

    Attributes:
        name: the grade id of its answer cell.
        title: the heading above it.
        mark: what it earned.
        expected: what was to be done, as safe HTML; empty if the exercise doesn't say.
        answer: what the student has written; None if it was not graded.
        code: whether the answer is a program.
        untouched: whether the answer is as it was handed out.
        cut: how many characters of the answer are not shown.
        errors: what went wrong when the answer ran.
        tests: what came of the tests.
    """

    name: str
    title: str
    mark: TaskMark
    expected: str = ""
    answer: str | None = None
    code: bool = True
    untouched: bool = False
    cut: int = 0
    errors: tuple[str, ...] = ()
    tests: tuple[TestPart, ...] = ()

    @property
    def state(self) -> str:
        """Where the task stands: `open`, `full`, `part` or `none`."""
        if self.mark.needs_human:
            return "open"
        if self.mark.points >= self.mark.max_points - CLOSE:
            return "full"
        return "part" if self.mark.points > CLOSE else "none"


@dataclass(frozen=True)
class FeedbackPage:
    """What a student sees of a submission.

    Attributes:
        title: of the exercise.
        student: the id of the student.
        name: as the course system shows it; empty if it is not known.
        marks: what the submission earned.
        late: why points were taken off; empty if none were.
        refused: why it was not graded; None if it was.
        notes: what was mended in it.
        tasks: in their order.
    """

    title: str
    student: str
    name: str
    marks: Marks
    late: str
    refused: str | None
    notes: tuple[str, ...]
    tasks: tuple[TaskPart, ...]


@dataclass(frozen=True)
class Zipped:
    """A zip file of pages for a course system.

    Attributes:
        data: the content of the file.
        names: of the files in it, by student.
        unmatched: students whose pages are not in it, and why, a sentence each.
    """

    data: bytes
    names: dict[str, str]
    unmatched: tuple[str, ...] = ()


def write(course: Course, assignment: str, students: Sequence[str] | None = None) -> list[Path]:
    """Write work/feedback/STUDENT/ASSIGNMENT/feedback.html for graded submissions.

    Args:
        course: the course.
        assignment: its name.
        students: whose; all that are graded if None.

    Returns:
        The pages, in the order of the students.

    Raises:
        UserError: a student's submission is not graded, or what grading left is gone.
    """
    written = []
    for student, page in pages(course, assignment, students):
        path = course.work / "feedback" / student / assignment / NAME
        try:
            write_atomically(path, page)
            _prepare_release(course, assignment, student, page)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from None
        written.append(path)
    return written


def _prepare_release(course: Course, assignment: str, student: str, page: str) -> None:
    """Lay a page from the exchange out as `nbgrader release_feedback` takes it.

    That looks for a page by the name of the notebook, for the time of the submission, and for the
    secret by which only its author finds the page.
    """
    submitted = course.work / "submitted" / student / assignment
    feedback = course.work / "feedback" / student / assignment
    needed = [submitted / name for name in (SECRET, TIMESTAMP)]
    if not all(path.is_file() and not path.is_symlink() for path in needed):
        return  # it came from elsewhere
    for path in needed:
        write_atomically(feedback / path.name, path.read_text("utf-8", "replace"))
    for notebook in submitted.glob("*.ipynb"):
        write_atomically(feedback / f"{notebook.stem}.html", page)


def release_command(course: Course, assignment: str) -> str | None:
    """Return nbgrader's command that releases the pages of submissions from its exchange.

    It names those whose submission came from elsewhere: nbgrader would stop at their pages.

    Args:
        course: the course.
        assignment: its name.

    Returns:
        The command; None if no page belongs to a submission from the exchange.
    """
    pages = sorted((course.work / "feedback").glob(f"*/{assignment}/{NAME}"))
    others = [page.parts[-3] for page in pages if not page.with_name(SECRET).exists()]
    if len(others) == len(pages):
        return None
    command = f"nbgrader release_feedback {assignment}"
    if others:
        command += f" --CourseDirectory.student_id_exclude={','.join(others)}"
    return command


def zip_for(
    course: Course, assignment: str, system: str, students: Sequence[str] | None = None
) -> Zipped:
    """Return a zip file of all pages that Moodle or Canvas takes in.

    Args:
        course: the course.
        assignment: its name.
        system: `moodle` or `canvas`.
        students: whose; all that are graded if None.

    Raises:
        UserError: there is no such system, or nothing to put into the file.
    """
    if system not in SYSTEMS:
        raise UserError(f"no course system called '{system}': use {' or '.join(SYSTEMS)}")
    people = _newest(course, assignment)
    made = io.BytesIO()
    names: dict[str, str] = {}
    unmatched = []
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for student, page in pages(course, assignment, students):
            name = _zip_name(people.get(student), system)
            if not name or name in names.values():
                unmatched.append(
                    f"{student}: no name of {system.title()}'s is known for the page: collect "
                    f"{system.title()}'s own zip file, or give the page back by hand"
                )
                continue
            archive.writestr(zipfile.ZipInfo(name), page.encode(), zipfile.ZIP_DEFLATED)
            names[student] = name
    if not names:
        raise UserError(
            f"{assignment}: no graded submission came from {system.title()}: collect its zip file, "
            "and grade"
        )
    return Zipped(made.getvalue(), names, tuple(unmatched))


def pages(
    course: Course, assignment: str, students: Sequence[str] | None = None
) -> Iterator[tuple[str, str]]:
    """Give the page of each graded submission, as HTML.

    Args:
        course: the course.
        assignment: its name.
        students: whose; all that are graded if None.

    Yields:
        The student, and the page.

    Raises:
        UserError: a student's submission is not graded, or what grading left is gone.
    """
    known = marks.read(course, assignment)
    for student in students or ():
        if student not in known:
            raise UserError(
                f"{assignment}: {student} is not graded: run `autograder grade {assignment}`"
            )
    exercise = _read_exercise(course, assignment)
    people = _newest(course, assignment)
    for student in sorted(known) if students is None else students:
        name = people[student].name if student in people else ""
        yield student, _render(_page(course, exercise, known[student], name))


# --- What the pages of an assignment share


@dataclass(frozen=True)
class _Exercise:
    """An exercise as students got it.

    Attributes:
        assignment: its name.
        title: its first heading.
        tasks: that count, in their order.
        titles: of the tasks.
        texts: what each task asks for, in Markdown.
        sources: of the answer cells as they were handed out.
    """

    assignment: str
    title: str
    tasks: list[Task]
    titles: dict[str, str]
    texts: dict[str, str]
    sources: dict[str, str]


def _read_exercise(course: Course, assignment: str) -> _Exercise:
    released = released_notebooks(course.exercises / assignment)
    texts, sources, title = {}, {}, ""
    for notebook in released.values():
        texts |= _texts(notebook)
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                sources[grade_id(cell)] = cell.source
            elif cell.cell_type == "markdown" and not title:
                first = next(iter(_headings(cell.source)), None)
                title = first[1] if first else ""
    return _Exercise(
        assignment,
        title or assignment,
        rules.counted(course, assignment),
        marks.titles(course, assignment),
        texts,
        sources,
    )


def _headings(source: str) -> list[tuple[int, str]]:
    """Return the headings of a Markdown text, each with the number of its line."""
    found, fence = [], ""
    for at, line in enumerate(source.splitlines()):
        mark = re.match(r"\s{0,3}(```+|~~~+)", line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and (heading := re.match(r"#{1,6}\s+(.*?)\s*#*$", line)):
            found.append((at, heading[1]))
    return found


def _texts(notebook: NotebookNode) -> dict[str, str]:
    """Return for each task the text above its answer cell, from below the last heading on."""
    found, above = {}, []
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("task"):
            above.append(cell.source)
        if meta.get("solution") or meta.get("task"):
            text = "\n\n".join(above)
            last = next(reversed(_headings(text)), None)
            lines = text.splitlines()[last[0] + 1 if last else 0 :]
            found[meta["grade_id"]] = "\n".join(lines).strip()
        if meta.get("grade") or meta.get("solution") or meta.get("task"):
            above = []
        elif cell.cell_type == "markdown":
            above.append(cell.source)
    return found


def _newest(course: Course, assignment: str) -> dict[str, Arrival]:
    """Return the last attempt of each student: course systems take feedback for no other."""
    # The list is sorted by attempts
    return {one.student: one for one in arrivals.read(course, assignment)}


# --- One page


def _page(course: Course, exercise: _Exercise, mark: Marks, name: str) -> FeedbackPage:
    record = records.read(course, exercise.assignment, mark.student)
    notebooks = course.autograded(mark.student, exercise.assignment)
    for task in exercise.tasks:
        if task.notebook not in notebooks:
            raise UserError(
                f"work/autograded/{mark.student}/{exercise.assignment}/{task.notebook}.ipynb is "
                f"gone: run `autograder grade {exercise.assignment}`"
            )
    shown = {
        name: ForStudents().preprocess(copy.deepcopy(notebook), {})[0]
        for name, notebook in notebooks.items()
    }
    refused = _refused(record, shown)
    return FeedbackPage(
        title=exercise.title,
        student=mark.student,
        name=name,
        marks=mark,
        late=_late(course, mark),
        refused=refused,
        notes=tuple(_plain(note) for note in record.notes) if record else (),
        tasks=tuple(
            _task(exercise, task, mark.tasks[task.name], shown[task.notebook], refused)
            for task in exercise.tasks
        ),
    )


def _refusal(notebook: NotebookNode) -> str | None:
    """Return why a notebook was not graded, as its tests say; None if it was."""
    for cell in filter(is_test, notebook.cells):
        for output in cell.outputs:
            if output.output_type == "error" and output.ename == "Refused":
                return _plain(output.evalue)
    return None


def _refused(record: Record | None, notebooks: dict[str, NotebookNode]) -> str | None:
    """Return why a submission, or a part of it, was not graded; None if it was."""
    if record:
        return _plain(record.refused) if record.refused else None
    return "; ".join(filter(None, map(_refusal, notebooks.values()))) or None


def _late(course: Course, mark: Marks) -> str:
    """Say why points were taken off."""
    if mark.penalty < CLOSE:
        return ""
    came = "it came late"
    if mark.late_by > 0:
        came = f"it came {duration(mark.late_by)} after the due date"
    chosen = rules.rules(course.config)
    percent = f"{chosen['late_percent']:g} %"
    loses = {
        "none": "",
        "fixed": f"; a late submission loses {percent} of its points",
        "per day": f"; a late submission loses {percent} of its points for each day begun",
    }[chosen["late"]]
    if loses and chosen["grace_hours"]:
        loses += f", after the first {duration(chosen['grace_hours'] * 3600)}"
    return f"{came}{loses}"


def _task(
    exercise: _Exercise, task: Task, mark: TaskMark, notebook: NotebookNode, refused: str | None
) -> TaskPart:
    cells = {grade_id(cell): cell for cell in notebook.cells if grade_id(cell)}
    part = TaskPart(
        task.name,
        exercise.titles.get(task.name, task.name),
        mark,
        safe_html(exercise.texts.get(task.name, "")),
    )
    # Its answers are those of the exercise
    if refused and (_refusal(notebook) or not any(map(is_test, notebook.cells))):
        return part
    cell = cells.get(task.name)
    has_answer = cell is not None and cell.metadata["nbgrader"].get("solution")
    answer = _plain(cell.source) if has_answer else None
    return TaskPart(
        part.name,
        part.title,
        mark,
        part.expected,
        answer=answer[:LONGEST] if answer is not None else None,
        code=has_answer and cell.cell_type == "code",
        untouched=has_answer and cell.source.strip() == exercise.sources.get(task.name, "").strip(),
        cut=max(0, len(answer or "") - LONGEST),
        errors=tuple(_errors(cell)) if has_answer else (),
        tests=tuple(_test(cells[name]) for name in task.tests if name in cells),
    )


def _errors(cell: NotebookNode) -> Iterator[str]:
    for output in cell.get("outputs", ()):
        if output.output_type == "error":
            text = _plain(output.evalue)[:MESSAGE]
            name = _plain(output.ename)[:100]
            yield text if name == "Ended" else ": ".join(filter(None, (name, text)))


def _test(cell: NotebookNode) -> TestPart:
    """Return what a student sees of a test, of which `ForStudents` has left what may be seen."""
    printed, failed, partial = [], [], False
    for output in cell.outputs:
        if output.output_type == "error":
            failed.append(_plain(output.evalue)[:MESSAGE])
        elif output.output_type == "stream":
            printed.append(_plain(output.text)[:MESSAGE].strip())
        else:
            partial = True
    text = "\n".join(filter(None, [*printed, *failed]))
    return TestPart(not failed and not partial, text)


def _plain(text: str) -> str:
    """Return a text with ordinary ends of lines, and without colours of a terminal."""
    text = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", str(text))
    return re.sub(r"\r\n?", "\n", text)


def _render(page: FeedbackPage) -> str:
    from markupsafe import Markup

    return render("feedback.html.j2", page=page, safe=Markup, points=_points)


def _points(value: float) -> str:
    """Write points with two digits at most."""
    return number(round(value, 2))


# --- Markdown


@lru_cache(maxsize=256)
def safe_html(source: str) -> str:
    """Return a text in Markdown as HTML that holds no program and asks for no other file.

    Formulas become drawings, since what shows TeX in a browser is a program.
    """
    import bleach
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    formulas: dict[str, str] = {}

    def put(drawing: str) -> str:
        formulas[name := f"formula{len(formulas)}of{abs(hash(source))}end"] = drawing
        return name

    class Renderer(IPythonRenderer):
        def block_math(self, body: str) -> str:
            return put(_formula(body, block=True))

        def inline_math(self, body: str) -> str:
            return put(_formula(body))

        def latex_environment(self, name: str, body: str) -> str:
            return put(_formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True))

        def image(self, text: str, url: str, title: str | None = None) -> str:
            return f"[picture: {self.escape_html(title or text or 'see the exercise')}]"

        def heading(self, text: str, level: int, **attrs: object) -> str:
            return f"<p><strong>{text}</strong></p>\n"

    rendered = MarkdownWithMath(Renderer(escape=False, exclude_anchor_links=True)).render(source)
    clean = bleach.clean(
        rendered, tags=TAGS, attributes=_allowed, protocols={"http", "https", "mailto"}, strip=True
    )
    for name, drawing in formulas.items():
        clean = clean.replace(name, drawing)
    return clean


def _allowed(tag: str, name: str, value: str) -> bool:
    """Tell whether an attribute may stay: links that lead somewhere from anywhere, and no more."""
    return tag == "a" and name == "href" and bool(re.match("(https?://|mailto:)", value))


def _formula(tex: str, block: bool = False) -> str:
    """Draw a formula; where matplotlib doesn't know a command, show how it is written."""
    from matplotlib.path import Path as Curve
    from matplotlib.textpath import TextPath

    tex = " ".join(tex.split())
    label = html.escape(tex)
    try:
        curve = TextPath((0, 0), f"${tex}$", size=100)
        box = curve.get_extents()
    except Exception:  # its parser raises many kinds
        return f'<code class="formula">{label}</code>'
    letters = {Curve.MOVETO: "M", Curve.LINETO: "L", Curve.CURVE3: "Q", Curve.CURVE4: "C"}
    drawn = []
    for points, code in curve.iter_segments(curves=True, simplify=False):
        if code == Curve.CLOSEPOLY:
            drawn.append("Z")
            continue
        signed = (f"{(-value if at % 2 else value):.0f}" for at, value in enumerate(points))
        drawn.append(letters[code] + " ".join(signed))
    # Of 100 units to an em, a little smaller than the text, and drawn downwards
    em = 0.92 / 100
    left, top = box.x0 - 4, box.y1 + 4
    width, height = box.width + 8, box.height + 8
    return (
        f'<svg class="formula{" block" if block else ""}" role="img" aria-label="{label}" '
        f'viewBox="{left:.0f} {-top:.0f} {width:.0f} {height:.0f}" '
        f'style="width:{width * em:.2f}em;vertical-align:{(box.y0 - 4) * em:.2f}em">'
        f'<path d="{"".join(drawn)}"/></svg>'
    )


# --- Names in a zip file


def _zip_name(arrival: Arrival | None, system: str) -> str | None:
    """Return the name by which a course system knows whose a page is; None if it can't be told."""
    if not arrival or arrival.system != system:
        return None
    paths = sorted(arrival.files.items(), key=lambda pair: not pair[0].endswith(".ipynb"))
    for _, where in paths:
        # As it was sent: what lay in an archive was uploaded as this archive
        for part in where.replace(" > ", "/").split("/"):
            if system == "moodle" and (found := MOODLE.match(part)):
                if found.end() == len(part):
                    return f"{part}/{NAME}"
                return f"{found[0]}{'' if found[0].endswith('_') else '_'}{NAME}"
            if system == "canvas" and CANVAS.fullmatch(part):
                return re.sub(r"\.[^.]*$", "", part) + ".html"
    return None
