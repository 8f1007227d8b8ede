"""Measuring speeds, with a clock of our own."""

import pytest

from course.speed import SpeedError, measure


class Clock:
    """A clock that only the contestants move."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def __call__(self):
        return self.now

    def contestant(self, name, seconds, steps=10):
        """Make a contestant whose runs take these seconds, one after the other."""
        left = iter(seconds)

        def run():
            self.order.append(name)
            self.now += next(left)
            return steps

        return run


def test_steps_a_second_and_ratios_repeat_by_repeat():
    clock = Clock()
    contestants = {
        "slow": clock.contestant("slow", [100, 2, 4, 8]),
        "fast": clock.contestant("fast", [100, 1, 1, 1], steps=20),
    }
    speeds = measure(contestants, 3, clock)
    assert speeds.rates == {"slow": (5.0, 2.5, 1.25), "fast": (20.0, 20.0, 20.0)}
    assert speeds.median("slow") == 2.5
    ratio = speeds.ratio("fast", "slow")
    assert ratio.values == (4.0, 8.0, 16.0)
    assert (ratio.median, ratio.lowest, ratio.highest) == (8.0, 4.0, 16.0)


def test_each_warms_up_once_and_the_order_rotates():
    clock = Clock()
    contestants = {name: clock.contestant(name, [1] * 4) for name in "abc"}
    told = []
    measure(contestants, 3, clock, told.append)
    assert "".join(clock.order) == "abc" + "abc" + "bca" + "cab"
    assert told[:3] == ["warm-up: a", "warm-up: b", "warm-up: c"]
    assert told[3:] == ["repeat 1 of 3", "repeat 2 of 3", "repeat 3 of 3"]


def test_no_contestant():
    with pytest.raises(SpeedError, match="one contestant"):
        measure({}, 1, Clock())


@pytest.mark.parametrize("steps", [0, -1, None, 2.5])
def test_no_number_of_steps_is_seen_in_the_warm_up(steps):
    clock = Clock()
    contestants = {
        "a": clock.contestant("a", [1, 1], steps=steps),
        "b": clock.contestant("b", [1, 1]),
    }
    with pytest.raises(SpeedError, match="'a' returned"):
        measure(contestants, 1, clock)
    assert clock.order == ["a"]


def test_steps_that_stop_after_the_warm_up():
    clock, answers = Clock(), iter([1, 0])

    def run():
        clock.now += 1
        return next(answers)

    with pytest.raises(SpeedError, match="'a' returned 0"):
        measure({"a": run}, 1, clock)


def test_steps_that_take_no_time():
    clock = Clock()
    with pytest.raises(SpeedError, match="'a' took no time"):
        measure({"a": clock.contestant("a", [1, 0])}, 1, clock)


def test_no_repeat():
    with pytest.raises(SpeedError, match="one repeat"):
        measure({"a": lambda: 1}, 0)
