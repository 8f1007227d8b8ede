"""Formgrader's autograde button, on this grader.

`nbgrader_config.py` names `Exporter` for the converter that the button runs, and for no other. The
converter goes over a submission twice, sanitising and grading; here the first does both, and the
second finds it done.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbconvert.exporters.exporter import ResourcesDict

from autograder.grading import grade, make_worker
from autograder.lock import alone
from autograder.nbgrader_course import find_course


class Exporter(NotebookExporter):
    """Reads a submission by grading it."""

    def from_filename(
        self, filename: str, resources: ResourcesDict | None = None, **kw: Any
    ) -> tuple[str, ResourcesDict]:
        """Grade the submission that a file belongs to; return its autograded notebook.

        Args:
            filename: in work/submitted, or in work/autograded, where it is done.
            resources: nbgrader's, with the student, the assignment and the notebook.
            kw: what nbconvert passes on.
        """
        resources = self._init_resources(resources)
        about = resources["nbgrader"]
        course = find_course(Path(filename).resolve().parent)
        student, assignment = about["student"], about["assignment"]
        done = course.work / "autograded" / student / assignment / f"{about['notebook']}.ipynb"
        if Path(os.path.abspath(filename)) != Path(os.path.abspath(done)):
            with alone(course), make_worker(course, [assignment], course.limits) as worker:
                list(grade(course, assignment, worker, [student]))
        resources["output_extension"] = self.file_extension
        # As it was written: else the next `autograder grade` would take it for another
        return done.read_text("utf-8"), resources
