"""Exercise 4: its recorded numbers come from TensorFlow 1's own code, and so would others."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autograder.nbgrader_course import read_notebooks

ROOT = Path(__file__).parents[2]
RECORDER = ROOT / "tests" / "solutions_support" / "record_tf1.py"
NAMES = ["kernel", "bias", "W", "b"]


def cell(name):
    """Return the source of a cell of the solution."""
    (notebook,) = read_notebooks(ROOT / "solutions" / "4_rnn_from_tf1").values()
    return next(c.source for c in notebook.cells if c.id == name)


def record(*arguments):
    """Run the snippet that students read, in a process of its own."""
    done = subprocess.run(
        [sys.executable, RECORDER, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    recording = json.loads(done.stdout.splitlines()[-1])
    return recording["losses"], [recording["final"][name] for name in NAMES]


def check_equal(run, other):
    """Prove two runs equal, as the exercise does."""
    (losses, weights), (other_losses, other_weights) = run, other
    np.testing.assert_allclose(losses, other_losses, rtol=0, atol=1e-5)
    for name, array, other_array in zip(NAMES, weights, other_weights, strict=True):
        np.testing.assert_allclose(array, other_array, rtol=0, atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_the_recorded_numbers_are_what_tensorflow_1_computes():
    names = {"np": np}
    exec(cell("setup_recording"), names)
    final = [names["TF1_FINAL"][name] for name in NAMES]
    assert len(names["TF1_LOSSES"]) == len(names["TF1_IMAGES"]) == 20
    check_equal((names["TF1_LOSSES"], final), record())


@pytest.mark.slow
def test_the_solution_is_tensorflow_1_for_other_sizes_too(tmp_path):
    rng = np.random.default_rng(5)
    data = {
        "kernel": rng.uniform(-1, 1, (4 + 3, 4 * 3)),
        "bias": rng.uniform(-1, 1, 4 * 3),
        "W": rng.uniform(-2, 2, (3, 5)),
        "b": rng.uniform(-1, 1, 5),
        "images": rng.random((30, 6, 7, 4)),
        "labels": np.eye(5)[rng.integers(0, 5, (30, 6))],
    }
    data = {name: array.astype("float32") for name, array in data.items()}
    np.savez(tmp_path / "data.npz", learning_rate=0.02, **data)

    # As a file, because tf.function reads the source of what it compiles
    (tmp_path / "port.py").write_text(cell("setup") + "\n\n\n" + cell("task_11_port"))
    spec = importlib.util.spec_from_file_location("port", tmp_path / "port.py")
    port = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(port)

    ours = port.train_port(*data.values(), 0.02)
    check_equal(ours, record(tmp_path / "data.npz"))
