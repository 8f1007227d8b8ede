"""A callback that recognises a training that has collapsed, stops it and restores the best weights.

A network has collapsed when it gives every input the same prediction and no longer leaves that
state. Its loss then stays near that of the best constant prediction: the entropy H of the class
frequencies, which is ln C for C classes that are equally frequent. That loss alone proves nothing,
since every run begins there, and some stay there long before they learn. So the guard looks at
what the network tells apart: the *spread* of its predictions, which is the standard deviation over
a probe of different inputs of the probability of a class, for the class where it is largest.
A collapse is, at several checks in a row:

1. a spread below `LOST` of the largest that the run has had (a slow network that has told little
   apart from the start still has what it had);
2. a spread that is not growing (a network that is on its way back is let go on);
3. a mean training loss that is not below the band around H, but for chance. One that is can't
   come of constant predictions: then training and inference differ, which is another fault;
4. a last loss that is not above the band around ln C, or is and has not fallen by a tenth since
   the first of these checks (saturated probabilities of a network that is still learning can be
   constant for a while).

A loss, or a probability, that is not a finite number is a collapse at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

LOST = 1e-3  # of the largest spread: runs that learn were seen to keep a tenth of it
NOISE = 1e-6  # a spread below it may be rounding, so that its growth means nothing


class GuardError(Exception):
    """A guard that can't watch; the message says why, and names the mend."""


@dataclass(frozen=True)
class Check:
    """What the guard saw at one check."""

    where: str
    loss: float
    spread: float
    batches: int = 1  # that the loss is the mean of


def probabilities(output: Any) -> np.ndarray:
    """Return a model's output as float64 probabilities, from probabilities or logits.

    Args:
        output: of shape (inputs, ..., classes), or (inputs,) or (inputs, 1) of a binary model.

    Returns:
        Shape (inputs, ..., classes), where a binary model has 2 classes; each row sums to 1.
    """
    values = np.asarray(output, "float64")
    if values.ndim == 1:
        values = values[:, None]
    if values.shape[-1] == 1:
        if values.min() < 0 or values.max() > 1:
            values = 1 / (1 + np.exp(-np.clip(values, -700, 700)))
        return np.concatenate([1 - values, values], axis=-1)
    if values.min() >= 0 and np.allclose(values.sum(-1), 1, atol=1e-2):
        return values
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def frequencies(labels: Any) -> np.ndarray:
    """Return how frequent each class is, from labels: numbers of any shape, or one-hot (..., C).

    They are one-hot (or shares) if all rows of several numbers lie in [0, 1] and sum to 1.
    """
    values = np.asarray(labels)
    rows = values.ndim > 1 and values.shape[-1] > 1
    if rows and values.min() >= 0 and np.allclose(values.sum(-1), 1):
        counts = values.reshape(-1, values.shape[-1]).sum(0, dtype="float64")
    else:
        counts = np.bincount(values.astype("int64").reshape(-1)).astype("float64")
    return counts[counts > 0] / counts.sum()


class CollapseGuard(keras.callbacks.Callback):
    """Stops a classifier's training when it has collapsed, and restores its best weights.

    The best weights are those of the epoch's end with the lowest validation loss or, as long as
    there was no validation, training loss; before the first epoch's end, those that the training
    began with.
    The optimizer's state is left as it is.

    Args:
        probe: inputs that differ, as the model takes them: 256 training pictures are plenty.
        labels: training labels, the more the better, as numbers or one-hot: they tell the loss of
            a constant prediction. Without them the classes are taken as equally frequent.
        every: batches between two checks; by default a tenth of an epoch, at most 50.
        checks: how many checks in a row must show the collapse.
        band: half the width of the band around the constant prediction's loss, relative to it.
        say: is told the reason, once.

    After `fit`, `reason` is None or one sentence, `stopped_at` None or (epoch, batch) counted from
    1, and `history` has what each check saw.
    """

    def __init__(
        self,
        probe: Any,
        labels: Any = None,
        *,
        every: int | None = None,
        checks: int = 5,
        band: float = 0.05,
        say: Callable[[str], None] = print,
    ):
        super().__init__()
        if checks < 2 or not 0 < band < 1 or (every is not None and every < 1):
            raise GuardError("give at least 2 checks, a band between 0 and 1, and every >= 1")
        first = keras.tree.flatten(probe)[0]
        if len(first) < 2 or not np.any(np.asarray(first) != np.asarray(first[:1])):
            raise GuardError("the probe must hold inputs that differ: give 256 training examples")
        self.probe = keras.tree.map_structure(keras.ops.convert_to_tensor, probe)
        self.every, self.checks, self.band, self.say = every, checks, band, say
        self._frequencies = None if labels is None else frequencies(labels)
        self._start()

    def _start(self) -> None:
        self.reason: str | None = None
        self.stopped_at: tuple[int, int] | None = None
        self.history: list[Check] = []
        self._most = 0.0  # the largest spread
        self._streak: list[Check] = []
        self._best = (math.inf, "the beginning of the training")
        self._measure = "loss"  # what the best weights were chosen by
        self._weights: list[np.ndarray] | None = None
        self._epoch = 0
        self._batch = 0
        self._seen = (0, 0.0)  # batches, and the sum of their losses, at the last check

    # The judgement, without Keras

    def check(
        self, loss: float, output: Any, where: str | None = None, batches: int = 1
    ) -> str | None:
        """Judge the training as it is now; for a training loop of your own.

        Call it before the first step too, so that it knows the spread of the untrained network.

        Args:
            loss: the training loss now, or its mean since the last check.
            output: the model's output for the probe, in inference mode: (inputs, classes),
                probabilities or logits.
            where: the place in the training, for the message; by default the check's number.
            batches: how many batches the loss is the mean of.

        Returns:
            None, or the reason to stop, in one sentence.
        """
        where = where or f"check {len(self.history) + 1}"
        values = np.asarray(output, "float64")
        if not math.isfinite(loss) or not np.all(np.isfinite(values)):
            what = f"the loss is {loss:g}" if not math.isfinite(loss) else "it predicts NaN"
            self.reason = f"{where}: the training collapsed: {what}, which is no finite number"
            return self.reason
        chances = probabilities(values)
        seen = Check(where, float(loss), float(chances.std(0).max()), batches)
        begun = bool(self.history)
        self.history.append(seen)
        self._most = max(self._most, seen.spread)
        lost = begun and seen.spread <= LOST * self._most
        self._streak = [*self._streak, seen] if lost else []
        constant = self._constant_loss(chances.shape[-1])
        if self._is_collapse(constant, chances.shape[-1]):
            mean = np.mean([c.loss for c in self._streak[-self.checks :]])
            self.reason = (
                f"{where}: the training collapsed: all {len(chances)} inputs of the probe get the "
                f"same prediction (spread {seen.spread:.1g}, before {self._most:.1g}), and the "
                f"loss of {self.checks} checks is {mean:.4f}, where a constant prediction can "
                f"reach {constant:.4f}"
            )
        return self.reason

    def _constant_loss(self, classes: int) -> float:
        """Return the entropy of the class frequencies: the best loss of a constant prediction."""
        if self._frequencies is None:
            return math.log(classes)
        return float(-np.sum(self._frequencies * np.log(self._frequencies)))

    def _is_collapse(self, constant: float, classes: int) -> bool:
        last = self._streak[-self.checks :]
        if len(last) < self.checks:
            return False
        spreads, losses = [c.spread for c in last], [c.loss for c in last]
        if spreads[-1] > max(2 * min(spreads), NOISE):
            return False
        if np.mean(losses) < (1 - self.band) * constant - self._chance(last):
            return False
        above = losses[-1] > (1 + self.band) * math.log(classes)
        return not above or losses[-1] > 0.9 * losses[0]

    def _chance(self, checks: list[Check]) -> float:
        """Return three standard errors of a constant prediction's loss over the checks.

        The loss of one example is -log(frequency of its class); a batch has at least 16 examples.
        """
        if self._frequencies is None:
            return 0.0
        costs = -np.log(self._frequencies)
        mean = np.sum(self._frequencies * costs)
        variance = np.sum(self._frequencies * (costs - mean) ** 2)
        return 3 * float(np.sqrt(variance / (16 * sum(check.batches for check in checks))))

    # What Keras calls

    def on_train_begin(self, logs: Any = None) -> None:
        """Look at the untrained network, and keep its weights."""
        self._start()
        output = self._predict()  # which also makes the weights of a model that has none yet
        self._weights = self.model.get_weights()
        if np.all(np.isfinite(output)):
            classes = probabilities(output).shape[-1]
            self.check(self._constant_loss(classes), output, "before training")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin a new count of batches."""
        self._epoch, self._batch, self._seen = epoch + 1, 0, (0, 0.0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the loss, and at the predictions when it is time."""
        if self.reason:
            return
        self._batch = batch + 1
        loss = _loss(logs)
        if not math.isfinite(loss) or self._batch - self._seen[0] >= self._interval():
            self._look(loss)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the weights if they are the best so far."""
        logs = logs or {}
        if self.reason:
            return
        if self._batch > self._seen[0]:
            self._look(_loss(logs))
        # A training loss says nothing beside a validation loss
        name = "val_loss" if "val_loss" in logs else self._measure
        value = float(logs.get(name, math.nan))
        best = self._best[0] if name == self._measure else math.inf
        if self.reason or self._streak or not value < best:
            return
        weights = self.model.get_weights()
        if all(np.all(np.isfinite(w)) for w in weights):
            self._weights = weights
            self._measure = name
            self._best = value, f"the end of epoch {self._epoch} ({name} {value:.4f})"

    def _interval(self) -> int:
        steps = (self.params or {}).get("steps") or 200
        return self.every or max(1, min(50, steps // 10))

    def _look(self, mean: float) -> None:
        """Check now; `mean` is the epoch's mean loss so far, as Keras logs it."""
        count, total = self._seen
        batches, loss = self._batch - count, mean
        if math.isfinite(mean):
            loss = (mean * self._batch - total) / batches
            self._seen = self._batch, mean * self._batch
        where = f"epoch {self._epoch}, batch {self._batch}"
        if self.check(loss, self._predict(), where, batches):
            self.stopped_at = self._epoch, self._batch
            self.model.set_weights(self._weights)
            self.model.stop_training = True
            self.reason += f"; stopped, with the weights of {self._best[1]}"
            self.say(self.reason)

    def _predict(self) -> np.ndarray:
        output = self.model(self.probe, training=False)
        if not hasattr(output, "shape"):
            raise GuardError("the model has several outputs; the guard watches one")
        return keras.ops.convert_to_numpy(output)


def _loss(logs: Any) -> float:
    """Return the loss that Keras logs."""
    if "loss" not in (logs or {}):
        raise GuardError("the training logs no 'loss'; return one from train_step")
    return float(logs["loss"])
