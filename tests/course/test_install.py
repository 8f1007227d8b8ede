"""A chapter where the course is not installed, and the package that it is installed from."""

import ast
import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml
from projects import ROOT

from course import install, notebooks

CHAPTERS = notebooks.find_chapters(ROOT / "notebooks")
EXERCISES = sorted(ROOT.glob("notebooks/exercises/*/*.ipynb"))
COLAB_HAS = {"keras", "matplotlib", "numpy", "sklearn", "tensorflow"}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_first_cell_of_a_chapter_is_the_one_of_the_configuration(chapter):
    repository = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]
    first = notebooks.code_cells(notebooks.read(chapter))[0]
    assert set(notebooks.tags(first)) == {notebooks.INSTALL, "remove-cell"}
    wanted = install.cell(repository["url"], repository["branch"])
    assert first.source == wanted, "run: .venv/bin/python -m course.install"


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda path: path.stem)
def test_an_exercise_needs_nothing_that_colab_lacks(exercise):
    code = "\n".join(cell.source for cell in notebooks.code_cells(notebooks.read(exercise)))
    nodes = list(ast.walk(ast.parse(code)))
    names = {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    packages = {name.partition(".")[0] for name in names}
    assert packages - set(sys.stdlib_module_names) - COLAB_HAS == set()


def test_the_cell_names_the_repository():
    source = install.cell("https://example.org/course", "main")
    assert 'SOURCE = "cnn-rnn-course @ git+https://example.org/course@main"' in source
    compile(source, "cell", "exec")


def test_the_cells_follow_the_configuration(project):
    chapter = project.add("1_first", "print(1)")
    config = project.root / "_config.yml"
    assert install.write_cells(project.root) == [chapter]
    config.write_text(config.read_text().replace('url: ""', 'url: "https://example.org/c"'))
    assert install.write_cells(project.root) == [chapter]
    assert install.write_cells(project.root) == []
    sources = [cell.source for cell in notebooks.code_cells(notebooks.read(chapter))]
    assert sources == [
        install.cell("https://example.org/c", "main"),
        'profile = "quick"',
        "print(1)",
    ]


def test_nothing_is_missing_here():
    assert install.missing() == []


def test_only_what_the_chapters_need_is_missing(monkeypatch):
    needs = ["altair<7,>=5.5", "numpy", 'nbgrader>=0.9; extra == "teach"']
    monkeypatch.setattr(install.metadata, "requires", lambda name: needs)
    monkeypatch.setattr(install, "_version", lambda name: "1.0" if name == "numpy" else None)
    assert install.missing() == ["altair<7,>=5.5"]


def test_what_is_there_stays(monkeypatch):
    calls = []

    def run(command, **_):
        calls.append((command, Path(command[command.index("--constraint") + 1]).read_text()))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(install, "missing", lambda: ["altair"])
    monkeypatch.setattr(install.subprocess, "run", run)
    install.install_missing()
    [(command, there)] = calls
    assert command[-1] == "altair"
    assert f"nbformat=={nbformat.__version__}" in there.splitlines()


def test_if_nothing_fits_the_packages_are_named(monkeypatch):
    monkeypatch.setattr(install, "missing", lambda: ["altair", "psutil"])
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(install.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SystemExit, match="could not install altair, psutil beside what is there"):
        install.install_missing()


@pytest.mark.parametrize(
    ("command", "missing", "extra"),
    [
        (["course", "--help"], "typer", "book"),
        (["autograder", "--help"], "typer", "teach"),
        (["autograder", "release"], "nbgrader", "teach"),  # imported only when it is needed
    ],
)
def test_a_command_without_its_packages_says_what_to_install(command, missing, extra, tmp_path):
    (tmp_path / f"{missing}.py").write_text(f"raise ModuleNotFoundError('no', name='{missing}')")
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"the package {missing} is missing" in done.stderr
    assert f"pip install 'cnn-rnn-course[{extra}]'" in done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The course as one file, as `make wheel` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a build leaves a folder behind
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in ("course", "autograder"):
        shutil.copytree(ROOT / name, source / name, ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT"):
        shutil.copy(ROOT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(source)], check=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_package_has_all_that_the_checkout_has(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    here = [path for name in ("course", "autograder") for path in (ROOT / name).rglob("*")]
    wanted = {
        str(path.relative_to(ROOT))
        for path in here
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - packed == set()


@pytest.mark.slow
def test_a_chapter_runs_in_an_environment_without_the_course(wheel, tmp_path):
    """As in a blank runtime: the packages of today are there, the course is not."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    # A path file in a path file does not count, and by such a one the course is installed here
    [site] = (tmp_path / "env").glob("lib/python*/site-packages")
    (site / "packages.pth").write_text(sysconfig.get_path("purelib"))
    work = tmp_path / "work"
    work.mkdir()
    (work / wheel.name).write_bytes(wheel.read_bytes())
    notebook = notebooks.read(CHAPTERS[0])
    nbformat.write(notebook, work / "chapter.ipynb")
    done = subprocess.run(
        [
            *(tmp_path / "env/bin/python", "-m", "papermill", "-k", "python3"),
            *("-p", "profile", "smoke", "chapter.ipynb", "done.ipynb"),
        ],
        cwd=work,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "COURSE_DOWNLOAD": "never"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert notebooks.glued(notebooks.read(work / "done.ipynb"))["run_info"]
    assert (site / "course/install.py").exists()
    record = json.loads((next(site.glob("cnn_rnn_course-*")) / "direct_url.json").read_text())
    assert record["url"].endswith(wheel.name)


def test_binder_installs_the_course_for_a_python_that_it_supports():
    """As repo2docker reads the files: a folder of its own would hide requirements.txt and the package."""
    import tomllib

    from packaging.specifiers import SpecifierSet

    assert [
        name for name in ("binder", ".binder", "environment.yml") if (ROOT / name).exists()
    ] == []
    version = (ROOT / "runtime.txt").read_text().strip().removeprefix("python-")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert version in SpecifierSet(project["requires-python"])


def test_the_dev_container_runs_commands_that_there_are():
    text = (ROOT / ".devcontainer/devcontainer.json").read_text()
    lines = [line for line in text.splitlines() if not line.strip().startswith("//")]
    program, *targets = json.loads("\n".join(lines))["postCreateCommand"].split()
    makefile = (ROOT / "Makefile").read_text()
    assert program == "make"
    assert [name for name in targets if f"\n{name}:" not in makefile] == []
