"""What this machine has: cores, memory, and a GPU."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from typing import Any

import psutil

# Makes commands go on as with a GPU where there is none, so that those for GPU runners can be
# tried; the records say so. Its value is the name of the GPU.
PRETEND = "COURSE_PRETEND_GPU"
NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory() -> float:
    """Return how much memory new processes may take, in MiB."""
    return psutil.virtual_memory().available / 2**20


def pretended_gpu() -> str | None:
    """Return the name of the GPU that this machine is to be taken to have, or None."""
    return os.environ.get(PRETEND) or None


def sees_gpu() -> bool:
    """Tell whether TensorFlow sees a GPU."""
    if pretended_gpu():
        return True
    return bool(_tensorflow_gpus())


def driver_sees_gpu() -> bool:
    """Tell whether NVIDIA's driver is installed and counts at least one device."""
    if pretended_gpu():
        return True
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    ok = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return ok and count.value > 0


def describe() -> dict[str, Any]:
    """Return `cores`, `memory_mib`, and the GPUs as two programs see them, each a list of names.

    `nvidia_smi` lists name, memory and driver; `tensorflow` what TensorFlow can compute on. With
    a pretended GPU both have its name, marked as such.
    """
    found: dict[str, Any] = {
        "cores": cores(),
        "memory_mib": round(psutil.virtual_memory().total / 2**20),
    }
    if name := pretended_gpu():
        return found | {key: [f"{name} (pretended)"] for key in ("nvidia_smi", "tensorflow")}
    return found | {"nvidia_smi": _nvidia_smi_gpus(), "tensorflow": _tensorflow_gpus()}


def _nvidia_smi_gpus() -> list[str]:
    if not shutil.which(NVIDIA_SMI[0]):
        return []
    done = subprocess.run(NVIDIA_SMI, capture_output=True, text=True)
    return done.stdout.strip().splitlines() if done.returncode == 0 else []


def _tensorflow_gpus() -> list[str]:
    """Return the GPUs that TensorFlow sees.

    The driver is asked first, since it answers in milliseconds where importing TensorFlow takes
    seconds: without a driver, or with one that reports no device, TensorFlow can't see a GPU.
    """
    if not driver_sees_gpu():
        return []
    code = (
        "import json, tensorflow as tf\n"
        "gpus = tf.config.list_physical_devices('GPU')\n"
        "details = map(tf.config.experimental.get_device_details, gpus)\n"
        "print(json.dumps([one.get('device_name', 'GPU') for one in details]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    return json.loads(lines[-1]) if done.returncode == 0 and lines else []
