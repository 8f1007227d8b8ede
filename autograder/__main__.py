"""The command `autograder`, also as `python -m autograder`."""

from course.entry import run


def main() -> None:
    """Run the command."""
    run("autograder", "teach")


if __name__ == "__main__":
    main()
