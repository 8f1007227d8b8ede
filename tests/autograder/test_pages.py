"""What the pages for teachers and students share."""

import pytest

from autograder import pages


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (119, "119 s"),
        (121, "2 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (86_400, "1 day"),
        (180_000, "2 days 2 h"),
    ],
)
def test_durations_are_said_in_words(seconds, said):
    assert pages.duration(seconds) == said
