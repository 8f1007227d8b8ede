"""The form that answers have in common which differ in looks only."""

import pytest

from autograder.normal_form import normal_form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(a, b=1):\n    return a + b", "def f(x, y=1):\n    'Add.'\n    return x + y  # sum"),
        ("def f(a: int) -> int:\n    return a", "def f(b):\n    return b"),
        ("def f(a):\n    return [i for i in a]", "def f(n):\n    return [n for n in n]"),
        (
            "def f(a):\n    def g(b): return a\n    return g",
            "def f(x):\n    def h(y): return x\n    return h",
        ),
        ("f = lambda a: a", "f = lambda b: b"),
        (
            "def f():\n    try: pass\n    except E as a: print(a)",
            "def f():\n    try: pass\n    except E as b: print(b)",
        ),
        ("def h(a): return a\ndef f(b): return h(b)", "def g(q): return q\ndef f(b): return g(b)"),
        ("import os\ndef f(): pass", "def f():\n    '''Nothing.'''"),
        ("def f(*a, k=1, **b): return a, k, b", "def f(*x, y=1, **z): return x, y, z"),
        (
            "def f(a):\n    for i in a:\n        'text'\n        a += i",
            "def f(b):\n    for j in b:\n        b += j",
        ),
        ("%matplotlib inline\ndef f(): pass", "!pip install x\ndef f(): pass"),
    ],
)
def test_answers_that_are_the_same_but_for_looks(one, other):
    keep = frozenset({"f"})
    assert normal_form(one, keep) == normal_form(other, keep) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(a, b):\n    return a - b", "def f(a, b):\n    return b - a"),
        ("def f(a):\n    return np.max(a)", "def f(a):\n    return np.min(a)"),
        ("def f(a): pass", "def g(a): pass"),
        ("def f(a):\n    return x", "def f(a):\n    return y"),
        ("class f:\n    def one(self): pass", "class f:\n    def two(self): pass"),
        ("def f(a):\n    return [a for b in a]", "def f(a):\n    return [b for b in a]"),
    ],
)
def test_answers_that_differ(one, other):
    keep = frozenset({"f", "g"})
    assert normal_form(one, keep) != normal_form(other, keep)


@pytest.mark.parametrize(
    "code",
    [
        "def f(",
        "\0",
        "x = " + "(" * 500 + ")" * 500,
        "-" * 100_000 + "1",
        "1" + "+1" * 100_000,
        "a" + ".b" * 100_000,
    ],
)
def test_code_that_python_refuses_has_no_form(code):
    assert normal_form(code) is None
