"""Building the book from what papermill ran.

Jupyter Book gets a folder of its own: the pages of `book/` with the run's tables put in, and the
chapters with the outputs of their runs. So a page never shows a number that its run did not make.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import yaml

from course import ledger, notebooks
from course.runs import Paths, Record, write_atomically


def stage(root: Path, profile: str) -> Path:
    """Put together the sources of the book in `work/book`; return that folder.

    Files that did not change are not written again, so that Sphinx rebuilds only the pages that
    did.

    Raises:
        NotebookError: a notebook can't be read.
        LedgerError: a ledger can't be read.
    """
    target, paths = root / "work" / "book", Paths(root)
    files = {Path("_toc.yml"): (root / "_toc.yml").read_text(encoding="utf-8")}
    files[Path("_config.yml")] = _config(root)
    tables = _tables(root, profile)
    for page in sorted(root.glob("book/**/*.md")):
        files[page.relative_to(root)] = fill(page.read_text(encoding="utf-8"), tables)
    for other in sorted(p for p in root.glob("book/**/*") if p.suffix in (".css", ".bib", ".svg")):
        files[other.relative_to(root)] = other.read_text(encoding="utf-8")
    for chapter in notebooks.find_chapters(paths.notebooks):
        files[chapter.relative_to(root)] = nbformat.writes(_page(chapter, profile, paths))
    for exercise in sorted(root.glob("notebooks/exercises/*/*.ipynb")):
        files[exercise.relative_to(root)] = exercise.read_text(encoding="utf-8")
    for path, text in files.items():
        if not (target / path).exists() or (target / path).read_text(encoding="utf-8") != text:
            write_atomically(target / path, text)
    for old in [path for path in target.rglob("*") if path.is_file()]:
        if old.relative_to(target) not in files:
            old.unlink()
    return target


def _page(chapter: Path, profile: str, paths: Paths) -> nbformat.NotebookNode:
    """Return a chapter with the outputs of its run; as it was left, if the run failed."""
    source = notebooks.read(chapter)
    record = Record.load(paths.record(chapter, profile))
    executed = paths.executed(chapter, profile)
    if not executed.exists():
        return source
    if record is not None and record.status != "passed":
        return notebooks.read(executed)
    return notebooks.with_outputs(source, notebooks.read(executed))


def _config(root: Path) -> str:
    """Return the configuration; without launch buttons where no repository is named."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    if not config.get("repository", {}).get("url"):
        config.pop("repository", None)
        config.pop("launch_buttons", None)
        for button in ("use_repository_button", "use_issues_button", "use_edit_page_button"):
            config.get("html", {}).pop(button, None)
    return yaml.safe_dump(config, allow_unicode=True, sort_keys=False)


def records(root: Path, profile: str) -> list[Record]:
    """Return the records that the pages show: the runs of this build, then the committed ones."""
    paths = Paths(root)
    now = [
        Record.load(paths.record(chapter, profile))
        for chapter in notebooks.find_chapters(paths.notebooks)
    ]
    return [record for record in now if record] + ledger.committed_records(root / "book/results")


def _tables(root: Path, profile: str) -> dict[str, str]:
    runs = records(root, profile)
    ledgers = ledger.load_all(root / "book/ledger")
    return {
        "ledger": ledger.ledger_page(ledgers, runs),
        "errata": ledger.errata_page(ledgers, runs),
        "results": ledger.results_page(runs),
        "data": data_note(runs[: len(notebooks.find_chapters(root / "notebooks"))]),
    }


def data_note(runs: list[Record]) -> str:
    """Return, in one plain sentence or a warning, what data the numbers of the book come from."""
    sources = {source["description"]: source for run in runs for source in run.data}
    if not sources:
        return "The chapters have not run on any data yet."
    told = "; ".join(sources)
    if all(source["real"] for source in sources.values()):
        return f"The numbers in this copy of the book were computed on {told}."
    return (
        ":::{warning}\n"
        f"The numbers in this copy of the book were computed on stand-in data: {told}. "
        "They show that the code works, not how well the models do. "
        "The [guide for readers](reader.md) tells how to get the real data.\n:::"
    )


def fill(page: str, tables: dict[str, str]) -> str:
    """Put tables into a page: each stands where the page has its name, as `{{ ledger }}`."""
    return re.sub(
        r"^\{\{ (\w+) \}\}$",
        lambda match: tables.get(match[1], match[0]),
        page,
        flags=re.MULTILINE,
    )


def build(root: Path, source: Path, say: Callable[[str], None] = print) -> bool:
    """Build the book with Jupyter Book, warnings as errors; return whether it succeeded.

    The HTML is left in `_build/html`, whether or not there were warnings.
    """
    built = root / "_build" / ".built"
    command = [
        *("jupyter-book", "build", os.path.relpath(source)),
        *("--path-output", os.path.relpath(root)),
        *("-W", "--keep-going"),
    ]
    # Sphinx warns of a page only when it reads it: after a build with warnings, read all again
    if not built.exists():
        shutil.rmtree(root / "_build", ignore_errors=True)
    built.unlink(missing_ok=True)
    say("$ " + " ".join(command))
    environment = os.environ | {"PATH": _path_with_environment()}
    done = subprocess.run([_script("jupyter-book"), *command[1:]], env=environment)
    if done.returncode == 0:
        write_atomically(built, "")
    return done.returncode == 0


def _script(name: str) -> str:
    """Return the path of a command of this environment, which need not be activated."""
    return str(Path(sys.executable).parent / name)


def _path_with_environment() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
