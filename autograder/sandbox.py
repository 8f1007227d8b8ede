"""The walls around a student's process, by bubblewrap and by what a process can give up itself.

Outside stands one sandbox for the warm process of a worker (`wrap`): a system that can only be
read, no network, no other process, no file of the course. Each process that is forked in it for a
submission closes itself in once more (`close_in`): namespaces of its own, so that nothing of it
outlives it and no submission meets another, a scratch disk of a fixed size, limits, and no
privileges. The first is Linux's `bwrap`; without it there is no grading.

See the manuals user_namespaces(7), pid_namespaces(7) and bwrap(1).
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import signal
import site
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NoReturn

from autograder import seccomp

NOBODY = 65534  # the account that owns nothing
HOME = "/home/student"
PACKAGES = "/opt/packages"  # of ours that the student's process needs
PYTHON = "/opt/python"  # the environment that this process runs in
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives")
SETTINGS = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/fonts")

# <sched.h>, <sys/prctl.h>, <sys/mount.h>
NEW_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 1 << 18
LAST_CAPABILITY = 63
OUT_OF_MEMORY, OUT_OF_CPU_TIME = 98, 97  # exit codes
LOOK = 0.1  # seconds between two looks at the memory
SECONDS_MORE = 2  # of computing, for a process that ignores that its time is up


class SandboxError(Exception):
    """A sandbox that can't be had; the message says why, and the mend."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        memory_mib: of all its processes together.
        processes: and threads together.
        scratch_mib: of files in its home, and again in /tmp and /dev/shm.
        cpu_seconds: of each of its processes, for each of the cores that it may use.
        files: open at a time, in each of its processes.
        cell_seconds: that one of its cells may take.
        test_seconds: that one test of it may take.
        submission_seconds: that all of it may take.
    """

    memory_mib: int = 4096
    processes: int = 256
    scratch_mib: int = 256
    cpu_seconds: int = 1200
    files: int = 512
    cell_seconds: float = 180
    test_seconds: float = 60
    submission_seconds: float = 600

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise ValueError(f"{one.name} is {value!r}: set it to a number above 0")


LIMITS = Limits()


def why_not() -> str | None:
    """Return why there can be no sandbox on this machine, and the mend; None if there can."""
    if not sys.platform.startswith("linux"):
        return f"the sandbox needs Linux, and this is {sys.platform}"
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed: install the package `bubblewrap` of this system"
    probe = ["bwrap", "--ro-bind", "/", "/", *_namespaces(), "--proc", "/proc", "--"]
    probe += [*_account(), "unshare", "--user", "true"]
    done = subprocess.run(probe, capture_output=True, text=True)
    if done.returncode == 0:
        return None
    reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
    restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if restricted.exists() and restricted.read_text().strip() == "1":
        reason += ". Ubuntu restricts it: give bwrap an AppArmor profile with `userns,`"
    return f"bubblewrap can't make a sandbox here: {reason}"


def wrap(shared: Path, command: list[str]) -> list[str]:
    """Return the command line that runs a Python program in the outer sandbox.

    Root has a sandbox made and then gives up being root, since limits don't hold for root.

    Args:
        shared: a folder that the program can write to, at the same path; for its socket.
        command: the program, as `[sys.executable, "-m", ...]`.

    Raises:
        SandboxError: there can be no sandbox.
    """
    if reason := why_not():
        raise SandboxError(reason)
    if os.getuid() == 0:
        os.chown(shared, NOBODY, NOBODY)
    arguments = ["bwrap", *_namespaces(), "--die-with-parent", "--new-session"]
    # As root bwrap makes a /proc of which parts are covered, and then Linux allows no other within
    proc = ("--proc", "/proc") if os.getuid() else ("--bind", "/proc", "/proc")
    arguments += ["--hostname", "student", "--dev", "/dev", *proc]
    for path in SYSTEM:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    for path in SETTINGS:
        arguments += ["--ro-bind-try", path, path]
    for path in ("/tmp", HOME):
        arguments += ["--perms", "1777", "--tmpfs", path]
    # Folders on the way, which bwrap would make for itself alone
    ways = [Path(path) for path in (sys.base_prefix, f"{PACKAGES}/x", str(shared))]
    for folder in dict.fromkeys(parent for way in ways for parent in reversed(way.parents)):
        if not str(folder).startswith("/usr") and folder not in (Path("/"), Path("/tmp")):
            arguments += ["--perms", "0755", "--dir", str(folder)]
    if not sys.base_prefix.startswith("/usr"):
        arguments += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    arguments += ["--ro-bind", sys.prefix, PYTHON]
    for name in ("autograder", "course"):
        arguments += ["--ro-bind", str(Path(__file__).parents[1] / name), f"{PACKAGES}/{name}"]
    arguments += [*_hide_the_course(), "--bind", str(shared), str(shared)]
    # What bubblewrap has made for all of them: nothing of one submission may meet another there
    arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME, "--"]
    return [*arguments, *_account(), f"{PYTHON}/bin/python", *command[1:]]


def _namespaces() -> list[str]:
    """Return options of bwrap: all namespaces; as root without one for users, which needs none."""
    if os.getuid():
        return ["--unshare-all"]
    kinds = ("ipc", "pid", "net", "uts", "cgroup-try")
    return [f"--unshare-{kind}" for kind in kinds]


def _account() -> list[str]:
    """Return the command in front of another that makes root an ordinary account."""
    if os.getuid():
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]


def _hide_the_course() -> Iterator[str]:
    """Give options that hide where an editable installation has its sources: in the course."""
    for folder in site.getsitepackages():
        inside = Path(PYTHON) / Path(folder).relative_to(sys.prefix)
        for path in Path(folder).glob("__editable__*"):
            yield from ("--ro-bind", "/dev/null", str(inside / path.name))
        for path in Path(folder).glob("cnn_rnn_course-*"):
            yield from ("--tmpfs", str(inside / path.name))


def environment() -> dict[str, str]:
    """Return the whole environment of a program in the sandbox."""
    return {
        "PATH": f"{PYTHON}/bin:/usr/bin:/bin",
        "HOME": HOME,
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONPATH": PACKAGES,
        "PYTHONDONTWRITEBYTECODE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TQDM_MININTERVAL": "0",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def enter(walls: str) -> None:
    """Close this process in as its command line says.

    Args:
        walls: JSON: `limits`, the fields of `Limits`, or null where no sandbox is wanted; `hidden`,
            a folder that is not to be seen; `warm`, whether TensorFlow is made ready.

    Raises:
        OSError: the system refuses.
    """
    chosen = json.loads(walls)
    if chosen["limits"]:
        close_in(Limits(**chosen["limits"]), chosen["hidden"])
    if chosen["warm"]:
        warm_up()


def warm_up() -> None:
    """Make TensorFlow and Keras ready to compute, where they are imported.

    What happens once in a process then happens before there is a submission to wait for. After it
    `tf.config` can't change devices and threads any more.
    """
    if tf := sys.modules.get("tensorflow"):
        tf.linalg.matmul(tf.ones((2, 2)), tf.ones((2, 2))).numpy()
        keras = sys.modules.get("keras")
        if keras and keras.backend.backend() == "tensorflow":
            keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])(tf.ones((1, 2)))
            # Else the names of layers would count on from here
            keras.utils.clear_session(free_memory=False)


def close_in(limits: Limits = LIMITS, hidden: str | None = None) -> None:
    """Close this process in, with all that it will start; it must have one thread.

    It returns in a new process, the second of its own process namespace. The first waits for it,
    watches its memory, and takes all others with it. Of what was open before only the files 0, 1
    and 2 are left.

    Args:
        limits: what it may use.
        hidden: a folder that is not to be seen.

    Raises:
        OSError: the system refuses.
    """
    user, group = os.getuid(), os.getgid()
    _call("unshare", NEW_NAMESPACES)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _wait_for(os.fork())
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    _mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
    size = f"size={limits.scratch_mib}m,nr_inodes=20000,mode=0700".encode()
    if hidden:
        _mount(b"tmpfs", hidden.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, b"size=4k,mode=0")
    for folder in (b"/tmp", b"/dev/shm", HOME.encode()):
        _mount(b"tmpfs", folder, b"tmpfs", MS_NOSUID | MS_NODEV, size)
    # Which could be mapped as shared memory that is counted for nobody
    _mount(b"/dev/null", b"/dev/zero", None, MS_BIND, None)
    # No namespace within this one, where it would have all privileges again
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    os.chdir(HOME)
    os.closerange(3, 65536)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    child = os.fork()
    if child:
        _watch(child, limits)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    _limit(limits)
    _give_up_privileges()
    seccomp.forbid()


def _wait_for(child: int) -> None:
    """In the parent: wait for the child, and end with its exit code. In the child: go on."""
    if child == 0:
        return
    try:
        _, status = os.waitpid(child, 0)
        os._exit(max(1, os.waitstatus_to_exitcode(status)) if status else 0)
    finally:
        os._exit(1)


def _watch(child: int, limits: Limits) -> NoReturn:
    """Wait for the child as the first process of a namespace, and end with it, or by its memory.

    The exit code is 0, 1, `OUT_OF_MEMORY` or `OUT_OF_CPU_TIME`, whatever the child's is.
    """
    code = 1
    try:
        for number in (0, 1, 2):  # so that the ends of its connections are closed with it
            os.close(number)
        while True:
            signal.sigtimedwait([signal.SIGCHLD], LOOK)
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)  # others may be left to it
                if pid == child:
                    code = 0 if status == 0 else 1
                    if os.waitstatus_to_exitcode(status) == -signal.SIGXCPU:
                        code = OUT_OF_CPU_TIME
                    return os._exit(code)
                if not pid:
                    break
            if _uses_more_than(limits.memory_mib << 20):
                code = OUT_OF_MEMORY
                return os._exit(code)
    finally:
        os._exit(code)


def _uses_more_than(most: int) -> bool:
    """Tell whether the other processes of this namespace together use more bytes."""
    # The first figure counts what is shared with the warm process for each of them, and is cheap
    return sum(map(_resident, _others())) > most and sum(map(_own, _others())) > most


def _own(pid: str) -> int:
    """Return the bytes that a process shares with no warm process."""
    found = _figure(pid, "smaps_rollup", ("Private_Dirty:", "Pss_Shmem:"))
    return _resident(pid) if found is None else found  # a process can forbid the closer look


def _resident(pid: str) -> int:
    return _figure(pid, "status", ("RssAnon:", "RssShmem:")) or 0


def _others() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def _figure(pid: str, file: str, names: tuple[str, ...]) -> int | None:
    """Return the sum of some lines of a file in /proc, in bytes; None if it can't be read."""
    try:
        with open(f"/proc/{pid}/{file}") as lines:
            return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(names))
    except (OSError, ValueError):
        return None


def _limit(limits: Limits) -> None:
    for what, most in {
        resource.RLIMIT_DATA: limits.memory_mib << 20,
        resource.RLIMIT_NPROC: limits.processes,
        resource.RLIMIT_FSIZE: limits.scratch_mib << 20,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_NOFILE: limits.files,
        resource.RLIMIT_CORE: 0,
    }.items():
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # Who can ignore the signal of the first limit of time is killed at the second
        more = SECONDS_MORE if what == resource.RLIMIT_CPU else 0
        resource.setrlimit(what, (most, most + more if hard == resource.RLIM_INFINITY else most))


def _give_up_privileges() -> None:
    for capability in range(LAST_CAPABILITY + 1):
        try:
            _call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0)
        except OSError:  # the kernel knows no more
            break
    _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    # struct __user_cap_header_struct and two of __user_cap_data_struct: none
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _mount(
    source: bytes, target: bytes, kind: bytes | None, flags: int, data: bytes | None
) -> None:
    _call("mount", source, target, kind, ctypes.c_ulong(flags), data)


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
