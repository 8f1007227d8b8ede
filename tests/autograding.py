"""What tests of the grader share."""

import os

import pytest

from autograder import sandbox

WHY_NOT = sandbox.why_not()

# Where tests of the sandbox may not be skipped, as in CI
if WHY_NOT and os.environ.get("REQUIRE_SANDBOX"):
    raise RuntimeError(f"REQUIRE_SANDBOX is set, and there is none: {WHY_NOT}")

needs_sandbox = pytest.mark.skipif(WHY_NOT is not None, reason=f"no sandbox here: {WHY_NOT}")
