"""What the tests of one chapter share."""

import pytest


@pytest.fixture
def metrics(request, smoke):
    """What the smoke run of a chapter kept; the chapter is named by the file, `test_CHAPTER.py`."""
    record, _ = smoke[request.path.stem.removeprefix("test_")]
    return record.metrics
