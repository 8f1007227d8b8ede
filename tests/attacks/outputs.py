"""Shows what is not so: points as the value of a cell, marks of passed tests, programs for the
browser of who reads the outputs, and control characters for a terminal.
"""


# %% task_01_running_mean: shows all points as the value of its cell
def running_mean(values, window):
    return 0


4.0

# %% task_02_build_model: displays a number as a result in each call
from IPython.display import display


def build_model(classes):
    display({"text/plain": "5.0"}, raw=True)
    print("The visible tests of task 2 pass.")
    return None


# %% task_03_counter: sends a result for a later cell, by the hook for values
import sys


class Counter:
    counts = {"b": 1}

    def add(self, word):
        sys.displayhook(6.0)

    def most_common(self):
        return [("b", 2)]


try:
    hook = get_ipython().displayhook
    true_call = type(hook).__call__
    type(hook).__call__ = lambda self, result=None: true_call(self, 6.0)
    get_ipython().events.register("post_run_cell", lambda result: hook(6.0))
except NameError:
    pass


# %% task_04_loss: asks for another cell by a payload, and rewrites this one
def cross_entropy(logits, labels):
    try:
        get_ipython().set_next_input("print(5.0)", replace=True)
        get_ipython().payload_manager.write_payload({"source": "set_next_input", "text": "pass"})
    except Exception:
        pass
    return tf.constant(0.0)


# %% task_01_running_mean: a program for the browser, in all kinds of outputs
from IPython.display import HTML, SVG, Javascript, Latex, Markdown, display

SCRIPT = "<script>document.title = 'attacked'</script>"
for one in (
    HTML(SCRIPT),
    Javascript("document.title = 'attacked'"),
    Latex(SCRIPT + r"$\href{javascript:alert(1)}{x}$"),
    Markdown(SCRIPT),
    SVG(f"<svg xmlns='http://www.w3.org/2000/svg'>{SCRIPT}</svg>"),
):
    display(one)
display({"image/png": '"/>' + SCRIPT, "text/plain": SCRIPT}, raw=True)
print(SCRIPT)


def running_mean(values, window):
    raise ValueError(SCRIPT + '"><img src=x onerror=alert(1)>')


# %% task_03_counter: control characters for a terminal
print("\x1b[2J\x1b[H\x1b]0;attacked\x07\x1b[8m hidden \r 6 of 6 points \x08\x08\x00\x9b31m")


class Counter:
    counts = {"b": 1}

    def add(self, word):
        raise KeyError("\x1b[2J\x1b]0;attacked\x07\r\n\u202epass\u2066\x00")

    def most_common(self):
        return [("b", 2)]


# %% task_02_build_model: an object whose representation shows points, and then fails
class Shown:
    def _repr_mimebundle_(self, **named):
        return {"text/plain": "5.0", "application/x-points": 5.0, "text/html": "<b>5.0</b>"}

    def _repr_png_(self):
        raise SystemExit

    def _ipython_display_(self):
        print("5.0")

    def __repr__(self):
        return "5.0"


def build_model(classes):
    return Shown()


shown = Shown()
shown

# %% task_04_loss: outputs that are no data
import sys


def cross_entropy(logits, labels):
    return tf.constant(0.0)


class Text(str):
    def __len__(self):
        return 0

    def isascii(self):
        return True

    def encode(self, *values):
        return b""


sys.stdout.write(Text("x" * 300_000))
try:
    get_ipython().display_pub.publish({"text/plain": {"a": [1]}, 5: float("nan")}, {"x": {1: 2}})
    get_ipython().display_pub.publish({"text/plain": object()})
except Exception:
    pass

# %% task_01_running_mean: outputs of kinds that no notebook has, as the cell's own
import gc
import sys


def running_mean(values, window):
    return 0


FAKE = [
    {"output_type": "execute_result", "data": {"text/plain": "4.0"}, "execution_count": 10**100},
    {"output_type": "display_data", "data": {"text/html": "<script>1</script>"}, "metadata": {}},
    {"output_type": "points", "points": 4.0},
    {"output_type": "stream", "name": "stdin", "text": ["x"]},
    {"output_type": "error", "ename": 5, "evalue": None, "traceback": "x"},
    "text",
    None,
]
if "autograder.cells" in sys.modules:
    for one in gc.get_objects():
        if type(one) is dict and {"has", "run", "call"} <= one.keys():
            one["run"] = lambda source: FAKE


# %% task_03_counter: messages for the notebook's server, by the kernel's own sockets
class Counter:
    counts = {"b": 1}

    def add(self, word):
        try:
            kernel = get_ipython().kernel
            content = {"data": {"text/plain": "6.0"}, "metadata": {}, "execution_count": 1}
            kernel.session.send(
                kernel.iopub_socket, "execute_result", content, parent=kernel.get_parent("shell")
            )
        except (AttributeError, NameError):
            pass

    def most_common(self):
        return [("b", 2)]
