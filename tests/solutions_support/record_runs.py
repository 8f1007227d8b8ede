"""Record the runs of task 8 of exercise 5, and print them as the notebook holds them.

    python tests/solutions_support/record_runs.py [visible|hidden] [NUMBER]

The scripts and the mended functions are read from the solution notebook, so that what students
train is what was recorded. With a number, only that run is recorded, counted from 0.

It lies outside of solutions/, because nbgrader hands out what lies there.
"""

import os
import sys
from functools import partial
from pathlib import Path

import nbformat
import numpy as np

NOTEBOOK = "solutions/5_cifar10_collapse/5_cifar10_collapse.ipynb"
ROOT = Path(__file__).parents[2]
CELLS = ["setup", "setup_scripts", "task_09_rates", "task_10_statistics", "task_11_standardise"]
STEPS = 20  # the batches of an epoch


def read_cells():
    """Return the sources of the notebook's cells by their ids."""
    return {cell.id: cell.source for cell in nbformat.read(ROOT / NOTEBOOK, as_version=4).cells}


def as_text(cause, run):
    """Return a run as the notebook holds it."""
    lines = [name.ljust(15) + "".join(f"{x:.3g}".rjust(9) for x in run[name]) for name in run]
    return "\n".join([cause, *lines])


def runs(names):
    """Return the runs: pairs of a cause and a function that trains."""
    train, digits = names["train"], names["digits"]
    update, normalise = names["update_statistics"], names["normalise"]

    def run(seed, rate, epochs, widths=(40, 40), largest=1, statistics=None, prepare=None):
        """Train at a rate, or at one rate for each epoch."""
        data = list(digits(seed, largest))
        if prepare:
            data = prepare(*data)
        rates = np.repeat(np.broadcast_to(rate, epochs), STEPS)
        return train(*data, rates, seed, statistics, widths)

    def shuffled(seed):
        """Make a function that shuffles the training labels."""
        return lambda a, b, c, d: (a, np.random.default_rng(seed).permutation(b), c, d)

    def never(mean, variance, values, momentum):
        """Leave the moving statistics as they were."""
        return mean, variance

    def rootless(values, mean, variance, gamma, beta, epsilon):
        """Forget the root."""
        return gamma * (values - mean) / (variance + epsilon) + beta

    def divided(a, b, c, d):
        """Divide the validation pictures once more."""
        return a, b, c / 255, d

    def negative(a, b, c, d):
        """Turn white into black in the validation pictures."""
        return a, b, 1 - c, d

    broken = [names["broken_" + n] for n in ("update_statistics", "normalise", "standardise")]
    r, p = run, partial
    visible = [
        ("healthy", p(names["run_a"], names["learning_rates"], 21)),
        ("rate too large", p(r, 22, 0.3, 6)),
        ("rate too small", p(r, 23, 1e-6, 6)),
        ("modes disagree", p(r, 24, 0.003, 6, largest=255, statistics=(never, normalise))),
        ("validation data", p(r, 25, 0.003, 6, prepare=divided)),
        ("labels", p(r, 26, 0.003, 6, prepare=shuffled(26))),
        ("A", p(names["run_a"], names["broken_learning_rates"], 2)),
        ("B", p(names["run_b"], *broken[:2], 0)),
        ("C", p(names["run_c"], broken[2], 0)),
    ]
    bn = {"largest": 255}
    hidden = [
        ("healthy", p(r, 41, 0.002, 8, (64, 32))),
        ("healthy", p(r, 42, 0.006, 4, **bn, statistics=(update, normalise))),
        ("healthy", p(r, 43, 0.004, 5, (48, 48, 48))),
        ("rate too large", p(r, 44, 0.6, 4, (40, 40, 40))),
        ("rate too large", p(r, 45, [0.003] * 4 + [0.5] * 4, 8, (40, 40, 40))),
        ("rate too large", p(names["run_a"], names["broken_learning_rates"], 1)),
        ("rate too small", p(r, 46, 1e-7, 4, (64, 32))),
        ("rate too small", p(r, 47, 5e-7, 8)),
        ("rate too small", p(r, 60, 1e-6, 4)),
        ("modes disagree", p(r, 48, 0.005, 4, (64, 32), **bn, statistics=(never, normalise))),
        ("modes disagree", p(r, 49, 0.003, 8, **bn, statistics=(update, rootless))),
        ("validation data", p(r, 50, 0.004, 7, prepare=negative)),
        ("validation data", p(r, 51, 0.003, 8, (64, 32), prepare=divided)),
        ("labels", p(r, 52, 0.002, 4, (64, 32), prepare=shuffled(52))),
        ("labels", p(r, 53, 0.003, 5, (48, 48, 48), prepare=shuffled(53))),
    ]
    return {"visible": visible, "hidden": hidden}


def load():
    """Run the cells of the notebook that the runs need; return the names."""
    names, cells = {}, read_cells()
    for cell in CELLS:
        exec(cells[cell], names)
    return names


def main():
    """Record."""
    kinds = sys.argv[1:2] or ["visible", "hidden"]
    for kind in kinds:
        chosen = runs(load())[kind]
        for cause, train in [chosen[int(sys.argv[2])]] if len(sys.argv) > 2 else chosen:
            print(as_text(cause, train()), flush=True)


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    main()
