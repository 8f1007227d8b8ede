"""A notebook as Colab saves it, imitated: Colab itself can't be had in a test."""

import json

import nbformat


def save(notebook):
    """Return the text of a notebook as Colab writes it.

    Colab writes format 4.0, which has no ids of cells: it keeps names of its own in the cells'
    metadata, beside what it finds there, and notes who ran a cell and when.
    """
    cells = []
    for place, cell in enumerate(notebook.cells):
        own = {"id": f"Wn{place:010d}"}
        if cell.cell_type == "code":
            own["executionInfo"] = {"status": "ok", "elapsed": 12, "user": {"displayName": ""}}
            own["colab"] = {"base_uri": "https://localhost:8080/"}
        facts = {"cell_type": cell.cell_type, "source": cell.source.splitlines(keepends=True)}
        facts["metadata"] = dict(cell.metadata) | own
        if cell.cell_type == "code":
            text = nbformat.v4.new_output("stream", name="stdout", text="seen\n")
            facts |= {"execution_count": place, "outputs": [dict(text)]}
        cells.append(facts)
    metadata = {"colab": {"name": "exercise.ipynb", "provenance": []}}
    kernel = {"name": "python3", "display_name": "Python 3"}
    metadata |= {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 0, "metadata": metadata, "cells": cells})
