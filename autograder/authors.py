"""Tries the tests of an exercise in the judge, before students get it.

The solution must earn all points: a test that can't be judged is its author's to mend. Answers that
anybody can guess must not: a comparison such as `np.allclose([], 5.0)` is true.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from nbformat import NotebookNode

from autograder import gradebook
from autograder.errors import UserError
from autograder.grading import imports
from autograder.nbgrader_course import Course, read_notebooks
from autograder.steps import Kind, Outcome, Step
from autograder.worker import CannotGrade, Worker, WorkError

# What every function of an answer returns, and every name of it is
GUESSES = ("None", "object()", "[]", "0", "True", "float('nan')", "__import__('numpy').array([])")


def try_tests(course: Course, assignment: str) -> None:
    """Run the tests of an assignment against its solution and against guesses.

    The solution is its author's own: it runs without a sandbox, so that this works without one.

    Raises:
        UserError: a test can't be judged, gives the solution too little, or a guess all points;
            the message names the test, and the mend.
        WarmError: this machine can't try tests.
    """
    notebooks = read_notebooks(course.solutions / assignment)
    with Worker(imports(notebooks), course.limits, sandboxed=False) as worker:
        for name, notebook in notebooks.items():
            steps = [step for _, step in gradebook.steps(notebook)]
            try:
                _try_solution(name, steps, worker.grade(steps))
                for guess in GUESSES:
                    guessed = _guessed(notebook, steps, guess)
                    _try_guess(name, guess, guessed, worker.grade(guessed))
            except CannotGrade as error:
                raise UserError(f"{name}.ipynb: {error}: mend this locked cell") from None
            except WorkError as error:
                raise UserError(f"{name}.ipynb: the tests can't be tried: {error}") from None


def _try_solution(name: str, steps: list[Step], outcomes: list[Outcome]) -> None:
    for step, outcome in zip(steps, outcomes, strict=True):
        if outcome.ended:
            raise UserError(f"{name}.ipynb: {step.name}: {outcome.ended}")
        if outcome.cannot:
            raise UserError(
                f"{name}.ipynb: {outcome.cannot}. A test can pass data, functions and Keras models "
                "to a student's code, and uses names of locked cells: change the test"
            )
        if step.kind == Kind.TEST and outcome.points != step.points:
            told = (outcome.message or "no message").splitlines()[0]
            raise UserError(
                f"{name}.ipynb: {step.name} gives the solution {outcome.points:g} of "
                f"{step.points:g} points ({told}): mend the test or the solution"
            )


def _try_guess(name: str, guess: str, steps: list[Step], outcomes: list[Outcome]) -> None:
    for step, outcome in zip(steps, outcomes, strict=True):
        if step.kind == Kind.TEST and step.points and outcome.points == step.points:
            raise UserError(
                f"{name}.ipynb: {step.name} gives all points to an answer whose functions return "
                f"{guess.replace('__import__', '').strip()}: assert on lengths, types or values"
            )


def _guessed(notebook: NotebookNode, steps: list[Step], guess: str) -> list[Step]:
    """Return the steps with a guess in place of each answer that tests look at."""
    answers = {
        cell.metadata["nbgrader"]["grade_id"]
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    return [
        replace(step, source=_guess(step.source, guess)) if step.name in answers else step
        for step in steps
    ]


def _guess(source: str, guess: str) -> str:
    """Return code that defines the names of an answer as a guess."""
    lines = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            lines.append(f"def {node.name}(*values, **named):\n    return {guess}")
        elif isinstance(node, ast.ClassDef):
            lines.append(
                f"class {node.name}:\n"
                "    def __init__(self, *values, **named):\n        pass\n"
                f"    def __getattr__(self, name):\n        return lambda *v, **n: {guess}"
            )
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [one.id for target in targets for one in ast.walk(target) if _is_name(one)]
            lines += [f"{name} = {guess}" for name in names]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            lines.append(ast.unparse(node))
    return "\n".join(lines)


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
