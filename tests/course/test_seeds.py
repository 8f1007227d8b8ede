"""Seeds are shifted in the code of a notebook, and nowhere else."""

import keras
import numpy as np
import pytest

from course import seeds

DRAW = "drawn = numpy.random.default_rng(3).random()"


@pytest.fixture
def restored(monkeypatch):
    monkeypatch.setattr(keras.utils, "set_random_seed", keras.utils.set_random_seed)
    monkeypatch.setattr(np.random, "default_rng", np.random.default_rng)


def run(code, module):
    names = {"__name__": module, "numpy": np, "keras": keras}
    exec(code, names)
    return names["drawn"]


@pytest.mark.parametrize("module", ["__main__", "course.stand_in"])
def test_only_a_notebook_is_shifted(restored, module):
    expected = np.random.default_rng(3 + 5 * seeds.APART if module == "__main__" else 3).random()
    seeds.shift_in_notebooks(5)
    assert run(DRAW, module) == expected


def test_keras_is_shifted_too(restored):
    code = "keras.utils.set_random_seed(2)\ndrawn = numpy.random.rand()"
    same = run(code.replace("2", str(2 + 7 * seeds.APART)), "__main__")
    seeds.shift_in_notebooks(7)
    assert run(code, "__main__") == same


def test_a_generator_without_a_seed_stays_random(restored):
    seeds.shift_in_notebooks(5)
    code = "drawn = numpy.random.default_rng().random()"
    assert run(code, "__main__") != run(code, "__main__")


def test_the_variable(monkeypatch):
    monkeypatch.delenv(seeds.VARIABLE, raising=False)
    assert seeds.current() == 0
    monkeypatch.setenv(seeds.VARIABLE, "4")
    assert seeds.current() == 4
