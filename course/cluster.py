"""Running notebooks on a Dask cluster, whose workers share no disk with this machine."""

from __future__ import annotations

import json
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
        profile: of the runs; `full` asks the cluster for workers with the resource GPU.
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
    order = {"time_limit": time_limit, "require_gpu": require_gpu}
    display, records = Display(say), {}
    with _connected(address) as client:
        from distributed import as_completed

        _tell_who_is_there(client, address, profile, say)
        topic = f"course-{uuid.uuid4().hex}"
        tasks = _submit(client, facts, profile, paths, order, topic)
        names = {future.key: catalogue.name(chapter) for future, chapter in tasks.items()}

        def hear(event: tuple[Any, dict[str, Any]]) -> None:
            done, total = event[1]["progress"]
            display.show(names[event[1]["key"]], Progress(done, total))

        client.subscribe_topic(topic, hear)
        for future in as_completed(tasks, loop=client.loop):
            chapter = tasks[future]
            record = _take(future, chapter, profile, paths, facts[chapter])
            records[chapter] = record
            display.show(names[future.key], None)
            display.say(
                f"{names[future.key]} ({profile}): {record.status} in {record.seconds:.0f} s"
                + (f" on {record.worker}" if record.worker else "")
            )
    return [records[chapter] for chapter in facts]


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """Give a client of a scheduler; tell in one line what is wrong with it."""
    from distributed import Client
    from distributed.comm import CommClosedError, get_address_host_port

    try:
        get_address_host_port(address)
    except (ValueError, TypeError):
        raise ClusterError(f"{address!r} is no address such as tcp://10.0.0.1:8786") from None
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except OSError as error:  # a time limit is one too
        raise ClusterError(
            f"{address}: no scheduler answers ({error}). Start one by `dask scheduler`, which "
            "prints its address"
        ) from None
    try:
        yield client
    except (CancelledError, CommClosedError):
        raise ClusterError(
            f"{address}: the scheduler is gone. The runs that had ended are kept: start it again, "
            "and the same command runs the rest"
        ) from None
    finally:
        client.close(timeout=PATIENCE)


def _tell_who_is_there(
    client: Client, address: str, profile: str, say: Callable[[str], None]
) -> None:
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    able = [worker for worker in workers if profile != "full" or worker["resources"].get("GPU")]
    say(f"cluster at {address}: {len(able)} workers for {profile}")
    if not able:
        resources = " --resources GPU=1" if profile == "full" else ""
        say(f"waiting for one; start it by: dask worker {address}{resources}")


def _submit(
    client: Client,
    facts: Mapping[Path, dict[str, Any]],
    profile: str,
    paths: Paths,
    order: dict[str, Any],
    topic: str,
) -> dict[Future, Path]:
    """Send the runs to the cluster, and each data set once."""
    import cloudpickle

    from course import cluster_task

    cloudpickle.register_pickle_by_value(cluster_task)  # it is not installed there
    data: dict[str, Future] = {}
    tasks = {}
    order_of_start = sorted(facts, key=lambda chapter: -expected_seconds(chapter, profile, paths))
    for chapter in order_of_start:  # the longest first
        known = facts[chapter]
        files = parcel.data_files(list(known["data"]))
        for name in files.keys() - data.keys():
            with warnings.catch_warnings():
                # Dask would rather have large data scattered. But what is scattered is lost with
                # the worker that has it; what a task returns is made again.
                warnings.filterwarnings("ignore", message="Sending large graph")
                data[name] = client.submit(bytes, files[name].read_bytes(), pure=False)
        future = client.submit(
            cluster_task.run_parcel,
            parcel.pack(chapter, profile, paths.root, known, **order),
            {name: data[name] for name in files},
            parcel.ORDER,
            parcel.LEFT,
            topic,
            key=f"{catalogue.name(chapter)}-{profile}-{uuid.uuid4().hex}",
            pure=False,
            resources={"GPU": 1} if profile == "full" else None,
        )
        tasks[future] = chapter
    return tasks


def _take(
    future: Future, chapter: Path, profile: str, paths: Paths, facts: dict[str, Any]
) -> Record:
    """Write what a run has left to its place here; return its record.

    Raises:
        ClusterError: the worker could not run it.
        CancelledError: the scheduler was lost.
    """
    from distributed import KilledWorker

    name, executed = catalogue.name(chapter), paths.executed(chapter, profile)
    try:
        result = future.result()
    except KilledWorker as error:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        failure = f"{error.allowed_failures + 1} workers that ran it died"
        record, result = Record(name, profile, "failed", now, 0, failure=failure), {"files": {}}
    else:
        if result["wrong"]:
            raise ClusterError(f"worker {result['worker']}: {result['wrong']}")
        content = result["files"][f"{parcel.LEFT}/{profile}/{name}.json"]
        record = Record(**json.loads(content))
        record.worker = result["worker"]
    record.inputs = facts
    explain_sources(record)
    executed.parent.mkdir(parents=True, exist_ok=True)
    for place in (executed, paths.log(chapter, profile)):
        content = result["files"].get(f"{parcel.LEFT}/{profile}/{name}{place.suffix}")
        if content is None:
            place.unlink(missing_ok=True)
        else:
            write_atomically(place, content.decode(errors="replace"))
    record.save(paths.record(chapter, profile))
    return record
