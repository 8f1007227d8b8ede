"""Running notebooks on a Dask cluster, whose workers share no disk with this machine."""

from __future__ import annotations

import inspect
import json
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course import catalogue, parcel
from course.files import write_atomically
from course.processes import Progress
from course.runs import Display, Paths, Record, expected_seconds, explain_sources

if TYPE_CHECKING:
    from distributed import Client, Future

PATIENCE = 10  # seconds in which a scheduler must answer
ATTEMPTS = 4  # of a run that is ended from outside, as many as Dask makes where a worker dies


class ClusterError(Exception):
    """A cluster that can't be used; the message names it and the mend."""


def run_chapters(
    facts: Mapping[Path, dict[str, Any]],
    profile: str,
    paths: Paths,
    address: str,
    time_limit: float | None = None,
    require_gpu: bool = False,
    say: Callable[[str], None] = print,
) -> list[Record]:
    """Run notebooks on a cluster; leave here what each leaves, as soon as it is there.

    A run whose worker dies begins again on another. Those that have ended stay, whatever becomes
    of the others, of the scheduler or of this process.

    Args:
        facts: for each notebook its `runs.inputs`; the records are returned in its order.
        profile: of the runs; `full` asks the cluster for workers with the resource GPU, and so
            does `require_gpu`.
        paths: where the results go.
        address: of the scheduler, such as `tcp://10.0.0.1:8786`.
        time_limit: seconds for each; by default that which is expected of the notebook.
        require_gpu: whether a worker on which TensorFlow sees no GPU is refused.
        say: is given lines that tell what happens.

    Raises:
        ClusterError: no scheduler answers, it is lost, or a worker can't run notebooks.
    """
    if not facts:
        return []
    display, records, wrong = Display(say), {}, None
    gpu = profile == "full" or require_gpu
    order = {"time_limit": time_limit, "require_gpu": require_gpu, "gpu": gpu}
    with _connected(address) as client:
        from distributed import as_completed

        _tell_who_is_there(client, address, gpu, say)
        sender = _Sender(client, profile, paths, order)
        longest_first = sorted(facts, key=lambda one: -expected_seconds(one, profile, paths))
        tasks = {sender.send(chapter, facts[chapter]): chapter for chapter in longest_first}
        attempts = dict.fromkeys(facts, 1)

        def hear(event: tuple[Any, dict[str, Any]]) -> None:
            name = sender.names.get(event[1]["key"])
            if name:
                display.show(name, Progress(*event[1]["progress"]))

        client.subscribe_topic(sender.topic, hear)
        ended = as_completed(tasks, loop=client.loop)
        for future in ended:
            chapter = tasks.pop(future)
            name = catalogue.name(chapter)
            display.show(name, None)
            result = _result(future)
            if result["again"] and attempts[chapter] < ATTEMPTS:
                display.say(f"{name} ({profile}): interrupted on {result['worker']}; again")
                attempts[chapter] += 1
                again = sender.send(chapter, facts[chapter])
                tasks[again] = chapter
                ended.add(again)
            elif result["wrong"]:
                # The others go on: what they compute may have taken hours
                where = f"worker {result['worker']}: " if result["worker"] else ""
                display.say(f"{name} ({profile}): {where}{result['wrong']}")
                wrong = wrong or f"{where}{result['wrong']}"
            else:
                record = _take(result, chapter, profile, paths, facts[chapter])
                records[chapter] = record
                where = f" on {record.worker}" if record.worker else ""
                told = f"{record.status} in {record.seconds:.0f} s{where}"
                display.say(f"{name} ({profile}): {told}")
    if wrong:
        raise ClusterError(wrong)
    return [records[chapter] for chapter in facts]


def connect(address: str) -> Client:
    """Return a client of a scheduler.

    What answers at the address may be no scheduler and keep the client waiting: so it gets a
    thread of its own, and so much time.

    Raises:
        ClusterError: there is none.
    """
    from distributed import Client
    from distributed.comm import get_address_host_port

    try:
        get_address_host_port(address)
    except (ImportError, TypeError, ValueError):
        raise ClusterError(f"{address!r} is no address such as tcp://10.0.0.1:8786") from None
    found: list[Client] = []
    reasons: list[Exception] = []

    def connect() -> None:
        try:
            found.append(Client(address, timeout=PATIENCE, set_as_default=False))
        except (ImportError, OSError, TypeError, ValueError) as error:  # a time limit is an OSError
            reasons.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(3 * PATIENCE)
    if found:
        return found[0]
    reason = reasons[0] if reasons else "something else may be at this port"
    raise ClusterError(
        f"{address}: no scheduler answers ({reason}). Start one by `dask scheduler`, which prints "
        "its address"
    )


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """Give a client of a scheduler; tell in one line what is wrong with it."""
    from distributed.comm import CommClosedError

    client = connect(address)
    try:
        yield client
    except (CancelledError, CommClosedError):
        raise ClusterError(
            f"{address}: the scheduler is gone. The runs that had ended are kept: start it again, "
            "and the same command runs the rest"
        ) from None
    finally:
        client.close(timeout=PATIENCE)


def _tell_who_is_there(client: Client, address: str, gpu: bool, say: Callable[[str], None]) -> None:
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    able = [worker for worker in workers if not gpu or worker["resources"].get("GPU")]
    say(f"cluster at {address}: {len(able)} workers{' with a GPU' if gpu else ''}")
    if not able:
        resources = " --resources GPU=1" if gpu else ""
        say(f"waiting for one; start it by: dask worker {address} --nthreads 1{resources}")


class _Sender:
    """Sends runs to a cluster, and each data set once.

    Attributes:
        topic: under which the workers tell how far the runs have come.
        names: of the notebooks, by the keys of their tasks.
    """

    def __init__(self, client: Client, profile: str, paths: Paths, order: dict[str, Any]):
        self._client = client
        self._profile = profile
        self._paths = paths
        self._order = order
        self._data: dict[str, Future] = {}
        self.topic = f"course-{uuid.uuid4().hex}"
        self.names: dict[str, str] = {}

    def send(self, chapter: Path, facts: dict[str, Any]) -> Future:
        """Send the run of a notebook; return what will have its result."""
        from course import cluster_task

        files = parcel.data_files(list(facts["data"]))
        for name in files.keys() - self._data.keys():
            with warnings.catch_warnings():
                # Dask would rather have large data scattered. But what is scattered is lost with
                # the worker that has it; what a task returns is made again.
                warnings.filterwarnings("ignore", message="Sending large graph")
                content = files[name].read_bytes()
                self._data[name] = self._client.submit(bytes, content, pure=False)
        packed = parcel.pack(chapter, self._profile, self._paths.root, facts, **self._order)
        arguments = [
            packed,
            {name: self._data[name] for name in files},
            parcel.ORDER,
            parcel.LEFT,
            self.topic,
        ]
        name = catalogue.name(chapter)
        key = f"{name}-{self._profile}-{uuid.uuid4().hex}"
        self.names[key] = name
        return self._client.submit(
            eval,
            cluster_task.LOAD,
            {"source": inspect.getsource(cluster_task), "arguments": arguments},
            key=key,
            pure=False,
            resources={"GPU": 1} if self._order["gpu"] else None,
        )


def _result(future: Future) -> dict[str, Any]:
    """Return what `cluster_task.run_parcel` has returned, or why it has not.

    Raises:
        CancelledError: the scheduler was lost.
    """
    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    nothing = {"files": {}, "wrong": None, "again": False, "worker": None}
    try:
        return future.result()
    except KilledWorker as error:
        return nothing | {"died": f"{error.allowed_failures + 1} workers that ran it died"}
    except (CancelledError, CommClosedError):
        raise
    except Exception as error:  # whatever goes wrong there, the other runs go on
        return nothing | {"wrong": f"the cluster can't run it: {error!r}"}


def _take(
    result: dict[str, Any], chapter: Path, profile: str, paths: Paths, facts: dict[str, Any]
) -> Record:
    """Write what a run has left to its place here; return its record."""
    name, executed = catalogue.name(chapter), paths.executed(chapter, profile)
    left = {
        suffix: result["files"].get(f"{parcel.LEFT}/{profile}/{name}{suffix}", b"")
        for suffix in (".json", ".ipynb", ".log")
    }
    if result.get("died"):
        now = datetime.now(UTC).isoformat(timespec="seconds")
        record = Record(name, profile, "failed", now, 0, failure=result["died"])
    else:
        record = Record(**json.loads(left[".json"]))
        record.worker = result["worker"]
    record.inputs = facts
    explain_sources(record)
    for place in (executed, paths.log(chapter, profile)):
        if content := left[place.suffix]:
            write_atomically(place, content.decode(errors="replace"))
        else:
            place.unlink(missing_ok=True)
    record.save(paths.record(chapter, profile))
    return record
