"""Test cells judge the code of another process by values alone."""

import socket
import threading
import time

import pytest
from judging import RIGHT, submission, verdict

from autograder import judge
from autograder.codec import Raised, encode
from autograder.judge import CannotJudge, Judge, Verdict
from autograder.peer import LENGTH, PeerError


def test_right_and_wrong_answers():
    test = "def check():\n    assert double(4) == 8, 'double(4) should be 8'\ncheck()"
    assert verdict("def double(x): return 2 * x", test) == RIGHT
    wrong = verdict("def double(x): return x", test)
    assert wrong == Verdict(0, "double(4) should be 8")
    missing = verdict("", test)
    assert missing == Verdict(0, "NameError: name 'double' is not defined")
    failing = verdict("def double(x): raise NotImplementedError('later')", test)
    assert failing == Verdict(0, "NotImplementedError: later")


@pytest.mark.parametrize(
    ("answer", "test"),
    [
        ("value = {'a': [1, (2,)]}", "assert value == {'a': [1, (2,)]}"),
        ("import numpy as np\nx = np.eye(2)", "np.testing.assert_allclose(x, np.eye(2))"),
        ("def f(x): return x.sum()", "assert f(np.arange(4.0)) == 6"),
        ("def f(*, a, b=1): return a - b", "assert f(a=5, b=2) == 3"),
        ("def f(g): return g(2) + g(3)", "assert f(lambda x: x**2) == 13"),
        ("def f(g): return lambda x: g(g(x))", "assert f(lambda x: x + 1)(1) == 3"),
        ("def f(): raise ValueError('no')", "try:\n    f()\nexcept ValueError as e:\n    assert 'no' in str(e)"),
        ("def f(): raise KeyError('k')", "import pytest\nwith pytest.raises(LookupError):\n    f()"),
        ("class A:\n    def __init__(self, n): self.n = n\n    def get(self): return self.n", "a = A(3)\nassert a.get() == a.n == 3"),
        ("class A: pass", "a = A()\na.n = 4\nassert a.n == 4"),
        ("class A:\n    def __getitem__(self, k): return k\n    def __len__(self): return 2\n    def __contains__(self, v): return True", "a = A()\nassert a['x'] == 'x' and len(a) == 2 and 5 in a"),
        ("def f():\n    yield from (1, 2)", "assert list(f()) == [1, 2]"),
        ("def same(x): return x\nclass A: pass\nthing = A()", "assert same(thing) is not None\nsame([thing])"),
        ("DATA = 'changed'", "assert DATA == [1, 2, 3]"),
        ("def f(): return print('noise')", "f()"),
    ],
)  # fmt: skip
def test_what_tests_can_do_with_a_students_names(answer, test):
    assert verdict(answer, test) == RIGHT


LIES = """
class Lie:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
    def __float__(self): return 42.0
    def __array__(self, dtype=None, copy=None):
        import numpy as np
        return np.full(2, 42.0)
    def __lt__(self, other): return True
    def __sub__(self, other): return 0
    def __abs__(self): return 0
    shape = (2,)
    dtype = float
def f(*_): return Lie()
"""


@pytest.mark.parametrize(
    "test",
    [
        "assert f() == 42",
        "assert 42 == f()",
        "assert not f() != 42",
        "assert f()",
        "assert not f()",
        "assert abs(f() - 42) < 1e-6",
        "assert float(f()) == 42",
        "assert f() < 43",
        "np.testing.assert_allclose(f(), [42, 42])",
        "np.testing.assert_equal(f(), 42)",
        "np.testing.assert_array_equal(f(), [42, 42])",
        "assert np.allclose(f(), 42)",
        "assert np.asarray(f(), dtype=float).sum() == 84",
        "assert f() in [42]",
        "assert {42: 1}[f()]",
        "import math\nassert math.isclose(f(), 42)",
        "assert isinstance(f(), float)",
        "assert sorted([f()]) == [42]",
        "assert f().missing == 1",
    ],
)
def test_an_object_that_lies_earns_nothing(test):
    assert verdict(LIES, test).points == 0


def test_an_object_as_the_last_value_is_no_number():
    answer = "class A:\n    def __len__(self): raise ValueError\n    def __getitem__(self, k): return 1\na = A()"
    assert verdict(answer, "a") == RIGHT


@pytest.mark.parametrize(
    "test",
    [
        "for got, wanted in zip(map(f, [1, 2]), [3, 4]):\n    assert got == wanted",
        "assert all(map(f, [1, 2]))",
        "assert [x for x in map(f, [1])] == []",
    ],
)
def test_an_exception_that_ends_loops_passes_no_test(test):
    assert verdict("def f(x): raise StopIteration", test).points == 0


@pytest.mark.parametrize(
    "attack",
    [
        "import numpy.testing as t\nt.assert_allclose = lambda *a, **k: None",
        "import builtins\nbuiltins.AssertionError = KeyError",
        "import builtins\nbuiltins.abs = lambda x: 0",
        "import autograder.judge as j\nj.Verdict = lambda *a, **k: None",
    ],
)
def test_what_is_patched_in_the_other_process_changes_nothing_here(attack):
    answer = f"{attack}\ndef f(): return 41"
    test = "np.testing.assert_allclose(abs(f()), 42)"
    assert verdict(answer, test, process=True).points == 0
    assert verdict(answer.replace("41", "42"), test, process=True) == RIGHT


@pytest.mark.parametrize(
    ("last", "points"),
    [
        ("1.5", 1.5),
        ("7", 2),
        ("-1", 0),
        ("float('nan')", 0),
        ("np.int64(0)", 0),
        ("np.float32(1.5)", 1.5),
        ("np.array(0.5)", 0.5),
        ("np.zeros(3)", 2),
        ("10**400", 2),
        ("True", 2),
        ("'text'", 2),
        ("None", 2),
    ],
)
def test_the_last_value_is_partial_credit(last, points):
    assert verdict("", f"x = 1\n{last}").points == points


def test_random_numbers_begin_at_the_name_of_the_test_in_both_processes():
    answer = "import random, numpy as np\ndef f(): return random.random(), np.random.rand()"
    test = "import random\nassert f() == (random.random(), np.random.rand())"
    assert verdict(answer, test, process=True) == RIGHT
    with submission(answer) as made:
        first = made._evaluate(judge.ast.parse("f()"), "a")
        made.run("0", "other", 1)
        made.run("0", "other", 1)
        assert made._evaluate(judge.ast.parse("f()"), "a") != first


@pytest.mark.parametrize(
    "death", ["import os\n    os._exit(0)", "import os, signal\n    os.kill(os.getpid(), 9)"]
)
def test_a_process_that_ends_earns_nothing_even_if_the_test_catches_all(death):
    answer = f"def f():\n    {death}"
    for test in ("f()", "try:\n    f()\nexcept Exception:\n    pass"):
        found = verdict(answer, test, process=True)
        assert (found.points, found.broken) == (0, True)
        assert "ended the process" in found.message


def test_an_endless_call_ends_in_time():
    began = time.monotonic()
    found = verdict("def f():\n    while True: pass", "f()", process=True, seconds=0.5)
    assert found == Verdict(0, "This took longer than 0.5 s.", broken=True)
    assert time.monotonic() - began < 5


def test_calls_back_count_as_time_of_the_call():
    answer = "def f(g):\n    while True: g()"
    found = verdict(answer, "f(lambda: None)", process=True, seconds=0.5)
    assert found.broken


@pytest.mark.parametrize(
    "reply",
    [
        b"x" * 100,
        LENGTH.pack(2**40),
        LENGTH.pack(3) + b"abc",
        LENGTH.pack(len(encode(("answer",)))) + encode(("answer",)),
        LENGTH.pack(len(encode(["answer", 1]))) + encode(["answer", 1]),
        LENGTH.pack(len(encode(("raised", 1)))) + encode(("raised", 1)),
        LENGTH.pack(len(encode(("ask", "run", ())))) + encode(("ask", "run", ())),
        LENGTH.pack(len(encode(("ask", "call", 1)))) + encode(("ask", "call", 1)),
        b"",
    ],
)
def test_a_forged_reply_earns_nothing(reply):
    ours, theirs = socket.socketpair()
    made = Judge(ours, 5)

    def forge():
        theirs.recv(10_000)
        theirs.sendall(reply)
        theirs.close()

    thread = threading.Thread(target=forge)
    thread.start()
    found = made.run("x = 1", "test", 2)
    thread.join()
    assert (found.points, found.broken) == (0, True)


@pytest.mark.parametrize("number", ["-1", "-2", "0", "3", "'a'", "True"])
def test_only_functions_that_were_passed_can_be_called_back(number):
    answer = f"""
    def f(g):
        try:
            return g._peer.ask("call", {number}, (), {{}})
        except Exception as error:
            return str(error)
    """
    found = verdict(answer, "secret = lambda: 'secret'\nassert f(lambda: 'mine') == 'mine'")
    assert (found.points == 2) == (number == "-1")


def test_exceptions_arrive_as_the_nearest_builtin_type_and_never_as_more():
    assert isinstance(judge._local(Raised(("MyError", "IndexError", "Exception"), "x")), IndexError)
    for names in (("KeyboardInterrupt",), ("SystemExit",), ("UnicodeDecodeError",), ("int",), ()):
        error = judge._local(Raised(names, "x"))
        assert isinstance(error, Exception), names
        assert not isinstance(error, PeerError)
    assert isinstance(judge._local(Raised(("UnicodeDecodeError", "ValueError"), "x")), ValueError)


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("f(object())", "object is no data, and no function"),
        ("try:\n    f(object())\nexcept Exception:\n    pass", "object is no data"),
        ("f(np)", "module is no data"),
        ("def f(:", "line 1"),
    ],
)
def test_a_test_that_cannot_be_judged_is_its_authors_error(test, told):
    with pytest.raises(CannotJudge, match=told):
        verdict("def f(x): pass", test)


def test_the_names_that_a_test_needs():
    source = (
        "import numpy as np\nlimit = 3\n"
        "def check(x):\n    y = [f(i) for i in range(limit)]\n    return g(x).shape\n"
        "class A:\n    z = h\ncheck(1)"
    )
    assert judge.needed(compile(source, "", "exec")) - {"__name__"} == {"f", "range", "g", "h"}


def test_tests_do_not_see_each_others_names():
    with submission("") as made:
        assert made.run("x = 1", "one", 1) == Verdict(1)
        assert made.run("x", "two", 1) == Verdict(0, "NameError: name 'x' is not defined")


def test_an_array_of_objects_never_arrives():
    answer = LIES + "\nimport numpy as np\ndef g(): return np.array([Lie()], dtype=object)"
    assert verdict(answer, "assert np.allclose(g(), 42)").points == 0


HIDDEN_IN_A_FUNCTION = """
def check():
    assert f(1) == 1, f"f(1) is {f(1)}"
    ### BEGIN HIDDEN TESTS
    assert f(3) == 3, f"f(3) is {f(3)}"
    assert f(4) == 4, "wrong for four"
    ### END HIDDEN TESTS
check()
"""


@pytest.mark.parametrize(
    ("answer", "message", "public"),
    [
        ("def f(x): return 2", "f(1) is 2", "f(1) is 2"),
        ("def f(x): return min(x, 2)", "f(3) is 2", judge.HIDDEN),
        ("def f(x): return min(x, 3)", "wrong for four", "wrong for four"),
        ("def f(x):\n    if x == 3: raise ValueError(f'asked {x}')\n    return x",
         "ValueError: asked 3", judge.HIDDEN),
    ],
)  # fmt: skip
def test_a_hidden_test_tells_nothing_but_texts_that_are_fixed(answer, message, public):
    found = verdict(answer, HIDDEN_IN_A_FUNCTION)
    assert (found.points, found.message, found.public) == (0, message, public)


def test_what_a_test_prints_is_kept_up_to_a_cap():
    found = verdict("def f(): print('of the student')", "print('of the test')\nf()", process=True)
    assert found.printed == "of the test\n"
    flood = verdict("x = 1", "print('y' * 10**6)")
    assert len(flood.printed) == judge.MOST_PRINTED


def test_a_check_that_fails_in_a_call_back_counts_even_if_it_is_caught():
    answer = """
    def f(check):
        try:
            check(5)
        except Exception as error:
            return str(error)
    """
    test = """
    def check(x):
        assert x == 4, "hidden: four"
    told = f(check)
    assert "four" not in told, "the text has reached the student's code"
    """
    assert verdict(answer, test) == Verdict(0, "hidden: four")


def test_other_exceptions_of_a_call_back_arrive_as_their_type():
    answer = """
    def f(give):
        try:
            give()
        except KeyError:
            return "no key"
    """
    test = "def give(): raise KeyError('k')\nassert f(give) == 'no key'"
    assert verdict(answer, test) == RIGHT


def test_numpy_makes_no_array_of_an_object_and_asks_it_nothing():
    answer = """
    class Deep:
        def __len__(self): return 1
        def __getitem__(self, key): return Deep()
    def f(): return Deep()
    """
    began = time.monotonic()
    found = verdict(answer, "np.testing.assert_allclose(f(), 1.0)")
    assert "is no array" in found.message
    assert time.monotonic() - began < 3


def test_a_message_is_short_and_holds_no_control_characters():
    answer = "def f(): raise ValueError('\\x1b[31m' + 'x' * 10**6)"
    found = verdict(answer, "f()")
    assert len(found.message) == judge.LONGEST_MESSAGE
    assert "\x1b" not in found.message


def test_lines_for_ipython_alone_are_left_out_of_set_up_cells():
    setup = ["%matplotlib inline\n!ls\nLIMIT = 3", "REST = (7\n  % 4)"]
    assert verdict("", "assert (LIMIT, REST) == (3, 3)", setup=setup) == RIGHT


FAKE = "import types\nf = None\ndef expected(x): return None\nclass np: nan = None"


@pytest.mark.parametrize(
    "statement",
    ["display(1)", "get_ipython().run_line_magic('matplotlib', 'inline')", "y = answer + 1",
     "def use(): return answer", "ys = [answer for _ in range(2)]", "class A:\n    a = answer"],
)  # fmt: skip
def test_one_statement_leaves_no_other_of_a_set_up_cell_to_the_student(statement):
    setup = [f"import numpy as np\n{statement}\ndef expected(x):\n    return 2 * x"]
    answer = f"{FAKE}\nanswer = 1"
    found = verdict(answer, "assert expected(2) == 4 and np.isnan(np.nan)", setup=setup)
    assert found == RIGHT


def test_what_a_set_up_cell_makes_of_the_students_names_comes_from_them():
    setup = ["total = 0", "total = answer + 1"]
    found = verdict("answer = 2\ntotal = 3", "assert total == 3", setup=setup)
    assert found == RIGHT
