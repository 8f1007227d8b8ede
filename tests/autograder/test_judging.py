"""What of a student's outputs the judge's process passes on."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from autograder.judging import cleaned

HONEST = [
    {"output_type": "stream", "name": "stdout", "text": "one"},
    {"output_type": "error", "ename": "E", "evalue": "why", "traceback": ["a", "b"]},
    {"output_type": "display_data", "data": {"image/png": "aGk="}, "metadata": {}},
    {
        "output_type": "execute_result",
        "data": {"text/plain": "3"},
        "metadata": {},
        "execution_count": 4,
    },
]


def test_honest_outputs_stay_as_they_are():
    assert cleaned(HONEST) == HONEST


def test_what_could_be_a_program_for_a_browser_is_left_out():
    kinds = ("text/html", "application/javascript", "image/svg+xml", "text/markdown")
    data = dict.fromkeys(kinds, "<script>") | {"text/plain": "x"}
    [one] = cleaned([{"output_type": "display_data", "data": data, "metadata": {"x": "<script>"}}])
    assert one == {"output_type": "display_data", "data": {"text/plain": "x"}, "metadata": {}}


def test_whatever_was_sent_is_a_notebook_in_the_end():
    sent = [
        None,
        7,
        {},
        {"output_type": "magic"},
        {"output_type": "stream", "name": "points", "text": "7"},
        {"output_type": "stream", "name": "stdout", "text": 7},
        {"output_type": "error", "ename": None, "evalue": [], "traceback": {}},
        {"output_type": "execute_result", "data": {"text/plain": 3}, "execution_count": "x"},
        {"output_type": "display_data", "data": "text"},
    ]
    cell = new_code_cell("x", outputs=[nbformat.from_dict(one) for one in cleaned(sent)])
    nbformat.validate(new_notebook(cells=[cell]))
