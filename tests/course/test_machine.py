"""What the machine says of itself."""

import pytest

from course import machine


def test_the_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert machine.cores() == 3
    monkeypatch.delattr(machine.os, "sched_getaffinity")
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 5)
    assert machine.cores() == 5


def test_the_driver_is_asked_before_tensorflow(monkeypatch):
    monkeypatch.setattr(machine, "driver_sees_gpu", lambda: False)
    monkeypatch.setattr(
        machine.subprocess, "run", lambda *a, **k: pytest.fail("imported TensorFlow")
    )
    assert machine.sees_gpu() is False
