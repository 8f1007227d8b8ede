"""nbgrader's configuration: plain `nbgrader` commands work from this folder.

    nbgrader generate_assignment 1_cnn_rnn_basics --force   solutions/ -> notebooks/exercises/,
                                                            and the gradebook knows the tasks
    nbgrader autograde 1_cnn_rnn_basics               work/submitted/STUDENT/1_cnn_rnn_basics/ -> marks,
                                                            for submissions that can be trusted
    nbgrader generate_feedback 1_cnn_rnn_basics       work/feedback/STUDENT/1_cnn_rnn_basics/
    nbgrader export                                   work/grades.csv

nbgrader reads this file more than once per command, so every line may run twice.
"""

import os
import sys
from pathlib import Path

c = get_config()

ROOT = Path(__file__).resolve().parent
WORK = ROOT / "work"  # everything that grading leaves behind; git ignores it
WORK.mkdir(exist_ok=True)


def _put_first(variable, folder):
    """Put a folder first in a list of folders kept in an environment variable."""
    old = os.environ.get(variable, "").split(os.pathsep)
    os.environ[variable] = os.pathsep.join([folder] + [f for f in old if f and f != folder])


# The environment need not be activated. nbgrader calls `alembic` by PATH when it makes a new
# gradebook, and a kernel called python3 in the home folder must not win over ours.
_put_first("PATH", str(Path(sys.prefix) / ("Scripts" if os.name == "nt" else "bin")))
_put_first("JUPYTER_PATH", str(Path(sys.prefix) / "share" / "jupyter"))

# nbgrader gives a test cell 0 points when anything at all is written on stderr, a harmless log
# line or warning included. Quieten the usual sources (kernels inherit the environment), and drop
# from the outputs what still comes. Errors are no stderr output, so they stay and count.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["PYTHONWARNINGS"] = "ignore"
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"[\s\S]*"

c.CourseDirectory.course_id = "cnn_rnn"
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = os.path.join("notebooks", "exercises")
c.CourseDirectory.submitted_directory = os.path.join("work", "submitted")
c.CourseDirectory.autograded_directory = os.path.join("work", "autograded")
c.CourseDirectory.feedback_directory = os.path.join("work", "feedback")
c.CourseDirectory.solution_directory = os.path.join("work", "solution")
c.CourseDirectory.source_with_tests_directory = os.path.join("work", "source_with_tests")
c.CourseDirectory.db_url = f"sqlite:///{WORK / 'gradebook.db'}"
c.ExportPlugin.to = str(WORK / "grades.csv")

c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}
c.ClearSolutions.text_stub = "YOUR ANSWER HERE"

# Seconds. The slowest honest cell trains a small network twice.
c.Execute.timeout = 180
c.Execute.startup_timeout = 120
c.Execute.iopub_timeout = 30
c.Execute.shutdown_kernel = "immediate"

# What `autograder grade` lets a submission use; see `autograder doctor` for all limits.
c.Limits.cell_seconds = 180
c.Limits.test_seconds = 60

# The rules by which marks are made; see autograder/rules.py.
c.Rules.attempts = "last"  # or "best"
c.Rules.late = "none"  # or "fixed" or "per day", of c.Rules.late_percent, after c.Rules.grace_hours
c.Rules.dropped = {}  # tasks that don't count, as {"1_cnn_rnn_basics": ["task_03_max_pool"]}
c.AssignLatePenalties.plugin_class = "autograder.rules.LatePenalty"

# Formgrader's button Autograde grades in the sandbox, as `autograder grade` does.
c.NbGraderAPI.Autograde.exporter_class = "autograder.formgrader.Exporter"
c.NbGraderAPI.Autograde.sanitize_preprocessors = []
c.NbGraderAPI.Autograde.autograde_preprocessors = []

# Feedback shows no hidden tests, and no student's HTML runs in anybody's browser.
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "autograder.feedback.ForStudents",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
c.HTMLExporter.sanitize_html = True
