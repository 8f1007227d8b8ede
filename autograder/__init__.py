"""The tools that teachers run: exercises, their banks of answers, and grading."""
