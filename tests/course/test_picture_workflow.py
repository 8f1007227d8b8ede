"""A shuffle buffer and EarlyStopping: what the pictures say is what tf.data and Keras do."""

import json
import types

import numpy as np
import pytest
from pictures import number, texts, told

from course import picture_workflow
from course.picture_workflow import DELTAS, PATIENCE

N, BATCH = 60, 10
CLASSES = np.arange(N) >= 25  # sorted: 25 of class 0, then 35 of class 1


def shuffled(size, seed=1):
    """Hand out places as a shuffle buffer does, one at random and then the next in its place."""
    rng = np.random.default_rng(seed)
    buffer, rest, order = list(range(size)), list(range(size, N)), []
    while buffer:
        order.append(buffer.pop(rng.integers(len(buffer))))
        buffer += [rest.pop(0)] if rest else []
    return order


ORDERS = {size: shuffled(size) for size in (1, 8, N)}


@pytest.fixture(scope="module")
def buffer():
    return picture_workflow.shuffle_buffer(ORDERS, CLASSES.astype(int), BATCH)


@pytest.mark.parametrize("size", ORDERS)
@pytest.mark.parametrize("done", [0, 3, 5, 6])
def test_the_buffer_holds_what_is_read_and_not_yet_handed_out(buffer, size, done):
    handed = done * BATCH
    inside = set(range(min(N, handed + size))) - set(ORDERS[size][:handed])
    given = {"buffer": size, "done": done}
    assert number(buffer, "inside", **given) == len(inside)
    assert number(buffer, f"{N} - read", **given) == N - max([*ORDERS[size][:handed], *inside]) - 1
    assert number(buffer, "waiting[which][done]", **given) == CLASSES[list(inside)].sum()


@pytest.mark.parametrize("size", ORDERS)
def test_the_batches_hold_the_classes_of_their_points(buffer, size):
    ones = CLASSES[ORDERS[size]].reshape(-1, BATCH).sum(axis=1)
    said = json.loads(told(buffer, "'[' + ones[which] + ']'", buffer=size))
    assert said == ones.tolist()
    assert number(buffer, "pure[which]", buffer=size) == np.isin(ones, (0, BATCH)).sum()


def test_the_sentence_says_what_the_buffer_holds(buffer):
    assert told(buffer, buffer=1, done=2) == (
        "Buffer of 1, after 2 of 6 batches: 1 point stands in the buffer, 0 of class 1; 39 are not "
        "read yet. Of the 10 points of the next batch 5 are of class 1. Of all 6 batches 5 hold one "
        "class only."
    )
    end = told(buffer, buffer=N, done=6)
    assert end.startswith("Buffer of 60, after 6 of 6 batches: 0 points stand in the buffer, 0 of")
    assert "next batch" not in end


@pytest.mark.slow
def test_tf_data_hands_out_nothing_that_the_buffer_has_not_reached():
    import tensorflow as tf

    for size in (1, 8, N):
        order = [int(place) for place in tf.data.Dataset.range(N).shuffle(size, seed=1)]
        assert sorted(order) == list(range(N))
        assert (np.array(order) < np.arange(N) + size).all()


RUNS = {
    "bumpy": [0.65, 0.578, 0.4688, 0.4682, 0.5068, 0.4361, 0.4499, 0.441, 0.4435, 0.4359, 0.45, 0.46],
    "falling": [round(0.7 - 0.02 * epoch, 3) for epoch in range(12)],
}  # fmt: skip


@pytest.fixture(scope="module")
def stopping():
    return picture_workflow.early_stopping(RUNS)


def by_keras(losses, patience, delta, restored):
    """Return after which epoch Keras's callback ends, 0 for never, and whose weights are kept."""
    import keras

    model = types.SimpleNamespace(stop_training=False, epoch=0)
    model.metrics = [keras.metrics.Mean(name="loss")]
    model.get_weights = lambda: model.epoch
    model.set_weights = lambda weights: setattr(model, "epoch", weights)
    callback = keras.callbacks.EarlyStopping(
        patience=patience, min_delta=delta, restore_best_weights=restored
    )
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        model.epoch = epoch + 1
        callback.on_epoch_end(epoch, {"val_loss": loss})
        if model.stop_training:
            break
    end = model.epoch if model.stop_training else 0
    callback.on_train_end()
    return end, model.epoch


@pytest.mark.slow
def test_keras_stops_and_keeps_what_the_picture_says(stopping):
    values = {given["name"]: given.get("value") for given in stopping.spec()["params"]}
    for run, losses in enumerate(RUNS.values()):
        for row, delta in enumerate(DELTAS):
            for patience in range(1, PATIENCE + 1):
                end = values["ends"][run][row][patience - 1]
                last = end or len(losses)
                assert (end, last) == by_keras(losses, patience, delta, restored=False)
                best = values["bests"][run][row][last - 1]
                assert (end, best) == by_keras(losses, patience, delta, restored=True)


@pytest.mark.parametrize(
    ("settings", "end", "kept"),
    [
        # Epoch 4 is a new best by 0.0006 only
        ({"patience": 1}, 5, 5),
        ({"patience": 1, "restored": "True"}, 5, 4),
        ({"patience": 1, "delta": 0.001, "restored": "True"}, 4, 3),
        ({"patience": 4, "restored": "True"}, 12, 10),
        ({"patience": 10, "delta": 0.05, "restored": "True"}, 12, 3),
        ({"training": "falling", "patience": 3, "delta": 0.05, "restored": "True"}, 12, 10),
    ],
)
def test_the_rule_is_that_of_early_stopping(stopping, settings, end, kept):
    assert number(stopping, "end", **settings) == end
    assert number(stopping, "kept", **settings) == kept


def test_a_loss_that_is_lower_by_just_min_delta_is_no_new_best():
    assert picture_workflow.follow([1.0, 0.5, 0.0, -1.0], 0.5) == ([1, 1, 3, 4], [0, 1, 0, 0])


def test_the_sentence_says_where_training_ends_and_what_is_kept(stopping):
    assert told(stopping) == (
        "Training ends after epoch 5 of 12, as 1 epoch brought no new best. The weights that are "
        "kept are those of epoch 5, with a validation loss of 0.5068 nats. The lowest of all 12 is "
        "0.4359, of epoch 10."
    )
    through = told(stopping, training="falling", patience=2)
    assert through.startswith("Training goes through all 12 epochs. The weights")


def test_the_drawing_names_the_epoch_whose_weights_are_kept(stopping):
    assert "kept: 5" in texts(stopping.spec())
    assert "kept: 4" in texts(stopping.spec(), restored="True")


def test_the_pages_stay_light(buffer, stopping):
    long = {"one": [1 / epoch for epoch in range(1, 61)]}
    for picture in (buffer, stopping, picture_workflow.early_stopping(long)):
        assert len(json.dumps(picture.spec())) < 20_000
        assert len(picture.alt) > 60
