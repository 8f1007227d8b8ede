"""Where the commands begin."""

import sys
from importlib import import_module


def run(package: str, extra: str) -> None:
    """Run the command of a package; tell in one line if what it needs is not installed.

    Args:
        package: `course` or `autograder`, whose `cli.main` is run.
        extra: of the course's package, with which pip installs what the command needs.
    """
    try:
        import_module(f"{package}.cli").main()
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] in ("autograder", "course"):
            raise
        print(
            f"{package}: the package {error.name} is missing. Install what the command needs: "
            f"pip install 'cnn-rnn-course[{extra}]'",
            file=sys.stderr,
        )
        sys.exit(2)
