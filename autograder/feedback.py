"""What of an autograded notebook may be shown to the student who wrote it.

`ForStudents` is a preprocessor for `nbgrader generate_feedback`, which `nbgrader_config.py` puts in
its place. It takes out hidden tests, all that could tell their inputs, and what could be a program
for a browser; it works on notebooks of this grader and of plain nbgrader alike.
"""

from __future__ import annotations

import ast
import builtins

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.gradebook import META, is_test
from autograder.judge import BEGIN, END, HIDDEN, hidden_lines

PLACE = "# Hidden tests ran here."
NOT_SHOWN = "Outputs of cells below the first hidden test are not shown.\n"
LONGEST = 2000  # characters of a message


class ForStudents(NbGraderPreprocessor):
    """Takes hidden tests out of a notebook, and what could tell of them."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Change the notebook in place, and return it."""
        after_hidden = False
        for cell in nb.cells:
            if cell.cell_type != "code":
                continue
            if is_test(cell):
                after_hidden = _clean_test(cell) or after_hidden
            elif after_hidden:
                cell.outputs = _clean_outputs(cell.outputs)
        return nb, resources


def visible(source: str) -> str:
    """Return the source of a test cell, with a comment in place of each hidden region."""
    lines, hidden = [], hidden_lines(source)
    for number, line in enumerate(source.splitlines(), start=1):
        if number not in hidden:
            lines.append(line)
        elif BEGIN in line:
            lines.append(line.partition(BEGIN)[0] + PLACE)
    return "\n".join(lines)


def _clean_test(cell: NotebookNode) -> bool:
    """Leave of a test what a student may see; tell whether it has hidden tests."""
    source = cell.source
    hidden = bool(hidden_lines(source)) or END in source
    known = cell.metadata.get(META)
    outputs = []
    for output in cell.outputs:
        if output.output_type == "error":
            message = known.get("public") if known else _public(source, output)
            text = str(message or HIDDEN)[:LONGEST]
            trace = [f"{output.ename}: {text}" if output.ename != "AssertionError" else text]
            outputs.append(new_output("error", ename=output.ename, evalue=text, traceback=trace))
        elif output.output_type == "stream" and output.name == "stdout":
            printed = _printed(source)
            text = "".join(
                line for line in str(output.text).splitlines(True) if line.strip() in printed
            )
            if text or not hidden:
                outputs.append(new_output("stream", name="stdout", text=text or output.text))
        elif output.output_type == "execute_result" and _is_number(output):
            outputs.append(output)
    cell.outputs = outputs
    cell.source = visible(source)
    return hidden


def _public(source: str, output: NotebookNode) -> str:
    """Return what plain nbgrader's error tells, if it tells no more than the visible tests do."""
    if not hidden_lines(source) or output.evalue in _constants(source, ast.Assert):
        return output.evalue
    return HIDDEN


def _printed(source: str) -> set[str]:
    """Return the texts that the visible part of a test prints as they stand there."""
    return {text.strip() for text in _constants(visible(source), ast.Call)}


def _constants(source: str, kind: type[ast.Assert | ast.Call]) -> set[str]:
    """Return the texts that stand in a source as messages of assertions, or as only arguments."""
    try:
        nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kind)]
    except SyntaxError:
        return set()
    parts = [
        node.msg if isinstance(node, ast.Assert) else node.args[0]
        for node in nodes
        if isinstance(node, ast.Assert) or len(node.args) == 1
    ]
    return {
        part.value
        for part in parts
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def _clean_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Leave of a student's outputs the names of errors: the rest may tell what a test has asked."""
    if not outputs:
        return []
    errors = [
        new_output("error", ename=name, evalue="", traceback=[name])
        for name in (_known(output.ename) for output in outputs if output.output_type == "error")
    ]
    return [new_output("stream", name="stdout", text=NOT_SHOWN), *errors]


def _known(name: str) -> str:
    """Return the name of an error if it is one of Python's: others are texts of the student's."""
    return name if isinstance(getattr(builtins, name, None), type) else "Error"


def _is_number(output: NotebookNode) -> bool:
    try:
        float(output.data["text/plain"])
    except (KeyError, TypeError, ValueError):
        return False
    return True
