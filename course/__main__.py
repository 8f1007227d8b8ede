"""The command `course`, also as `python -m course`."""

from course.entry import run


def main() -> None:
    """Run the command."""
    run("course", "book")


if __name__ == "__main__":
    main()
