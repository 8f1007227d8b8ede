"""The whole book, built from one smoke run on stand-in data."""

import shutil

import pytest
from projects import ROOT, Project


@pytest.fixture(scope="session")
def html(smoke, tmp_path_factory):
    """The folder of the built pages. Jupyter Book treats warnings as errors."""
    root = tmp_path_factory.mktemp("book")
    [runs] = {executed.parents[2] for _, executed in smoke.values()}
    shutil.copytree(runs, root / "work")
    shutil.copytree(ROOT / "book", root / "book")
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    for name in ("_config.yml", "_toc.yml", "requirements.txt"):
        shutil.copy(ROOT / name, root)
    done = Project(root).course("book", "--profile", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "papermill" not in done.stderr  # the smoke run still holds
    assert f"file://{root}/_build/html/index.html" in done.stderr
    return root / "_build" / "html"
