"""Grading on a Dask cluster, whose workers share no disk with this machine.

A submission travels as the steps of its cells, with the tests among them, and comes back as their
outcomes. Each worker of the cluster keeps one warm process, in a sandbox of its own machine. Only
this machine writes the gradebook, so that a result that gets lost is just made again.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import asdict
from typing import Any

from autograder.errors import UserError
from autograder.prepared import grader_digest
from autograder.sandbox import Limits
from autograder.steps import Outcome, Step
from autograder.worker import CannotGrade, WorkError
from course.cluster import PATIENCE, ClusterError, connect

ATTEMPTS = 4  # of a submission whose worker dies


class ClusterGrader:
    """Has the workers of a cluster take the steps of submissions. A context manager.

    Args:
        address: of the scheduler, such as `tcp://10.0.0.1:8786`.
        modules: that the warm processes import.
        limits: for each submission.
        sandboxed: whether students' code is closed in.

    Raises:
        UserError: no scheduler answers, it has no workers, or one of them can't grade.
    """

    def __init__(
        self, address: str, modules: Sequence[str], limits: Limits, sandboxed: bool = True
    ):
        self.limits = limits
        self._address = address
        self._order = {
            "modules": list(modules),
            "limits": asdict(limits),
            "sandboxed": sandboxed,
        }
        self._stopped = False
        self._lock = threading.Lock()
        try:
            self._client = connect(address)
        except ClusterError as error:
            raise UserError(str(error)) from None
        try:
            self._look_at_workers()
        except BaseException:
            self.close()
            raise

    def _look_at_workers(self) -> None:
        threads = self._client.nthreads()
        if not threads:
            raise UserError(
                f"{self._address}: the cluster has no workers. Start one by: "
                f"dask worker {self._address} --nthreads 1"
            )
        self.slots = sum(threads.values())
        try:
            found = self._client.run(_digest, on_error="return")
        except Exception as error:
            raise self._lost(error) from None
        for worker, digest in found.items():
            if digest != grader_digest():
                told = f" ({digest})" if isinstance(digest, Exception) else ""
                raise UserError(
                    f"{self._address}: the worker {worker} has another version of the grader or of "
                    f"TensorFlow{told}: install the same there, then start it again"
                )

    def grade(self, steps: Sequence[Step]) -> list[Outcome]:
        """Take the steps of one submission, in their order; return what came of each.

        Raises:
            CannotGrade: a set-up cell fails in the judge.
            WorkError: a worker can't grade, or the scheduler is gone.
        """
        from distributed import KilledWorker

        order = json.dumps(self._order | {"steps": [asdict(step) for step in steps]})
        for attempt in range(ATTEMPTS):
            if self._stopped:
                raise WorkError("grading was stopped")
            try:
                key = f"grade-{uuid.uuid4().hex}"
                future = self._client.submit(grade_there, order, key=key, pure=False)
                told = json.loads(future.result())
            except KilledWorker:
                if attempt + 1 == ATTEMPTS:
                    raise
                continue
            except Exception as error:
                raise WorkError(str(self._lost(error))) from None
            if "cannot" in told:
                raise CannotGrade(told["cannot"])
            if "failed" in told:
                raise WorkError(told["failed"])
            return [Outcome(**one) for one in told["outcomes"]]
        raise AssertionError("no attempt was made")

    def _lost(self, error: Exception) -> UserError:
        if isinstance(error, CancelledError | OSError | TimeoutError):
            return UserError(
                f"{self._address}: the scheduler is gone. What was graded before is kept: start it "
                "again, and the same command grades the rest"
            )
        return UserError(f"{self._address}: {type(error).__name__}: {error}")

    def stop(self) -> None:
        """End what is being graded."""
        self._stopped = True
        self.close()

    def close(self) -> None:
        """Leave the cluster; its workers keep their warm processes for the next time."""
        with self._lock:
            self._client.close(timeout=PATIENCE)

    def __enter__(self) -> ClusterGrader:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()


# --- On a worker of the cluster

_workers: dict[str, Any] = {}
_making = threading.Lock()


def _digest() -> str:
    return grader_digest()


def grade_there(order: str) -> str:
    """Take the steps of one submission on this machine; return JSON of what came of them.

    Args:
        order: JSON: `modules`, `limits`, `sandboxed` and `steps`.
    """
    wanted = json.loads(order)
    steps = [Step(**one) for one in wanted.pop("steps")]
    try:
        outcomes = _worker(wanted).grade(steps)
    except CannotGrade as error:
        return json.dumps({"cannot": str(error)})
    except Exception as error:
        return json.dumps({"failed": f"{_name()}: {error}"})
    return json.dumps({"outcomes": [asdict(one) for one in outcomes]})


def _worker(wanted: dict[str, Any]) -> Any:
    """Return the `Worker` of this process; it is made anew where another kind is wanted."""
    from distributed import get_worker

    from autograder.grading import threads_each
    from autograder.worker import Worker

    key = json.dumps(wanted, sort_keys=True)
    with _making:
        if key not in _workers:
            while _workers:
                _workers.popitem()[1].close()
            threads = threads_each(get_worker().state.nthreads)
            limits = Limits(**wanted["limits"])
            _workers[key] = Worker(wanted["modules"], limits, wanted["sandboxed"], threads)
        return _workers[key]


def _name() -> str:
    from distributed import get_worker

    return get_worker().address
