"""Small projects of the course, with real notebooks, for tests."""

import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.runs import Paths

ROOT = Path(__file__).parents[1]
CONFIG = """\
title: A small book
author: nobody
only_build_toc_files: true
execute: {execute_notebooks: "off"}
repository: {url: "", branch: main}
launch_buttons: {colab_url: "https://colab.example"}
html: {use_repository_button: true}
"""


TOC = """\
format: jb-book
root: book/welcome
chapters:
- glob: notebooks/*
"""


def notebook(*code, parameters='profile = "quick"'):
    """Return a chapter: a title, the cell tagged parameters, and a cell for each piece of code."""
    cells = [new_markdown_cell("# A chapter", id="title")]
    if parameters is not None:
        cells.append(new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]}))
    cells += [new_code_cell(source, id=f"code-{i}") for i, source in enumerate(code)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


class Project:
    """A project of the course in a temporary folder."""

    def __init__(self, root):
        self.root = root
        self.paths = Paths(root)

    def add(self, name, *code, **options):
        """Write a chapter and return its path."""
        path = self.root / "notebooks" / f"{name}.ipynb"
        nbformat.write(notebook(*code, **options), path)
        return path

    def course(self, *arguments):
        """Run the command `course` in this project, as a user does."""
        command = self.command(*arguments)
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True)

    def command(self, *arguments):
        """Return the command `course` with these arguments."""
        return [str(Path(sys.executable).parent / "course"), *map(str, arguments)]
