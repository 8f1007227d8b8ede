"""Let `python -m autograder` do what the command `autograder` does."""

from autograder.cli import main

if __name__ == "__main__":
    main()
