"""The command `autograder`, also as `python -m autograder`."""

import sys


def main() -> None:
    """Run the command; tell in one line if its packages are not installed."""
    try:
        from autograder import cli
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] in ("autograder", "course"):
            raise
        print(
            f"autograder: the package {error.name} is missing. Install what the command needs: "
            "pip install 'cnn-rnn-course[teach]'",
            file=sys.stderr,
        )
        sys.exit(2)
    cli.main()


if __name__ == "__main__":
    main()
