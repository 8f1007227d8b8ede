"""The three sizes in which every chapter runs."""

from types import SimpleNamespace
from typing import Any

PROFILES = ("smoke", "quick", "full")


class ProfileError(ValueError):
    """A profile that does not exist, or a chapter that does not define one of the three."""


def check_profile(name: str) -> str:
    """Return `name` if it is a profile.

    Raises:
        ProfileError: `name` is not one of `PROFILES`.
    """
    if name not in PROFILES:
        raise ProfileError(f"unknown profile {name!r}: choose one of {', '.join(PROFILES)}")
    return name


def settings(profile: str, **choices: dict[str, Any]) -> SimpleNamespace:
    """Choose the settings of one profile and print them.

    Args:
        profile: the profile to use, one of `PROFILES`.
        choices: for each profile a dictionary of settings; all three have the same names.

    Returns:
        The chosen settings as attributes, and `profile` itself.

    Raises:
        ProfileError: `profile` is unknown, or the choices are not one for each profile with the
            same names.

    >>> run = settings("quick", smoke={"epochs": 1}, quick={"epochs": 3}, full={"epochs": 5})
    profile quick: epochs = 3
    >>> run.epochs
    3
    """
    check_profile(profile)
    if set(choices) != set(PROFILES):
        raise ProfileError(
            f"give settings for each of {', '.join(PROFILES)}; got {sorted(choices)}"
        )
    if len({frozenset(choice) for choice in choices.values()}) != 1:
        raise ProfileError("the three profiles must define the same settings")
    chosen = choices[profile]
    print(f"profile {profile}: " + ", ".join(f"{k} = {v:,}" for k, v in chosen.items()))
    return SimpleNamespace(profile=profile, **chosen)
