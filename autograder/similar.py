"""Pairs of submissions that are written alike, for a human to look at.

copydetect finds what two texts have in common, however it is named or ordered: it evens out names,
layout and comments, and compares all stretches of a certain length, as MOSS does (S. Schleimer,
D. Wilkerson and A. Aiken, "Winnowing: Local Algorithms for Document Fingerprinting", 2003).

What is alike is a place to look, and no proof of anything: short tasks have few good answers.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

from autograder import arrivals, records
from autograder.errors import UserError
from autograder.exercises import released_notebooks
from autograder.nbgrader_course import Course
from autograder.pages import render

if TYPE_CHECKING:
    from copydetect import CodeFingerprint
    from nbformat import NotebookNode

SHORTEST = 25  # characters, names evened out, of a stretch that counts; copydetect's own choice
USUAL = 10  # more students than these share what is usual ...
USUAL_SHARE = 3  # ... or more than one in so many of a small class, but never 2 students
SHOWN = 20  # pairs that the page shows side by side
LISTED = 50  # pairs that it lists
LONGEST = 50_000  # characters of an answer that are compared


@dataclass(frozen=True, slots=True)
class TaskMatch:
    """What two answers to a task have in common.

    Attributes:
        task: the grade id of the task.
        share_a: of the first student's own text.
        share_b: of the second student's own text.
        tokens: characters that match, with names evened out.
    """

    task: str
    share_a: float
    share_b: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Pair:
    """What two submissions have in common, without what is released or usual.

    Attributes:
        student_a: the first student.
        student_b: the second student.
        share_a: of the first student's own text that is in the second's too.
        share_b: of the second student's own text that is in the first's too.
        tokens: characters that match, with names evened out.
        tasks: the tasks in which something matches.
    """

    student_a: str
    student_b: str
    share_a: float
    share_b: float
    tokens: int
    tasks: tuple[TaskMatch, ...]

    @property
    def score(self) -> float:
        """By what pairs are ranked: the mean of the shares, by the harmonic mean.

        So a short text that is all in a long one does not come first.
        """
        both = self.share_a + self.share_b
        return 2 * self.share_a * self.share_b / both if both else 0.0


@dataclass(frozen=True)
class Stretch:
    """A part of an answer that is in another one too.

    Attributes:
        start: its first character.
        stop: the character after its last one.
        number: the same for parts that match each other.
    """

    start: int
    stop: int
    number: int


def compare(
    course: Course,
    assignment: str,
    on_done: Callable[[int, int], None] | None = None,
) -> list[Pair]:
    """Compare all graded submissions of an assignment with each other.

    Args:
        course: The course.
        assignment: The assignment's name.
        on_done: Called with how many pairs are compared, and how many there are.

    Returns:
        The pairs that have anything in common, the most alike first.

    Raises:
        UserError: nothing is graded, the exercise is not released, or copydetect is missing.
    """
    prints = _prints(course, assignment)
    students = sorted(prints)
    lengths = {student: sum(one.length for one in prints[student].values()) for student in students}
    total = len(students) * (len(students) - 1) // 2
    found = []
    for done, (one, other) in enumerate(combinations(students, 2), start=1):
        pair = _pair(one, other, prints, lengths)
        if pair:
            found.append(pair)
        if on_done and (done % 500 == 0 or done == total):
            on_done(done, total)
    return sorted(
        found, key=lambda pair: (-pair.score, -pair.tokens, pair.student_a, pair.student_b)
    )


def page(
    course: Course, assignment: str, pairs: list[Pair], shown: int = SHOWN, listed: int = LISTED
) -> str:
    """Return the most similar pairs as one HTML page that needs no other file, program or network.

    It names students: it is for those who grade.

    Args:
        course: The course.
        assignment: The assignment's name.
        pairs: What `compare` has found.
        shown: How many pairs are shown side by side.
        listed: How many pairs are listed.
    """
    from autograder import marks

    prints = _prints(course, assignment)
    names = {one.student: one.name for one in arrivals.read(course, assignment) if one.chosen}
    count = len(prints)
    compared = count * (count - 1) // 2
    scores = sorted((pair.score for pair in pairs), reverse=True)
    return render(
        "similar.html.j2",
        assignment=assignment,
        submissions=count,
        compared=compared,
        # The others have nothing in common
        half=scores[compared // 2] if compared // 2 < len(scores) else 0.0,
        hundredth=scores[compared // 100] if compared // 100 < len(scores) else 0.0,
        found=len(pairs),
        pairs=pairs[:listed],
        views=[_view(pair, prints) for pair in pairs[:shown]],
        names=names,
        titles=marks.titles(course, assignment),
        usual=usual_limit(count),
        shortest=SHORTEST,
    )


def usual_limit(students: int) -> int:
    """Return how many students may share a stretch before it is usual, and left out."""
    return min(USUAL, max(2, students // USUAL_SHARE))


# Fingerprints


@dataclass
class _Print:
    """An answer, with the stretches in it by their hash.

    Attributes:
        text: the answer.
        made: what copydetect made of it; what is released or usual is taken out of its hashes.
        length: of what is the student's own, with names evened out.
    """

    text: str
    made: CodeFingerprint
    length: int


Prints = dict[str, dict[str, _Print]]


def _prints(course: Course, assignment: str) -> Prints:
    """Return the fingerprints of all answers, by student and by task."""
    known = {
        name: one.answers
        for name, one in records.read_all(course, assignment).items()
        if one.answers
    }
    if not known:
        raise UserError(f"no answer to {assignment} is graded: run `autograder grade {assignment}`")
    released = released_notebooks(course.exercises / assignment)
    written = _written(released)
    given = {kind: _given(released, kind) for kind in (True, False)}
    prints: Prints = {}
    for student, answers in known.items():
        prints[student] = {}
        for task, source in sorted(answers.items()):
            code = task not in written
            one = _print(str(source), code, given[code])
            if one.made.hashes:
                prints[student][task] = one
    _leave_out_usual(prints)
    return prints


def _written(released: dict[str, NotebookNode]) -> set[str]:
    """Return the tasks whose answers are text, and no code."""
    return {
        cell.metadata["nbgrader"]["grade_id"]
        for notebook in released.values()
        for cell in notebook.cells
        if cell.cell_type == "markdown" and "grade_id" in cell.metadata.get("nbgrader", {})
    }


def _given(released: dict[str, NotebookNode], code: bool) -> frozenset[int]:
    """Return the hashes of all that students were given: as code, or as text."""
    return frozenset(
        found
        for notebook in released.values()
        for cell in notebook.cells
        if (cell.cell_type == "code") == code
        for found in _fingerprint(_plain(cell.source, code), code).hashes
    )


def _print(source: str, code: bool, given: frozenset[int]) -> _Print:
    """Take the fingerprints of an answer, without what was given."""
    text = _plain(source, code)
    made = copy(_fingerprint(text, code))
    _take_out(made, given)
    made.token_coverage = _covered(made)  # what copydetect makes shares of
    return _Print(text, made, made.token_coverage)


def _plain(source: str, code: bool) -> str:
    """Return an answer with the line ends that Pygments expects."""
    text = (
        "\n".join(source[:LONGEST].split("\r\n")).replace("\r", "\n").lstrip("\ufeff").strip("\n")
    )
    return text if code else re.sub(r"\s+", " ", text)


@lru_cache(maxsize=20_000)
def _fingerprint(text: str, code: bool) -> CodeFingerprint:
    """Let copydetect even out an answer and hash all stretches of `SHORTEST` characters.

    A window of 1 keeps all hashes. A larger one would keep some, by their values, and Python's
    hashes of text are others in each process. What is returned is not to be changed.
    """
    try:
        import numpy as np
        from copydetect import CodeFingerprint
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is missing: run `pip install -r requirements.txt`") from None
    made = CodeFingerprint(
        "answer", SHORTEST, 1, filter=code, language="python", fp=io.StringIO(text)
    )
    if len(made.offsets):
        # copydetect 0.5 forgets what came before the name of a class
        made.offsets[:, 1] = np.maximum.accumulate(made.offsets[:, 1])
    return made


def _take_out(made: CodeFingerprint, hashes: frozenset[int] | set[int]) -> None:
    """Leave hashes out of a fingerprint, which is changed, and not what it was copied from.

    copydetect's own way takes out only the first place of each.
    """
    made.hash_idx = {int(one): where for one, where in made.hash_idx.items() if one not in hashes}
    made.hashes = set(made.hash_idx)


def _covered(made: CodeFingerprint) -> int:
    """Return how many characters are covered by the stretches that are left."""
    from copydetect.utils import get_token_coverage

    return int(get_token_coverage(made.hash_idx, made.k, len(made.filtered_code)))


def _leave_out_usual(prints: Prints) -> None:
    """Take out what many students have: there it says nothing.

    Submissions that are all the same count once, so that a solution which went round a large group
    is not taken for usual.
    """
    counts: Counter[int] = Counter()
    for hashes in {
        frozenset(found for one in tasks.values() for found in one.made.hashes)
        for tasks in prints.values()
    }:
        counts.update(hashes)
    limit = usual_limit(len(prints))
    usual = {found for found, number in counts.items() if number > limit}
    for tasks in prints.values():
        for one in tasks.values():
            _take_out(one.made, usual)


# Pairs


def _pair(one: str, other: str, prints: Prints, lengths: dict[str, int]) -> Pair | None:
    """Compare two submissions, task by task; None if they have nothing in common."""
    from copydetect import compare_files

    tasks, in_a, in_b = [], 0.0, 0.0
    for task, ours in prints[one].items():
        theirs = prints[other].get(task)
        if not theirs or ours.made.hashes.isdisjoint(theirs.made.hashes):
            continue
        tokens, (share_a, share_b), _ = compare_files(ours.made, theirs.made)
        tasks.append(TaskMatch(task, float(share_a), float(share_b), int(tokens)))
        in_a += share_a * ours.length
        in_b += share_b * theirs.length
    if not tasks:
        return None
    return Pair(
        student_a=one,
        student_b=other,
        share_a=float(in_a / lengths[one]),
        share_b=float(in_b / lengths[other]),
        tokens=round(min(in_a, in_b)),
        tasks=tuple(tasks),
    )


def stretches(one: _Print, other: _Print) -> tuple[list[Stretch], list[Stretch]]:
    """Return the parts of two answers that match, in the order in which they stand in each."""
    import numpy as np
    from copydetect import compare_files
    from copydetect.utils import find_fingerprint_overlap, get_copied_slices

    ours, theirs = one.made, other.made
    common = find_fingerprint_overlap(ours.hashes, theirs.hashes, ours.hash_idx, theirs.hash_idx)
    if not len(common[0]):
        return [], []
    starts = [get_copied_slices(where, SHORTEST)[0] for where in common]
    together: Counter[tuple[int, int]] = Counter()
    for found in ours.hashes & theirs.hashes:
        here, there = (
            {int(np.searchsorted(first, place, side="right")) for place in made.hash_idx[found]}
            for made, first in zip((ours, theirs), starts, strict=True)
        )
        together.update((a, b) for a in here for b in there)
    partner = {b: a for (a, b), _ in sorted(together.items(), key=lambda item: item[1])}
    slices = compare_files(ours, theirs)[2]
    return (
        [_stretch(one.text, *ends, number) for number, ends in enumerate(slices[0].T, start=1)],
        [
            _stretch(other.text, *ends, partner[number])
            for number, ends in enumerate(slices[1].T, start=1)
        ],
    )


def _stretch(text: str, start: float, stop: float, number: int) -> Stretch:
    """Make a stretch of whole words that ends in no blanks."""
    begin, end = int(start), min(int(stop), len(text))
    end = begin + len(text[begin:end].rstrip())
    while 0 < begin < len(text) and _is_word(text[begin - 1]) and _is_word(text[begin]):
        begin -= 1
    while 0 < end < len(text) and _is_word(text[end - 1]) and _is_word(text[end]):
        end += 1
    return Stretch(begin, end, number)


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


# The page


@dataclass(frozen=True)
class _Piece:
    """A part of an answer as the page shows it; `number` is None if it matches nothing."""

    text: str
    number: int | None


def _view(pair: Pair, prints: Prints) -> dict[str, object]:
    """Return what the page shows of a pair: the answers that match, in pieces."""
    tasks = []
    for match in pair.tasks:
        one, other = prints[pair.student_a][match.task], prints[pair.student_b][match.task]
        found = stretches(one, other)
        tasks.append((match, _pieces(one.text, found[0]), _pieces(other.text, found[1])))
    return {"pair": pair, "tasks": tasks}


def _pieces(text: str, found: list[Stretch]) -> list[_Piece]:
    """Cut a text where what matches begins and ends."""
    pieces, place = [], 0
    for one in found:
        start = max(one.start, place)
        pieces.append(_Piece(text[place:start], None))
        pieces.append(_Piece(text[start : one.stop], one.number))
        place = max(place, one.stop)
    pieces.append(_Piece(text[place:], None))
    return [one for one in pieces if one.text]
