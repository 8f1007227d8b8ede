"""What this machine has: cores, and a GPU."""

import ctypes
import os
import subprocess
import sys


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def sees_gpu() -> bool:
    """Tell whether TensorFlow sees a GPU.

    The driver is asked first, since it answers in milliseconds where importing TensorFlow takes
    seconds: without a driver, or with one that reports no device, TensorFlow can't see a GPU.
    """
    if not driver_sees_gpu():
        return False
    code = "import sys, tensorflow as tf; sys.exit(not tf.config.list_physical_devices('GPU'))"
    return subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode == 0


def driver_sees_gpu() -> bool:
    """Tell whether NVIDIA's driver is installed and counts at least one device."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    ok = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return ok and count.value > 0
