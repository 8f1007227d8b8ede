"""Marks in the forms that others take in, read back by the rules of those who take them in."""

import copy
import csv
import io
import json
import re
import shutil
from datetime import datetime

import pytest

from autograder import arrivals, gradebook, marks
from autograder.arrivals import Arrival
from autograder.errors import UserError
from autograder.exercises import released_notebooks
from autograder.exporting import export, harmless, number
from autograder.nbgrader_course import Course
from autograder.steps import Kind, Outcome

EVIL = '=HYPERLINK("http://evil.example","Kim")'
PEOPLE = {"kim": "김민지", "evil": EVIL, "part": "O'Neil, Zoë", "gone": "Not Graded"}
KEYS = {"kim": "101", "evil": "102", "part": "103", "gone": "104"}
WORKSHEET = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\r\n'
    '"Participant 103","O\'Neil, Zoë",z@example.org,"Submitted for grading",,{maximum},Yes,'
    '"Monday, 4 May 2026, 10:00 AM",-,\r\n'
    '"Participant 999",Stranger,s@example.org,"No submission",3.00,{maximum},Yes,-,-,"kept, as\r\n'
    'it was"\r\n'
    '"Participant 101",김민지,k@example.org,"Submitted for grading",,{maximum},Yes,-,-,\r\n'
    '"Participant 104","Not Graded",n@example.org,"Submitted for grading",1.00,{maximum},Yes,-,-,\r\n'
    '"Participant 102",Kim,e@example.org,"Submitted for grading",,{maximum},Yes,-,-,\r\n'
)
GRADEBOOK = (
    "Student,ID,SIS User ID,SIS Login ID,Section,tiny (55),Tiny quiz (56),tiny quiz (57),"
    "Assignments Current Score,Final Score\n"
    ",,,,,Manual Posting,,,,\n"
    "    Points Possible,,,,,{possible},5,5,(read only),(read only)\n"
    '"Zoë, O\'Neil",103,S3,zoe,A,,4,1,80,80\n'
    '"Stranger, A",999,S9,stranger,A,2.5,,,,\n'
    "김민지,101,S1,kim@x,A,EX,,,,\n"
    "Kim,102,S2,e,B,9,,,,\n"
    '"Graded, Not",104,S4,gone,B,1,,,,\n'
)


@pytest.fixture(scope="module")
def graded(released_tiny, tmp_path_factory):
    """The tiny course, with three submissions that have marks; for tests that copy it."""
    made = Course(shutil.copytree(released_tiny.root, tmp_path_factory.mktemp("graded") / "course"))
    with gradebook.Writer(made, "tiny") as writer:
        grade(made, writer, "kim", 7, answer="Because I say so.")
        grade(made, writer, "evil", 0)
        grade(made, writer, "part", 10 / 3)
    return made


@pytest.fixture
def course(graded, tmp_path):
    """A copy of it."""
    return Course(shutil.copytree(graded.root, tmp_path / "course"))


def grade(course, writer, student, points, answer=None):
    """Put the marks of a submission into the gradebook, as if its test had given them."""
    notebook = copy.deepcopy(released_notebooks(course.exercises / "tiny")["tiny"])
    if answer:
        notebook.cells[-1].source = answer
    taken = gradebook.steps(notebook)
    outcomes = [Outcome(points=points if step.kind == Kind.TEST else 0) for _, step in taken]
    notebook = gradebook.with_outcomes(notebook, taken, outcomes)
    writer.save(student, datetime(2026, 5, 4, 10), {"tiny": notebook})


def collect(course, system="moodle", **changes):
    """Write who handed in."""
    about = {"source": "class.zip", "files": {}, "late": False}
    arrivals.write(
        course,
        "tiny",
        [
            Arrival(student, name, system, KEYS[student], **about | changes.get(student, {}))
            for student, name in PEOPLE.items()
        ],
    )


def rows(data):
    """Read a file as a spreadsheet does."""
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def import_moodle(data, participants, maximum, delimiter=","):
    """Take a worksheet in as Moodle's `importgradeslib.php` and `locallib.php` do.

    Returns the grades and the comments by participant.
    """
    text = data.decode().removeprefix("\ufeff")
    header, *body = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    at = {name: header.index(name) for name in ("Identifier", "Grade", "Last modified (grade)")}
    grades, comments = {}, {}
    for row in body:
        identifier = row[at["Identifier"]][len("Participant ") :]
        if identifier not in participants:
            continue
        assert len(row) == len(header)
        grade = row[at["Grade"]]
        if grade != "" and 0 <= float(grade) <= maximum:
            grades[identifier] = float(grade)
        if "Feedback comments" in header:
            comments[identifier] = row[header.index("Feedback comments")]
    return grades, comments


def import_canvas(data, students, assignments):
    """Take a gradebook in as Canvas's `gradebook_importer.rb` does.

    Returns the scores by assignment and student, and the names of assignments that it would make.
    """
    lines = data.decode().splitlines()[:3]
    counts = {
        mark: {len(next(csv.reader([one], delimiter=mark))) for one in lines} for mark in ",;"
    }
    sizes = {mark: found.pop() if len(found) == 1 else 0 for mark, found in counts.items()}
    delimiter = ";" if sizes[";"] > sizes[","] else ","
    header, *body = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter)
    assert len(header) > 3
    assert "Student" in header[0]
    assert "ID" in header[1]
    columns = 3
    if re.search(r"SIS\s+Login\s+ID", header[2]):
        columns = 4
    elif re.search(r"SIS\s+User\s+ID", header[2]) and re.search(r"SIS\s+Login\s+ID", header[3]):
        columns = 5
    assert "Section" in header[columns - 1]
    taken, new = {}, []
    for at, name in enumerate(header):
        if at < columns or re.search("(Current|Final) (Score|Points|Grade)", name):
            continue
        parsed = re.fullmatch(r"(.*) \((\d+)\)", name)
        if parsed and parsed[2] in assignments:
            taken[parsed[2]] = at
        elif name in assignments.values():
            taken[next(key for key, value in assignments.items() if value == name)] = at
        else:
            new.append(name)
    scores = {key: {} for key in taken}
    for row in body:
        if not any(cell.strip() for cell in row) or "Points Possible" in row[0]:
            continue
        if all(re.fullmatch(r"\s*(Muted|Manual Posting.*)?\s*", cell) for cell in row):
            continue
        if row[1] in students:
            for key, at in taken.items():
                cell = row[at].strip()
                if re.fullmatch(r"-?[0-9.,]+%?", cell):
                    *whole, last = re.split("[,.]", cell)
                    cell = float(".".join(["".join(whole), last] if whole else [last]))
                scores[key][row[1]] = cell
    return scores, new


def by_key(course):
    return {KEYS[student]: one.points for student, one in marks.read(course, "tiny").items()}


# --- For spreadsheets and programs


def test_a_table_has_a_row_for_each_student(course):
    collect(course, evil={"late": True})
    made = export(course, ["tiny"], "csv")
    assert made.data.startswith(b"\xef\xbb\xbf")
    found = {row["student"]: row for row in rows(made.data)}
    assert list(found) == ["evil", "gone", "kim", "part"]
    assert found["kim"]["name"] == "김민지"
    assert found["kim"]["tiny: points"] == "7"
    assert found["kim"]["tiny: max points"] == "10"
    assert found["kim"]["tiny: needs human"] == "yes"
    assert found["part"]["tiny: task_01_double"] == "3.33333"
    assert found["part"]["tiny: needs human"] == "no"
    assert (found["evil"]["tiny: late"], found["kim"]["tiny: late"]) == ("yes", "no")
    assert found["gone"]["tiny: status"] == "not graded yet"
    assert found["gone"]["tiny: points"] == ""
    assert made.missing == {"tiny": ("gone",)}
    assert made.needs_human == {"tiny": ("kim",)}


def test_json_has_the_same_nested(course):
    collect(course)
    made = export(course, ["tiny"], "json")
    found = json.loads(made.data)
    students = {one["student"]: one for one in found["students"]}
    known = marks.read(course, "tiny")
    for student, one in known.items():
        entry = students[student]["assignments"]["tiny"]
        assert entry["points"] == one.points
        assert entry["tasks"]["task_01_double"]["points"] == one.tasks["task_01_double"].points
    assert students["evil"]["name"] == EVIL  # nothing to run in JSON
    assert students["gone"]["assignments"]["tiny"] == {"status": "not graded yet", "late": False}
    assert found["assignments"]["tiny"]["max_points"] == 10
    assert made.suffix == ".json"


def test_who_was_not_collected_is_exported_all_the_same(course):
    assert {row["student"] for row in rows(export(course, ["tiny"], "csv").data)} == {
        "kim",
        "evil",
        "part",
    }
    made = export(course, ["tiny"], "moodle")
    assert len(made.unmatched) == 3
    assert "number of the participant is not known" in made.unmatched[0]


def test_assignments_stand_side_by_side(course):
    shutil.copytree(course.solutions / "tiny", course.solutions / "other")
    collect(course)
    [kim, *_] = [one for one in arrivals.read(course, "tiny") if one.student == "kim"]
    arrivals.write(course, "other", [kim])
    made = export(course, ["tiny", "other"], "csv")
    found = {row["student"]: row for row in rows(made.data)}
    assert (found["kim"]["tiny: points"], found["kim"]["other: points"]) == ("7", "")
    assert found["kim"]["other: status"] == "not graded yet"
    assert found["evil"]["other: status"] == "not handed in"
    assert made.missing == {"tiny": ("gone",), "other": ("kim",)}
    both = json.loads(export(course, ["tiny", "other"], "json").data)
    assert list(both["assignments"]) == ["tiny", "other"]


def test_a_penalty_is_told_and_taken_off(course):
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text() + "\nc.Rules.late = 'fixed'\n")
    with course.gradebook() as found:
        found.update_or_create_assignment("tiny", duedate="2026-05-04 09:00:00")
    collect(course)
    made = Course(course.root)
    row = next(row for row in rows(export(made, ["tiny"], "csv").data) if row["student"] == "kim")
    assert (row["tiny: points"], row["tiny: penalty"], row["tiny: late"]) == ("6.3", "0.7", "yes")
    _, comments = import_moodle(export(made, ["tiny"], "moodle").data, {"101"}, 10)
    assert comments["101"].startswith("6.3 of 10 points, 0.7 taken off because it came late")


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t=", " =", "\r=", "＝", "﹢", "|", "%"])
def test_a_name_is_no_formula(first):
    assert harmless(f"{first}1+1").startswith("'")
    assert harmless("A" + first) in (f"A{first}", "A =")


def test_names_that_are_formulas_are_harmless_in_each_kind(course):
    for system in ("moodle", "canvas"):
        collect(course, system)
        for kind in ("csv", system):
            text = export(course, ["tiny"], kind).data.decode("utf-8-sig")
            assert EVIL in text.replace('""', '"')
            for row in csv.reader(io.StringIO(text, newline="")):
                assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in row)


def test_numbers_have_a_dot_and_no_tail():
    assert [number(one) for one in (0, 7.0, 2.5, 10 / 3, 0.1 + 0.2, -1e-9, 1e6)] == [
        "0",
        "7",
        "2.5",
        "3.33333",
        "0.3",
        "0",
        "1000000",
    ]


# --- Moodle


def test_moodle_reads_back_what_the_gradebook_has(course, tmp_path):
    collect(course)
    for template in (None, write(tmp_path, WORKSHEET.format(maximum="10.00"))):
        made = export(course, ["tiny"], "moodle", template=template)
        grades, comments = import_moodle(made.data, {"101", "102", "103"}, 10)
        assert grades == pytest.approx(by_key(course), abs=1e-5)
        assert "Task 2" not in comments["101"]
        assert "task_02_why: 0 of 3, still to be graded by a teacher" in comments["101"]
        assert made.missing == {"tiny": ("gone",)}
        assert made.needs_human == {"tiny": ("kim",)}


def test_of_moodles_worksheet_only_grades_and_comments_change(course, tmp_path):
    collect(course)
    template = write(tmp_path, "\ufeff" + WORKSHEET.format(maximum="10.00"))
    made = export(course, ["tiny"], "moodle", template=template)
    assert made.data.startswith(b"\xef\xbb\xbf")
    before, after = rows(template.read_bytes()), rows(made.data)
    assert [list(row) for row in before] == [list(row) for row in after]
    for old, new in zip(before, after, strict=True):
        ours = old["Identifier"] in ("Participant 101", "Participant 102", "Participant 103")
        changed = {name for name in old if old[name] != new[name]}
        assert changed == ({"Grade", "Feedback comments"} if ours else set())
    assert made.absent == ("line 4: Participant 999 (Stranger)",)


def test_a_worksheet_in_another_language_is_filled_in(course, tmp_path):
    collect(course)
    text = WORKSHEET.format(maximum="10,00".replace(",", ".")).replace("Participant", "참가자")
    header, _, body = text.partition("\r\n")
    korean = (
        "식별자;성명;이메일;상태;성적;최고점;변경 가능;최종 수정 (제출);최종 수정 (성적);피드백"
    )
    body = body.replace(",Yes,", ",예,")
    table = csv.reader(io.StringIO(body, newline=""))
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";", lineterminator="\n").writerows(table)
    template = write(tmp_path, f"{korean}\n{out.getvalue()}")
    made = export(course, ["tiny"], "moodle", template=template)
    text = made.data.decode()
    assert text.startswith(korean + "\n")
    assert "\r\n" not in text.replace("kept, as\r\nit was", "")
    english = text.replace(korean, header.replace('"', "").replace(",", ";"))
    english = english.replace("참가자", "Participant").encode()
    grades, comments = import_moodle(english, {"101", "102", "103"}, 10, ";")
    assert grades == pytest.approx(by_key(course), abs=1e-5)
    assert comments["101"].startswith("7 of 10 points")


def test_another_maximum_scales_and_is_told(course, tmp_path):
    collect(course)
    template = write(tmp_path, WORKSHEET.format(maximum="100.00"))
    made = export(course, ["tiny"], "moodle", template=template)
    grades, _ = import_moodle(made.data, {"101", "102", "103"}, 100)
    expected = {key: points * 10 for key, points in by_key(course).items()}
    assert grades == pytest.approx(expected, abs=1e-5)
    assert made.notes == (
        "Moodle gives at most 100 points and this course 10: all points are multiplied by 10",
    )


def test_comments_are_text_for_moodle_though_it_takes_html(course):
    with course.gradebook() as found:
        comment = found.find_comment("task_01_double", "tiny", "tiny", "kim")
        comment.manual_comment = "<script>alert(1)</script> &\n=1+1"
        found.db.commit()
    collect(course)
    _, comments = import_moodle(export(course, ["tiny"], "moodle").data, {"101"}, 10)
    assert (
        "Comment: &lt;script&gt;alert(1)&lt;/script&gt; &amp;<br>Comment: =1+1" in comments["101"]
    )


def test_a_worksheet_without_comments_gets_grades(course, tmp_path):
    collect(course)
    table = list(csv.reader(io.StringIO(WORKSHEET.format(maximum="10.00"), newline="")))
    out = io.StringIO(newline="")
    csv.writer(out).writerows(row[:-1] for row in table)
    made = export(course, ["tiny"], "moodle", template=write(tmp_path, out.getvalue()))
    grades, comments = import_moodle(made.data, {"101"}, 10)
    assert (grades, comments) == ({"101": 7}, {})
    assert "no column for feedback comments" in made.notes[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "name the file that was downloaded"),
        ("", "no rows"),
        ("Name,Grade\r\nKim,1\r\n", "no column has values like 'Participant 123456'"),
        ("Identifier,Name\r\nParticipant 1,A\r\n", "no column 'Grade' and no 'Maximum Grade'"),
        (WORKSHEET.format(maximum="A+"), "'Maximum Grade' has A[+]: only an assignment of which"),
        (WORKSHEET.format(maximum="0"), "set the maximum in Moodle"),
        (WORKSHEET.replace("999", "101").format(maximum="10"), "stands in lines 4 and 5"),
        ("Identifier,Name,Grade\r\nParticipant 101,A\r\n", "line 2 has 2 cells and the header 3"),
        ('Identifier,Grade\r\n"Participant 1"x,A\r\n', "line 2: .*: download the file again"),
        (b"Identifier,Grade\r\nParticipant 1,\xb1\xe8\r\n", "line 2 is not UTF-8"),
        (b"PK\3\4", "a workbook or zip file"),
    ],
)
def test_a_worksheet_that_is_none_is_told(course, tmp_path, text, told):
    collect(course)
    template = write(tmp_path, text) if text is not None else tmp_path / "none.csv"
    with pytest.raises(UserError, match=told) as error:
        export(course, ["tiny"], "moodle", template=template)
    assert str(template) in str(error.value)
    assert "\n" not in str(error.value)


# --- Canvas


def test_canvas_reads_back_what_the_gradebook_has(course):
    collect(course, "canvas")
    made = export(course, ["tiny"], "canvas", column="tiny (55)")
    assert not made.notes
    scores, new = import_canvas(made.data, {"101", "102", "103"}, {"55": "tiny"})
    assert scores["55"] == pytest.approx(by_key(course), abs=1e-5)
    assert not new
    assert "104" not in made.data.decode()  # an empty cell would take a mark away
    made = export(course, ["tiny"], "canvas")
    scores, _ = import_canvas(made.data, {"101", "102", "103"}, {"55": "tiny"})
    assert scores["55"] == pytest.approx(by_key(course), abs=1e-5)
    assert "Canvas makes a new assignment unless" in made.notes[0]


@pytest.mark.parametrize("possible", ["10", "20.00"])
def test_of_canvas_gradebook_one_column_changes(course, tmp_path, possible):
    collect(course, "canvas")
    template = write(tmp_path, GRADEBOOK.format(possible=possible))
    made = export(course, ["tiny"], "canvas", template=template)
    scale = float(possible) / 10
    scores, new = import_canvas(made.data, {"101", "102", "103", "104", "999"}, {"55": "x"})
    ours = by_key(course)
    assert scores["55"]["103"] == pytest.approx(ours["103"] * scale, abs=1e-5)
    assert scores["55"]["102"] == 0
    assert scores["55"]["101"] == "EX"
    assert (scores["55"]["104"], scores["55"]["999"]) == (1, 2.5)
    assert new == ["Tiny quiz (56)", "tiny quiz (57)"]
    before = list(csv.reader(template.read_text().splitlines()))
    after = list(csv.reader(made.data.decode().splitlines()))
    for old, new_row in zip(before, after, strict=True):
        assert old[:5] + old[6:] == new_row[:5] + new_row[6:]
    assert made.absent == ("line 5: Stranger, A",)
    assert any("김민지 (kim) is excused in Canvas" in note for note in made.notes)
    assert any("multiplied by 2" in note for note in made.notes) == (scale == 2)


def test_students_are_known_by_their_login_too(course, tmp_path):
    collect(course, "folder")
    text = GRADEBOOK.format(possible="10").replace("kim@x", "kim").replace(",EX,", ",,")
    made = export(course, ["tiny"], "canvas", template=write(tmp_path, text))
    scores, _ = import_canvas(made.data, {"101", "102", "104"}, {"55": "x"})
    assert scores["55"] == {"101": 7, "102": 9, "104": 1}
    assert not any("Graded, Not" in one for one in made.unmatched)
    assert len([one for one in made.unmatched if "no row of the gradebook" in one]) == 2


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("Tiny Quiz", "several columns are called 'Tiny Quiz': 'Tiny quiz .56.', 'tiny quiz .57.'"),
        ("other", "no column 'other': name one of 'tiny .55.', 'Tiny quiz .56.'"),
        ("Final Score", "no column 'Final Score'"),
    ],
)
def test_a_column_that_is_not_clear_is_told(course, tmp_path, column, told):
    collect(course, "canvas")
    template = write(tmp_path, GRADEBOOK.format(possible="10"))
    with pytest.raises(UserError, match=told):
        export(course, ["tiny"], "canvas", template=template, column=column)


@pytest.mark.parametrize("column", ["57", "tiny quiz (57)", "tiny quiz"])
def test_a_column_is_named_by_number_or_name(course, tmp_path, column):
    collect(course, "canvas")
    template = write(tmp_path, GRADEBOOK.format(possible="10"))
    made = export(course, ["tiny"], "canvas", template=template, column=column)
    scores, _ = import_canvas(made.data, {"102"}, {"57": "x"})
    assert scores["57"] == {"102": 0}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Student,ID\nKim,1\n", "no columns 'ID' and 'Section'"),
        (GRADEBOOK.format(possible="(read only)"), "'tiny .55.' is read-only in Canvas"),
        (GRADEBOOK.replace("999", "101").format(possible="10"), "stands in lines 5 and 6"),
    ],
)
def test_a_gradebook_that_is_none_is_told(course, tmp_path, text, told):
    collect(course, "canvas")
    with pytest.raises(UserError, match=told):
        export(course, ["tiny"], "canvas", template=write(tmp_path, text))


@pytest.mark.parametrize(
    ("assignments", "kind", "options", "told"),
    [
        (["tiny"], "excel", {}, "no export called 'excel': use csv, json, moodle, canvas"),
        ([], "csv", {}, "name one"),
        (["tiny", "tiny"], "moodle", {}, "one assignment at a time"),
        (["tiny"], "csv", {"template": "x.csv"}, "can be filled in"),
        (["tiny"], "moodle", {"column": "x"}, "for Canvas alone"),
    ],
)
def test_what_can_not_be_exported_is_told(tiny, assignments, kind, options, told):
    with pytest.raises(UserError, match=told):
        export(tiny, assignments, kind, **options)


def write(folder, text):
    path = folder / "downloaded.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
