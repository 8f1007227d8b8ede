"""Building the book from what papermill ran.

Jupyter Book gets a folder of its own: the pages of `book/` with the run's tables put in, and the
chapters with the outputs of their runs. So a page never shows a number that its run did not make.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from course import checks, interactive, ledger, notebooks, pages, results, trend
from course.runs import Paths, Record, code_digest, code_inputs, write_atomically

if TYPE_CHECKING:
    from nbformat import NotebookNode


class BookError(Exception):
    """A book that can't be put together; the message names the file and the mend."""


def adopted(chapters: Iterable[Path], folder: Path | None) -> dict[Path, Record]:
    """Return the records of runs made elsewhere that a book can show instead of its own.

    These are runs that passed, of the code that a chapter, its modules and its records have now,
    with the executed notebook beside the record, as `course check` leaves them.

    Args:
        chapters: the notebooks.
        folder: where the runs are; may be missing, or None.
    """
    found = {}
    for chapter in chapters if folder else ():
        record = Record.load(folder / f"{chapter.stem}.json")
        if record is None or record.status != "passed":
            continue
        now = code_inputs(chapter, notebooks.read(chapter)) | {"seed": 0}
        same = all(record.inputs.get(name) == digest for name, digest in now.items())
        if same and (folder / f"{chapter.stem}.ipynb").exists():
            found[chapter] = record
    return found


def stage(root: Path, profile: str, executed: Path | None = None) -> Path:
    """Put together the sources of the book in `work/book`; return that folder.

    Args:
        root: the folder of the project.
        profile: whose runs are shown.
        executed: a folder with runs to show instead, where they are `adopted`.

    Raises:
        BookError: the configuration can't be read.
        NotebookError: a notebook can't be read.
        LedgerError: a ledger can't be read.
    """
    import nbformat

    target, paths, tables = root / "work" / "book", Paths(root), _tables(root, profile, executed)
    files = {"_config.yml": _config(root).encode(), "_toc.yml": _toc(root)}
    for path in sorted(root.glob("book/**/*")):
        if path.suffix == ".md":
            page = fill(path.read_text(encoding="utf-8"), tables)
            files[str(path.relative_to(root))] = page.encode()
        elif path.is_file():
            files[str(path.relative_to(root))] = path.read_bytes()
    if committed := ledger.committed_records(root / "book/results"):
        expected = {
            path.stem: checks.load(path) for path in notebooks.find_chapters(paths.notebooks)
        }
        files[results.PICTURE] = trend.draw(committed, results.main_values(expected))
    for chapter in notebooks.find_chapters(paths.notebooks):
        record, run = _run_of(chapter, profile, paths, executed)
        page = _page(chapter, record, run)
        if interactive.for_pages(page):
            files["book/_static/vega.js"] = interactive.script().encode()
        files[str(chapter.relative_to(root))] = nbformat.writes(page).encode()
    for exercise in sorted(root.glob("notebooks/exercises/*/*.ipynb")):
        files[str(exercise.relative_to(root))] = exercise.read_bytes()
    for name, content in files.items():
        path = target / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for old in [path for path in target.rglob("*") if path.is_file()]:
        if str(old.relative_to(target)) not in files:
            old.unlink()
    return target


def _run_of(
    chapter: Path, profile: str, paths: Paths, executed: Path | None
) -> tuple[Record | None, Path]:
    """Return the record and the executed notebook of the run that the book shows."""
    if record := adopted([chapter], executed).get(chapter):
        return record, executed / chapter.name
    return Record.load(paths.record(chapter, profile)), paths.executed(chapter, profile)


def _page(chapter: Path, record: Record | None, executed: Path) -> NotebookNode:
    """Return a chapter with the outputs of its run; as it was left, if the run failed."""
    source = notebooks.read(chapter)
    if not executed.exists():
        return source
    if record is not None and record.status != "passed":
        return notebooks.read(executed)
    try:
        return notebooks.with_outputs(source, notebooks.read(executed))
    except ValueError:  # the chapter changed while it ran; the next `course book` runs it again
        return notebooks.read(executed)


def check_configuration(root: Path) -> None:
    """Check what `stage` reads beside the notebooks, before anything runs.

    Raises:
        BookError: the configuration can't be read.
        LedgerError: a ledger can't be read.
        CheckError: what is expected of a chapter can't be read.
    """
    _config(root)
    _toc(root)
    ledger.load_all(root / "book/ledger")
    for chapter in notebooks.find_chapters(Paths(root).notebooks):
        checks.load(chapter)
        checks.load_spreads(chapter)


def _read_yaml(path: Path) -> dict:
    try:
        content = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        raise BookError(f"{path}: missing; restore it from version control") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise BookError(f"{path}, line {line}: not YAML, {error.problem}") from None
    if not isinstance(content, dict):
        raise BookError(f"{path}: names and values expected, as `title: ...`")
    return content


def _toc(root: Path) -> bytes:
    _read_yaml(root / "_toc.yml")
    return (root / "_toc.yml").read_bytes()


def _config(root: Path) -> str:
    """Return the configuration; without launch buttons where no repository is named."""
    config = _read_yaml(root / "_config.yml")
    if not (config.get("repository") or {}).get("url"):
        config.pop("repository", None)
        config.pop("launch_buttons", None)
        for button in ("use_repository_button", "use_issues_button", "use_edit_page_button"):
            (config.get("html") or {}).pop(button, None)
    return yaml.safe_dump(config, allow_unicode=True, sort_keys=False)


def records(root: Path, profile: str, executed: Path | None = None) -> list[Record]:
    """Return the records that the pages show: the runs of this build, then the committed ones."""
    committed = ledger.committed_records(root / "book/results")
    return runs_of_this_build(root, profile, executed) + committed


def runs_of_this_build(root: Path, profile: str, executed: Path | None = None) -> list[Record]:
    """Return the records of the runs that the chapters of the book show."""
    paths = Paths(root)
    chapters = notebooks.find_chapters(paths.notebooks)
    found = [_run_of(chapter, profile, paths, executed)[0] for chapter in chapters]
    return [record for record in found if record]


def _tables(root: Path, profile: str, executed: Path | None) -> dict[str, str]:
    runs, committed = (
        records(root, profile, executed),
        ledger.committed_records(root / "book/results"),
    )
    ledgers = ledger.load_all(root / "book/ledger")
    chapters = notebooks.find_chapters(Paths(root).notebooks)
    code = {chapter.stem: code_digest(notebooks.read(chapter)) for chapter in chapters}
    return {
        "ledger": ledger.ledger_page(ledgers, runs, code),
        "errata": ledger.errata_page(ledgers, runs),
        "results": results.results_page(runs, chapters, committed),
        "data": data_note(runs_of_this_build(root, profile, executed)),
    }


def data_note(runs: list[Record]) -> str:
    """Return, in one plain sentence or a warning, what data the numbers of the book come from."""
    sources = {source["description"]: source["real"] for run in runs for source in run.data}
    if not sources:
        return "The chapters have not run on any data yet."
    real = "; ".join(told for told, is_real in sources.items() if is_real)
    stand_in = "; ".join(told for told, is_real in sources.items() if not is_real)
    if not stand_in:
        return f"The numbers in this copy of the book were computed on {real}."
    whose = "The numbers in this copy of the book were"
    if real:
        names = [run.notebook for run in runs if run.data and not run.real_data]
        whose += f" computed on {real}; but those of {', '.join(names)} were"
    return (
        ":::{warning}\n"
        f"{whose} computed on stand-in data: {stand_in}. "
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


def pack(root: Path, profile: str) -> Path:
    """Write the chapters, with the outputs of their runs, into `_build/notebooks.zip`.

    Args:
        root: the folder of the project.
        profile: whose runs are taken.
    """
    import nbformat

    target, paths = root / "_build" / "notebooks.zip", Paths(root)
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for chapter in notebooks.find_chapters(paths.notebooks):
            page = _page(chapter, *_run_of(chapter, profile, paths, None))
            archive.writestr(chapter.name, nbformat.writes(page))
    return target


def build(root: Path, source: Path, say: Callable[[str], None] = print) -> bool:
    """Build the book with Jupyter Book, warnings as errors; return whether it succeeded.

    The HTML is left in `_build/html`, whether or not there were warnings. Nothing is built if the
    last build succeeded from the same sources.
    """
    html, stamp = root / "_build" / "html", root / "_build" / ".built"
    digest = _digest(source)
    if (html / "index.html").exists() and stamp.exists() and stamp.read_text() == digest:
        say("the book is up to date")
        return True
    # All pages, always: a build of some would repeat no warning of the others, and keep titles
    # and links of the old ones
    command = [
        *("jupyter-book", "build", os.path.relpath(source)),
        *("--path-output", os.path.relpath(root)),
        *("--all", "-W", "--keep-going"),
    ]
    stamp.unlink(missing_ok=True)
    say("$ " + " ".join(command))
    bin_folder = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": os.pathsep.join([bin_folder, os.environ.get("PATH", "")])}
    done = subprocess.run([f"{bin_folder}/jupyter-book", *command[1:]], env=environment)
    pages.mend_all(html)
    if done.returncode == 0:
        _remove_old_pages(html, source)
        write_atomically(stamp, digest)
    return done.returncode == 0


def _digest(folder: Path) -> str:
    result = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        result.update(f"{path.relative_to(folder)} {path.stat().st_size}\n".encode())
        result.update(path.read_bytes())
    return result.hexdigest()


def _remove_old_pages(html: Path, source: Path) -> None:
    """Remove pages whose source is gone, as that of a chapter with another name."""
    for page in [*html.glob("notebooks/**/*.html"), *html.glob("book/**/*.html")]:
        stem = page.relative_to(html).with_suffix("")
        if not any((source / stem).with_suffix(suffix).exists() for suffix in (".md", ".ipynb")):
            page.unlink()
