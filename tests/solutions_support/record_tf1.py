"""Run the TensorFlow 1 snippet that exercise 4 shows, and print what came as JSON.

    python tests/solutions_support/record_tf1.py [DATA.npz]

The snippet and its data are read from the solution notebook, so that what students read is what
ran. With a file, its arrays take the place of the notebook's: kernel, bias, W, b, images, labels
and learning_rate.

It lies outside of solutions/, because nbgrader hands out what lies there.
"""

import json
import os
import re
import sys
from pathlib import Path

import nbformat
import numpy as np

NOTEBOOK = Path(__file__).parents[2] / "solutions" / "4_rnn_from_tf1" / "4_rnn_from_tf1.ipynb"


def read_snippet():
    """Return the TensorFlow 1 program that the text of the last task shows."""
    cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    (snippet,) = re.findall(r"```python\n(.*?)```", cells["text_11_port"], re.DOTALL)
    return snippet


def read_data():
    """Return the names that the locked cell with the recording defines."""
    cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    names = {"np": np}
    exec(cells["setup_recording"], names)
    return names


def main():
    """Record."""
    names = read_data()
    if len(sys.argv) > 1:
        with np.load(sys.argv[1]) as data:
            names["TF1_START"] = {name: data[name] for name in ("kernel", "bias", "W", "b")}
            names["TF1_IMAGES"], names["TF1_LABELS"] = data["images"], data["labels"]
            names["TF1_LEARNING_RATE"] = float(data["learning_rate"])
    exec(read_snippet(), names)
    losses = [float(loss) for loss in names["losses"]]
    weights = {name: value.tolist() for name, value in names["final"].items()}
    print(json.dumps({"losses": losses, "final": weights}))


if __name__ == "__main__":
    # Before TensorFlow starts: the old cells and sessions live in tf-keras.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    main()
