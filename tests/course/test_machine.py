"""What the machine says of itself."""

import pytest

from course import machine, run_info


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


def test_a_pretended_gpu_is_seen_and_never_passed_off_as_one(monkeypatch):
    monkeypatch.setenv(machine.PRETEND, "H100")
    assert machine.sees_gpu()
    assert machine.driver_sees_gpu()
    found = machine.describe()
    assert found["nvidia_smi"] == found["tensorflow"] == ["H100 (pretended)"]
    assert run_info.device().startswith("pretended GPU, in truth CPU")


@pytest.mark.parametrize(
    ("code", "output", "gpus"),
    [(0, "NVIDIA H100, 81559 MiB, 550.54\n", ["NVIDIA H100, 81559 MiB, 550.54"]), (9, "no", [])],
)
def test_nvidia_smi_is_asked(tmp_path, monkeypatch, code, output, gpus):
    """A stand-in for the program, which needs a driver."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf %s '{output}'\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert machine.describe()["nvidia_smi"] == gpus
