"""Takes system calls away from a process that no notebook needs, by Linux's seccomp filters.

They reach memory that no limit counts, keys that outlive a process, or parts of the system that
namespaces don't separate. See seccomp(2), and `linux/bpf_common.h` for the filter's instructions.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # refused with EPERM
LOAD, AND, JUMP_EQUAL, JUMP_FROM, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, FIRST = 0, 4, 16  # offsets in struct seccomp_data
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
X32 = 0x40000000  # a second set of call numbers on x86-64

MAP_SHARED, MAP_ANONYMOUS = 1, 0x20

# The audit number of a machine, its numbers of socket(2) and mmap(2), and those of the calls it loses
MACHINES = {
    "x86_64": (
        0xC000003E,
        41,
        9,
        {
            **{"shmget": 29, "shmat": 30, "msgget": 68, "ptrace": 101, "semget": 64},
            **{"add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272},
            **{"perf_event_open": 298, "name_to_handle_at": 303, "open_by_handle_at": 304},
            **{"setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312},
            **{"memfd_create": 319, "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425},
            **{"io_uring_enter": 426, "io_uring_register": 427, "memfd_secret": 447},
            **{"mount": 165, "umount2": 166, "pivot_root": 155, "move_mount": 429},
            **{"open_tree": 428, "fsopen": 430, "pidfd_getfd": 438, "mount_setattr": 442},
        },
    ),
    "aarch64": (
        0xC00000B7,
        198,
        222,
        {
            **{"shmget": 194, "shmat": 196, "msgget": 186, "ptrace": 117, "semget": 190},
            **{"add_key": 217, "request_key": 218, "keyctl": 219, "unshare": 97},
            **{"perf_event_open": 241, "name_to_handle_at": 264, "open_by_handle_at": 265},
            **{"setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272},
            **{"memfd_create": 279, "bpf": 280, "userfaultfd": 282, "io_uring_setup": 425},
            **{"io_uring_enter": 426, "io_uring_register": 427, "memfd_secret": 447},
            **{"mount": 40, "umount2": 39, "pivot_root": 41, "move_mount": 429},
            **{"open_tree": 428, "fsopen": 430, "pidfd_getfd": 438, "mount_setattr": 442},
        },
    ),
}


def offered() -> bool:
    """Tell whether this machine's system calls are known here."""
    return platform.machine() in MACHINES


def forbid() -> None:
    """Take the calls away from this process and all that it starts; nothing on other machines.

    Sockets are left for the families of ordinary programs, which the network namespace keeps
    apart from everything.

    Raises:
        OSError: the system refuses.
    """
    if not offered():
        return
    audit, socket_call, mmap_call, calls = MACHINES[platform.machine()]
    families = (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK)
    program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_EQUAL, 1, 0, audit),
        (RETURN, 0, 0, KILL),  # 32-bit calls have other numbers
        (LOAD, 0, 0, NUMBER),
        (JUMP_FROM, 0, 1, X32),
        (RETURN, 0, 0, REFUSE),
    ]
    for number in sorted(calls.values()):
        program += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    # Shared memory without a file, which is counted for nobody once it is not mapped
    program += [
        (JUMP_EQUAL, 0, 5, mmap_call),
        (LOAD, 0, 0, FIRST + 3 * 8),
        (AND, 0, 0, MAP_SHARED | MAP_ANONYMOUS),
        (JUMP_EQUAL, 0, 1, MAP_SHARED | MAP_ANONYMOUS),
        (RETURN, 0, 0, REFUSE),
        (LOAD, 0, 0, NUMBER),
    ]
    program += [(JUMP_EQUAL, 1, 0, socket_call), (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, FIRST)]
    for family in families:
        program += [(JUMP_EQUAL, 0, 1, family), (RETURN, 0, 0, ALLOW)]
    program += [(RETURN, 0, 0, REFUSE)]
    _install(b"".join(struct.pack("HBBI", *step) for step in program), len(program))


def _install(code: bytes, length: int) -> None:
    class Program(ctypes.Structure):  # struct sock_fprog
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    libc = ctypes.CDLL(None, use_errno=True)
    program = Program(length, code)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*arguments):
            number = ctypes.get_errno()
            raise OSError(number, f"prctl: {os.strerror(number)}")
