"""Cells run as in a kernel, and their outputs are those of a notebook."""

import os

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder.cells import CUT, Caps, Cells


@pytest.fixture
def cells(monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", "")
    made = Cells(Caps(cell=2000, notebook=5000))
    yield made
    made._shell.clear_instance()


def check(outputs):
    """Return outputs, which a notebook can hold."""
    book = new_notebook(cells=[new_code_cell("x", outputs=nbformat.from_dict(outputs))])
    nbformat.validate(book)
    return outputs


def test_cells_share_their_names(cells):
    assert check(cells.run("x = 6\ndef f(): return x")) == []
    [result] = check(cells.run("f() * 7"))
    assert result["output_type"] == "execute_result"
    assert result["data"] == {"text/plain": "42"}
    assert cells.namespace["f"]() == 6


def test_streams_and_displays_keep_their_order(cells):
    outputs = check(
        cells.run(
            "import sys\nfrom IPython.display import HTML, display\n"
            "print('a')\nprint('b')\nsys.stderr.write('c')\ndisplay(HTML('<b>'))\nprint('d')\n1"
        )
    )
    kinds = [(one["output_type"], one.get("name"), one.get("text")) for one in outputs]
    assert kinds == [
        ("stream", "stdout", "a\nb\n"),
        ("stream", "stderr", "c"),
        ("display_data", None, None),
        ("stream", "stdout", "d\n"),
        ("execute_result", None, None),
    ]
    assert outputs[2]["data"]["text/html"] == "<b>"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
        ("raise NotImplementedError()", "NotImplementedError"),
        ("input('?')", "EOFError"),
        ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E()", "ValueError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_errors_are_outputs_and_the_next_cell_runs(cells, source, name):
    error = check(cells.run(source))[-1]
    assert error["output_type"] == "error"
    assert error["ename"] == name
    assert check(cells.run("2"))[0]["data"] == {"text/plain": "2"}


def test_exit_ends_no_process(cells):
    for source in ("exit()", "import sys\nsys.exit(3)", "raise SystemExit"):
        check(cells.run(source))
    assert check(cells.run("3"))[0]["data"] == {"text/plain": "3"}


def test_magics_and_await_work(cells):
    assert check(cells.run("%precision 2\n1.23456"))[-1]["data"] == {"text/plain": "1.23"}
    assert check(cells.run("import asyncio\nawait asyncio.sleep(0)\n5"))[0]["data"] == {
        "text/plain": "5"
    }
    [missing] = check(cells.run("%nothing_like_it"))
    assert "nothing_like_it" in missing["text"]


def test_a_flood_is_cut_off(cells):
    for source in ("print('x' * 10**6)", "for _ in range(10**5): print('line')"):
        [outputs] = check(cells.run(source))
        assert len(outputs["text"]) <= 2000 + len(CUT)
        assert outputs["text"].endswith(CUT)
    # 4,000 of the notebook's 5,000 bytes are gone
    assert len(check(cells.run("print('y' * 10**6)"))[0]["text"]) <= 1000 + len(CUT)
    assert check(cells.run("print('z')"))[0]["text"] == CUT
    assert check(cells.run("1 / 0"))[-1]["ename"] == "ZeroDivisionError"


def test_large_and_strange_displays_are_left_out(cells):
    run = "from IPython.display import display\n"
    large = check(cells.run(run + "display({'text/plain': 'x' * 10**5}, raw=True)"))
    assert all(one["output_type"] == "stream" for one in large)
    strange = check(cells.run(run + "display({'text/plain': object()}, raw=True)"))
    assert "no data" in strange[0]["text"]


def test_cleared_outputs_are_gone(cells):
    source = "from IPython.display import clear_output\nprint('a')\nclear_output()\nprint('b')"
    [only] = check(cells.run(source))
    assert only["text"] == "b\n"


def test_nothing_is_kept_of_what_was_typed(cells):
    cells.run("secret = 1")
    folder = os.environ["IPYTHONDIR"]
    names = [name for _, _, files in os.walk(folder) for name in files]
    assert not any("history" in name for name in names)


def test_plots_are_pictures():
    made = Cells()
    assert check(made.run("%matplotlib inline\nimport matplotlib.pyplot as plt")) == []
    shown = check(made.run("plt.plot([1, 2]);"))
    made._shell.clear_instance()
    assert [one["output_type"] for one in shown] == ["display_data"]
    assert "image/png" in shown[0]["data"]


def test_pictures_have_more_room_than_text_and_what_is_left_out_is_told():
    shown = Cells(Caps(text=1000, cell=50_000, notebook=500_000))
    picture = "from IPython.display import display\ndisplay({'image/png': 'x' * %d}, raw=True)"
    assert list(check(shown.run(picture % 40_000))[0]["data"]) == ["image/png"]
    assert check(shown.run(f"{picture % 60_000}\nprint('after')"))[0]["text"] == CUT
    with_text = check(shown.run(f"print('y' * 2000)\n{picture % 10_000}"))
    assert with_text[0]["text"].endswith(CUT)
    assert list(with_text[1]["data"]) == ["image/png"]


def test_a_cell_may_leave_a_closed_stdout(tmp_path):
    shown = Cells()
    source = (
        f"import sys\nwith open({str(tmp_path / 'x')!r}, 'w') as sys.stdout:\n    print(1)\nx = 2"
    )
    assert shown.run(source) == []
    assert check(shown.run("x"))[0]["data"]["text/plain"] == "2"
