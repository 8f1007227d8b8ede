"""What the chapters of the course import, and the command that runs them and builds the book."""
