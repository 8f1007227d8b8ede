"""requirements.txt is what pyproject.toml resolves to, and what is installed here."""

import platform
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from projects import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
# What the lock leaves out on purpose, though a package asks for it
LEFT_OUT = [Requirement(text).name for text in PYPROJECT["tool"]["uv"]["override-dependencies"]]
VERSIONS = ("3.11", "3.12", "3.13")


def wanted(extra="dev"):
    """Return what the package needs with an extra, and with the extras that this one names."""
    found = list(map(Requirement, PROJECT["dependencies"]))
    waiting = [extra]
    while waiting:
        for requirement in map(Requirement, PROJECT["optional-dependencies"][waiting.pop()]):
            if requirement.name == PROJECT["name"]:
                waiting.extend(requirement.extras)
            else:
                found.append(requirement)
    return found


def requirements():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith((" ", "#"))]


def lock(python):
    """Return the pinned version of each package on Linux for a version of Python."""
    place = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
    }
    return {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
        for requirement in requirements()
        if requirement.marker is None or requirement.marker.evaluate(place)
    }


def test_the_lock_was_made_by_the_documented_command():
    head = (ROOT / "requirements.txt").read_text().splitlines()[1]
    makefile = (ROOT / "Makefile").read_text()
    options = head.partition("uv pip compile")[2].replace("-o ", "--output-file ").split()
    [command] = [line for line in makefile.splitlines() if "uv pip compile" in line]
    given = command.partition("uv pip compile")[2].split()
    assert set(options) == set(given) - {"--upgrade", "--quiet"}


def test_every_pin_is_exact():
    for requirement in requirements():
        [pin] = requirement.specifier
        assert pin.operator == "==", requirement


@pytest.mark.parametrize("python", VERSIONS)
def test_the_lock_satisfies_the_ranges(python):
    pinned = lock(python)
    for requirement in wanted():
        if requirement.marker and not requirement.marker.evaluate({"python_version": python}):
            continue
        version = pinned[canonicalize_name(requirement.name)]
        assert Version(version) in requirement.specifier, requirement


def test_the_gpu_extra_is_the_locked_tensorflow():
    [requirement] = map(Requirement, PROJECT["optional-dependencies"]["gpu"])
    assert requirement.extras == {"and-cuda"}
    assert lock("3.12")["tensorflow"] in requirement.specifier


def test_what_the_locked_packages_need_is_in_the_lock():
    """Walk the dependencies of what is installed, as pip would, and find each in the lock."""
    pinned, seen = lock(".".join(platform.python_version_tuple()[:2])), set()
    waiting = wanted()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in LEFT_OUT:
            assert name not in pinned
            continue
        assert name in pinned, requirement
        assert metadata.version(name) == pinned[name]
        for extra in {"", *requirement.extras}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for need in map(Requirement, metadata.requires(name) or []):
                if need.marker is None or need.marker.evaluate({"extra": extra}):
                    waiting.append(need)
