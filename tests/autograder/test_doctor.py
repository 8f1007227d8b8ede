"""The doctor tries the walls of the sandbox, and says so if one does not stand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from autograding import needs_sandbox
from projects import ROOT

from autograder import doctor, sandbox
from autograder.doctor import Trial
from autograder.steps import Outcome


@needs_sandbox
def test_every_wall_stands_here():
    found = list(doctor.examine())
    assert len(found) == 2 + len(doctor.TRIALS)
    assert [one for one in found if not one.works] == []
    assert not list(Path(doctor.__file__).parent.parent.glob(".doctor-*"))


@pytest.mark.parametrize(
    ("outcome", "works"),
    [
        (Outcome(outputs=[{"output_type": "error", "ename": "PermissionError"}]), True),
        (Outcome(outputs=[{"output_type": "error", "ename": "NameError"}]), False),
        (Outcome(outputs=[{"output_type": "stream", "name": "stdout", "text": "in"}]), False),
        (Outcome(), False),
        (Outcome(ended="It used more memory than a notebook may."), False),
    ],
)
def test_a_wall_that_does_not_stand_is_seen(outcome, works):
    trial = Trial("a wall", "open('/x')", ("PermissionError",))
    assert doctor._judge(trial, outcome)[0] == works


def test_without_a_sandbox_the_command_says_why_and_ends_with_1(tmp_path):
    program = Path(sys.executable).parent / "autograder"
    done = subprocess.run(
        [program, "doctor", "--json"],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    told = json.loads(done.stdout)
    assert (done.returncode, told["works"]) == (1, False)
    assert "bubblewrap is not installed" in told["findings"][0]["told"]
    assert told["limits"]["memory_mib"] == sandbox.Limits().memory_mib
