import json
import math

import numpy as np
import pytest

from course import data, run_info


@pytest.fixture
def kept(monkeypatch):
    """What was glued, by name."""
    values = {}
    monkeypatch.setattr(run_info, "_glue", lambda name, value: values.update({name: value}))
    return values


def test_numbers_of_numpy_become_plain_numbers(kept):
    run_info.keep(accuracy=np.float32(0.5), count=np.int64(3), good=np.bool_(True), name="a")
    assert kept == {"accuracy": 0.5, "count": 3, "good": True, "name": "a"}
    assert [type(value) for value in kept.values()] == [float, int, bool, str]


def test_lists_of_numpy_numbers_become_plain_too(kept):
    run_info.keep(counts=[np.int64(3), (np.float32(0.5), None)], rows=np.eye(2, dtype=int))
    assert kept == {"counts": [3, [0.5, None]], "rows": [[1, 0], [0, 1]]}


@pytest.mark.parametrize("value", [object(), {1: object()}, [math.nan], len])
def test_what_could_not_be_read_back_is_refused(kept, value):
    with pytest.raises(TypeError, match=r"colour is a \w+: keep a number or text"):
        run_info.keep(colour=value)


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
