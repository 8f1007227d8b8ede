import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from course import figures


@pytest.fixture(autouse=True)
def own_style():
    """Leave matplotlib as it was, with no figure open."""
    with mpl.rc_context({"backend": "agg"}):
        figures.use_style()
        yield
    plt.close("all")


def test_pictures_stand_in_rows_with_their_titles():
    figure = figures.show_images(np.zeros((5, 4, 4)), titles=np.arange(5), columns=3)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["0", "1", "2", "3", "4", ""]
    assert sum(len(axis.images) for axis in figure.axes) == 5


def test_a_few_pictures_take_no_more_columns_than_they_fill():
    assert len(figures.show_images(np.zeros((2, 4, 4))).axes) == 2


def test_curves_differ_in_line_style_too():
    figure, axis = plt.subplots()
    lines = [axis.plot([0, 1])[0] for _ in range(4)]
    assert len({line.get_linestyle() for line in lines}) == 4
    assert len({line.get_color() for line in lines}) == 4
    assert figure.get_facecolor() == (1, 1, 1, 1)


@pytest.mark.slow
def test_a_drawing_has_each_layer_with_its_parameters_and_shape(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()]
    )
    [axis] = figures.draw_model(model).axes
    words = [text.get_text() for text in axis.texts]
    assert words == [
        "input (None, 8, 8, 1)",
        *("Conv2D", "40 parameters", "(None, 6, 6, 4)"),
        *("Flatten", "no parameters", "(None, 144)"),
    ]


@pytest.mark.slow
def test_a_drawn_graph_has_an_arrow_for_each_tensor(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    hidden = keras.layers.Dense(4)(left)
    both = keras.layers.Concatenate()([hidden, right])
    model = keras.Model([left, right], keras.layers.Dense(1)(both))
    [axis] = figures.draw_graph(model).axes
    boxes = {text.get_text(): text.get_position() for text in axis.texts if text.get_text()}
    assert set(boxes) == {
        "input 'left'\n(None, 3)",
        "input 'right'\n(None, 2)",
        "Dense\n(None, 4)\n16 parameters",
        "Concatenate\n(None, 6)",
        "Dense\n(None, 1)\n7 parameters",
    }
    depth = {name.partition("\n")[0]: y for name, (_, y) in list(boxes.items())[:4]}
    assert depth["input 'left'"] == 0
    assert depth["input 'right'"] == 1  # just above the layer that reads it
    assert depth["Concatenate"] == 2
    arrows = [text for text in axis.texts if text.get_text() == ""]
    assert len(arrows) == 4


@pytest.mark.slow
def test_a_summary_is_plain_text(capsys, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    figures.print_summary(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="m"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'Model: "m"'
    assert any("15 (60.00 B)" in line for line in lines)
    assert max(map(len, lines)) <= 60
