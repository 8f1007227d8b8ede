"""Every chapter, found and not listed: it runs, its page is complete, its claims are judged."""

import re
from collections import Counter

import nbformat
import pytest
from projects import ROOT

from course import checks, interactive, ledger, notebooks
from course.profiles import PROFILES

CHAPTERS = notebooks.find_chapters(ROOT / "notebooks")
LEDGERS = [ledger.load(path) for path in sorted(ROOT.glob("book/ledger/*.yml"))]
RECORDS = ledger.committed_records(ROOT / "book/results")

chapters = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
each_ledger = pytest.mark.parametrize("claims", LEDGERS, ids=lambda claims: claims.notebook)


@pytest.fixture
def source(chapter):
    return notebooks.read(chapter)


@pytest.fixture
def executed(chapter, smoke):
    return notebooks.read(smoke[chapter.stem][1])


@chapters
def test_papermill_can_set_the_profile(chapter, source):
    notebooks.check(source, chapter)
    assert all(f"{profile}=" in notebooks.python_source(source) for profile in PROFILES)


@chapters
def test_only_pinned_cells_have_outputs(source):
    assert nbformat.writes(source) == nbformat.writes(notebooks.pin_outputs(source, None))
    pinned = [cell for cell in source.cells if notebooks.PINNED in notebooks.tags(cell)]
    assert pinned
    assert all(cell.outputs for cell in pinned)


@chapters
def test_a_chapter_has_a_ledger_and_an_exercise(chapter):
    assert chapter.stem in {claims.notebook for claims in LEDGERS}
    name = chapter.stem
    assert (ROOT / "notebooks/exercises" / name / f"{name}.ipynb").exists()
    assert f"exercises/{name}/{name}.ipynb" in chapter.read_text()


def test_figures_have_names_of_their_own():
    names = [
        cell.metadata["mystnb"]["figure"]["name"]
        for chapter in CHAPTERS
        for cell in notebooks.code_cells(notebooks.read(chapter))
        if "mystnb" in cell.metadata
    ]
    assert [name for name, count in Counter(names).items() if count > 1] == []


@chapters
def test_code_cells_are_short(source):
    lengths = {cell.id: len(cell.source.splitlines()) for cell in notebooks.code_cells(source)}
    shown = {
        cell.id
        for cell in notebooks.code_cells(source)
        if not {"remove-cell", "remove-stderr"} & set(notebooks.tags(cell))
    }
    assert {name: lengths[name] for name in shown if lengths[name] > 18} == {}


@pytest.mark.slow
@chapters
def test_it_runs_on_stand_in_data_and_says_so(chapter, smoke, executed):
    record, _ = smoke[chapter.stem]
    assert record.status == "passed", record.failure
    assert [source["dataset"] for source in record.data] == notebooks.datasets(executed)
    assert not any(source["real"] for source in record.data)
    assert record.metrics
    if record.data:
        assert "**This is not" in nbformat.writes(executed)


@pytest.mark.slow
@chapters
def test_its_run_is_what_is_expected_of_it(chapter, smoke):
    record, _ = smoke[chapter.stem]
    assert chapter.with_suffix(".checks.yml").exists()
    assert checks.faults(chapter, record) == []


@pytest.mark.slow
@chapters
def test_nothing_unexpected_on_stderr(executed):
    loud = {
        cell.id: output.text
        for cell in notebooks.code_cells(executed)
        for output in cell.outputs
        if output.get("name") == "stderr" and "remove-stderr" not in notebooks.tags(cell)
    }
    assert loud == {}


def shows_a_figure(output):
    return "image/png" in output.get("data", {}) and "picture" not in output.metadata


@pytest.mark.slow
@chapters
def test_every_picture_has_alt_text_a_caption_and_a_sentence(executed):
    for cell in notebooks.code_cells(executed):
        if notebooks.PICTURE in notebooks.tags(cell):
            [output] = cell.outputs
            assert len(output.metadata["picture"]["alt"]) > 60, cell.id
            assert output.metadata["picture"]["caption"], cell.id
            parameters = output.data[interactive.MIME_TYPE]["params"]
            assert interactive.TOLD in [parameter["name"] for parameter in parameters], cell.id


@chapters
def test_pictures_keep_nothing(source):
    for cell in notebooks.code_cells(source):
        if notebooks.PICTURE in notebooks.tags(cell):
            assert "keep(" not in cell.source


@pytest.mark.slow
@chapters
def test_every_figure_has_alt_text_and_a_caption(executed):
    for cell in notebooks.code_cells(executed):
        if any(shows_a_figure(output) for output in cell.outputs):
            shown = cell.metadata.get("mystnb", {})
            assert len(shown["image"]["alt"]) > 40, cell.id
            assert shown["figure"]["caption"], cell.id


@pytest.mark.slow
@chapters
def test_every_number_in_the_prose_was_kept_by_the_run(executed):
    names = notebooks.glued(executed)
    prose = "\n".join(cell.source for cell in executed.cells if cell.cell_type == "markdown")
    used = re.findall(r"\{glue:text\}`(\w+)", prose)
    assert used
    assert set(used) <= set(names)


@pytest.mark.slow
@each_ledger
def test_every_claim_has_a_verdict_with_a_run_behind_it(claims, smoke):
    record, _ = smoke[claims.notebook]
    for judgement in ledger.judge_all(claims, [record, *RECORDS]):
        assert judgement.verdict == judgement.claim.verdict, (judgement.claim.id, judgement)
        assert judgement.record is not None


@each_ledger
def test_accuracies_are_judged_by_a_full_run_on_real_data(claims):
    for claim in claims.claims:
        if re.search("accuracy|loss", claim.metric):
            assert (claim.profile, claim.real_data) == ("full", True), claim.id


@each_ledger
def test_every_claim_links_to_a_heading_of_its_chapter(claims):
    source = notebooks.read(ROOT / "notebooks" / f"{claims.notebook}.ipynb")
    prose = "\n".join(cell.source for cell in source.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert {claim.section for claim in claims.claims} <= slugs
