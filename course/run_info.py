"""What a run found and what it ran on, kept in the executed notebook."""

import json
import os
import platform
import resource
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from IPython.core.formatters import format_display_data
from IPython.display import Markdown, publish_display_data

from course import data
from course.machine import cores, pretended_gpu
from course.values import literal, plain

PACKAGES = ("tensorflow", "keras", "numpy", "matplotlib")  # whose versions a page names


def keep(**values: Any) -> None:
    """Keep values for the text, the ledger and the record of the run, each under its name.

    They are glued as by `myst_nb.glue`, without showing them. NumPy's numbers become Python's, so
    that they print as plain numbers.

    Raises:
        TypeError: a value is not a number, a truth value, a text, None, or a list of such; it
            could not be read back from the executed notebook.
    """
    for name, value in values.items():
        value = plain(value)
        try:
            literal(repr(value))
        except ValueError:
            raise TypeError(f"{name} is a {type(value).__name__}: keep a number or text") from None
        _glue(name, value)


def _glue(name: str, value: Any) -> None:
    """Do what `myst_nb.glue` does, for where MyST-NB is not installed, as in Colab.

    An output of a kind that nothing displays; its metadata has the name. The form is MyST-NB's
    own, which took it from papermill and scrapbook: https://myst-nb.readthedocs.io, "Embed
    outputs".
    """
    prefix = "application/papermill.record/"
    data, metadata = format_display_data(value)
    hidden = {prefix + kind: text for kind, text in data.items()}
    scrap = {"name": name, "mime_prefix": prefix}
    publish_display_data(hidden, metadata | {"scrapbook": scrap})


def device() -> str:
    """Return the name of the device that TensorFlow computes on: the GPUs, or the processor."""
    tf = sys.modules.get("tensorflow")
    gpus = tf.config.list_physical_devices("GPU") if tf else []
    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus
    ]
    found = ", ".join(names) or f"CPU, {cpu_name()}, {cores()} cores"
    return f"pretended GPU, in truth {found}" if pretended_gpu() else found


def cpu_name() -> str:
    """Return the processor's name as the system gives it, or its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def collect(profile: str) -> dict[str, Any]:
    """Return the facts of this run.

    Returns:
        `profile`, `device`, `python`, `packages` (name to version), `seconds` since this process
        started, `peak_memory_mib` of this process so far, and `data`: the sources that
        `course.data` read, as dictionaries without local paths.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    sources = [asdict(source) | {"description": source.description} for source in data.used()]
    for source in sources:
        del source["path"]
    return {
        "profile": profile,
        "device": device(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "seconds": round(time.time() - psutil.Process(os.getpid()).create_time(), 1),
        "peak_memory_mib": round(peak / unit),
        "data": sources,
    }


def show(profile: str) -> Markdown:
    """Show what this notebook ran on, and glue it as `run_info` for the record of the run."""
    info = collect(profile)
    keep(run_info=json.dumps(info))
    rows = {
        "Profile": info["profile"],
        "Data": "; ".join(source["description"] for source in info["data"]) or "none",
        "Device": info["device"],
        "Time since the kernel started": f"{info['seconds']:.0f} s",
        "Peak memory": f"{info['peak_memory_mib']:,} MiB",
        "Versions": f"Python {info['python']}, "
        + ", ".join(f"{name} {number}" for name, number in info["packages"].items()),
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return Markdown("\n".join(["| This run | |", "|---|---|", *lines]))
