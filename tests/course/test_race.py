"""Our way to run chapters against plain papermill's."""

import pytest

from course.notebooks import NotebookError
from course.race import Race, race


def test_the_median_of_the_pairs_decides():
    good = Race("smoke", 2, (100.0, 100.0, 100.0), (40.0, 60.0, 41.0))
    assert good.median == pytest.approx(0.41)
    assert good.reached
    assert str(good) == (
        "smoke: ours / plain papermill 0.41 (0.40 to 0.60, 3 repeats), at most 0.45: reached"
    )
    bad = Race("quick", 2, (100.0,), (90.0,))
    assert not bad.reached
    assert str(bad).endswith("MISSED")
    assert Race("full", 2, (1.0,), (9.0,)).reached


@pytest.mark.slow
def test_both_ways_run_all_chapters(project):
    chapters = [project.add("1_a", "1"), project.add("2_b", "1")]
    said = []
    found = race(chapters, "smoke", project.paths, 1, said.append)
    assert len(said) == 2
    assert min(*found.plain, *found.ours) > 0
    assert project.paths.record(chapters[1], "smoke").exists()


@pytest.mark.slow
def test_a_chapter_that_fails_ends_the_race(project):
    with pytest.raises(NotebookError, match=r"1_a.ipynb: plain papermill failed"):
        race([project.add("1_a", "1 / 0")], "smoke", project.paths, 1, print)
