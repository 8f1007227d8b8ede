"""The three sizes in which every chapter runs."""

import textwrap
from types import SimpleNamespace
from typing import Any

from course import seeds

PROFILES = ("smoke", "quick", "full")

WIDTH = 44  # characters of printed text that fit on a phone


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
    """Choose the settings of one profile and print them, in lines that fit on a phone.

    From here on the seeds that the notebook sets are shifted, if `COURSE_SEED` says so.

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
    seeds.shift_in_notebooks(seeds.current())
    chosen = choices[profile]
    # Lines break between settings, not within one: textwrap takes no other space for a gap
    told = [
        f"{name} = {value:,}".replace(" ", "\N{NO-BREAK SPACE}") for name, value in chosen.items()
    ]
    lines = textwrap.fill(
        f"profile {profile}: {', '.join(told)}",
        WIDTH,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    print(lines.replace("\N{NO-BREAK SPACE}", " "))
    return SimpleNamespace(profile=profile, **chosen)
