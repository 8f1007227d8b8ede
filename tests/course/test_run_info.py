import json

import numpy as np
import pytest

from course import data, run_info


@pytest.fixture
def kept(monkeypatch):
    """What was glued, by name."""
    values = {}
    monkeypatch.setattr(run_info, "glue", lambda name, value, display: values.update({name: value}))
    return values


def test_numbers_of_numpy_become_plain_numbers(kept):
    run_info.keep(accuracy=np.float32(0.5), count=np.int64(3), good=np.bool_(True), name="a")
    assert kept == {"accuracy": 0.5, "count": 3, "good": True, "name": "a"}
    assert [type(value) for value in kept.values()] == [float, int, bool, str]


def test_the_record_tells_the_run_without_local_paths(kept, monkeypatch):
    source = data.Source("mnist", "keras", True, "/home/someone/mnist.npz", "0" * 64)
    monkeypatch.setattr(data, "_used", [source])
    page = run_info.show("quick")
    info = json.loads(kept["run_info"])
    assert info["profile"] == "quick"
    assert info["seconds"] >= 0
    assert info["peak_memory_mib"] > 10
    assert info["data"][0]["real"] is True
    assert "someone" not in kept["run_info"] + page.data
    for words in ("MNIST, the official file", "tensorflow", "MiB", info["device"]):
        assert words in page.data
