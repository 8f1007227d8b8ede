"""Does this machine compute what TensorFlow promises? A check of seconds for any device.

Each operation of `OPERATIONS` runs on small inputs, eagerly and inside `tf.function`, in training
mode (under a gradient tape) and in inference mode (without one, which is where TensorFlow fuses
operations). Its results are compared with a second program for the same thing, in float64 NumPy:

- the output, with the NumPy function beside it in the table;
- the gradients, with central differences of that NumPy function (for the loss "sum of the output
  times fixed random numbers"): along all axes of small inputs, and of large ones along some axes
  and along directions that change every entry at once;
- training against inference, where the two must agree.

**Limits.** A float32 has 24 bits, and the rounding errors of a sum of N products grow like the
square root of N. So a result may be off by `SAFETY * 2**-23 * sqrt(N) * s`, with N the entries of
the largest input and s the largest expected number (at least 1). `SAFETY` leaves room for other
orders of summation, Winograd convolution and fast exponentials. TensorFlow may round products to
10 bits on NVIDIA GPUs (TF32); the check turns that off while it runs.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from course.operations import OPERATIONS, Case, Operation, forget
from course.reference import Wrong

SAFETY = 16
STEP = 1e-5  # of the central differences; errors near STEP**2 and 1e-16 / STEP, far below float32
MODES = ("eager", "graph")
TRAINING, INFERENCE = "output in training", "output in inference"
AGREEMENT = "training against inference"


class BackendError(Exception):
    """A check that can't be made; the message says why, and names the mend."""


@dataclass(frozen=True)
class Row:
    """What one part of one operation came to in one mode, over all its cases."""

    operation: str
    part: str
    mode: str
    error: float
    limit: float
    passed: bool
    message: str = ""


@dataclass(frozen=True)
class Report:
    """The rows of a check, and what was checked."""

    rows: tuple[Row, ...]
    device: str
    seconds: float
    versions: str

    @property
    def passed(self) -> bool:
        """Whether every row passed."""
        return not self.faults

    @property
    def faults(self) -> list[Row]:
        """The rows that failed."""
        return [row for row in self.rows if not row.passed]

    @property
    def blamed(self) -> list[str]:
        """The operations with a row that failed, each once."""
        return list(dict.fromkeys(row.operation for row in self.faults))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON can hold it: an error that is no finite number is null."""
        rows = [asdict(row) for row in self.rows]
        for row in rows:
            row["error"] = row["error"] if np.isfinite(row["error"]) else None
        facts = {"device": self.device, "versions": self.versions, "seconds": self.seconds}
        return {"passed": self.passed, **facts, "rows": rows}

    def __str__(self) -> str:
        """Return a table with a line for each operation, then the message of each fault."""
        lines = [f"{'operation':<26}{'checks':>6}  {'off by':>8}  {'limit':>8}  worst part"]
        for name in dict.fromkeys(row.operation for row in self.rows):
            rows = [row for row in self.rows if row.operation == name]
            worst = max(rows, key=lambda row: row.error / row.limit)
            verdict = "" if all(row.passed for row in rows) else "  FAULT"
            lines.append(
                f"{name:<26}{len(rows):>6}  {worst.error:8.1e}  {worst.limit:8.1e}  "
                f"{worst.part}, {worst.mode}{verdict}"
            )
        end = f"{len(self.faults)} FAULTS" if self.faults else "all right"
        lines += [*(f"\n{row.message}" for row in self.faults), ""]
        lines.append(
            f"{len(self.rows)} checks on {self.device} in {self.seconds:.1f} s, "
            f"{self.versions}: {end}"
        )
        return "\n".join(lines)


def devices() -> list[str]:
    """Return the names of the devices that TensorFlow sees, such as CPU:0 and GPU:0."""
    return [d.name.removeprefix("/device:") for d in tf.config.list_logical_devices()]


def find_device(name: str | None = None) -> str:
    """Return a device's name as `devices` has it; without a name, the one TensorFlow would take.

    Raises:
        BackendError: there is no such device.
    """
    known = devices()
    if name is None:
        return next((d for d in known if d.startswith("GPU")), known[0])
    wanted = name.upper().removeprefix("/").removeprefix("DEVICE:")
    wanted = wanted if ":" in wanted else f"{wanted}:0"
    if wanted not in known:
        raise BackendError(f"unknown device {name!r}: TensorFlow sees {', '.join(known)} here")
    return wanted


def check(
    device: str | None = None,
    operations: Iterable[str] | None = None,
    replace: Mapping[str, Callable[..., tf.Tensor]] | None = None,
    modes: Iterable[str] = MODES,
    say: Callable[[str], None] = lambda text: None,
) -> Report:
    """Compare operations on a device with float64 NumPy.

    Args:
        device: such as "/GPU:0" or "CPU:0"; without it, the one that TensorFlow would take.
        operations: names in `OPERATIONS`; without them, all.
        replace: functions to run in place of an operation's `device` function, by name. This is
            how a fault is injected: write one that is wrong and see the check name it.
        modes: "eager", "graph" (inside `tf.function`) and "xla" (compiled, as `model.fit` does
            unless told otherwise); by default the first two.
        say: is told what happens, in one line.

    Raises:
        BackendError: the device, an operation or a mode has no such name, or nothing would be
            checked of the operations, the modes or a replacement.
    """
    start = time.perf_counter()
    device = find_device(device)
    names = list(OPERATIONS if operations is None else operations)
    replace, modes = dict(replace or {}), tuple(modes)
    if not names or not modes:
        raise BackendError("nothing to check: give at least one operation and one mode")
    for name in [*names, *replace]:
        if name not in OPERATIONS:
            raise BackendError(f"unknown operation {name!r}: choose from {', '.join(OPERATIONS)}")
        if name not in names:
            raise BackendError(f"{name!r} is replaced but not checked: add it to the operations")
    for mode in modes:
        if mode not in (*MODES, "xla"):
            raise BackendError(f"unknown mode {mode!r}: choose from {', '.join(MODES)}, xla")
    forget()
    rounds = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    rows = []
    try:
        for name in names:
            say(f"checking {name}")
            run = replace.get(name, OPERATIONS[name].device)
            rows += _check_operation(name, OPERATIONS[name], run, device, modes)
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(rounds)
    versions = (
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, "
        f"{platform.system()} {platform.machine()}"
    )
    return Report(tuple(rows), device, time.perf_counter() - start, versions)


@dataclass(frozen=True)
class _Finding:
    """The largest error of one part in one case, and its limit; `trouble` says more."""

    part: str
    error: float
    limit: float
    trouble: str = ""


def _check_operation(name, operation, run, device, modes) -> list[Row]:
    rows = []
    expected = [_Expected(operation, case) for case in operation.cases]
    for mode in modes:
        worst: dict[str, tuple[_Finding, Case]] = {}
        for case, answers in zip(operation.cases, expected, strict=True):
            for finding in answers.compare(run, device, mode):
                before = worst.get(finding.part)
                if before is None or _ratio(finding) > _ratio(before[0]):
                    worst[finding.part] = finding, case
        rows += [_row(name, mode, device, *pair) for pair in worst.values()]
    return rows


def _ratio(finding: _Finding) -> float:
    return finding.error / finding.limit


def _row(name: str, mode: str, device: str, finding: _Finding, case: Case) -> Row:
    passed = bool(finding.error <= finding.limit)
    message = ""
    if not passed:
        what = finding.trouble or f"off by {finding.error:.2g} (limit {finding.limit:.1g})"
        harm = "trains wrongly"
        if finding.part == INFERENCE:
            harm = "predicts and is evaluated wrongly"
        if finding.part == AGREEMENT:
            harm = "is evaluated as another network than the one that was trained"
        mend = "Install another version of TensorFlow"
        if not device.startswith("CPU"):
            mend = 'Run on the CPU (with tf.device("CPU:0"): ...), or change TensorFlow\'s version'
        message = (
            f"{name}, {finding.part}, {mode} mode on {device}: {what}, for {case}. "
            f"Every network that uses it {harm} here. {mend}."
        )
    return Row(name, finding.part, mode, finding.error, finding.limit, passed, message)


class _Expected:
    """What one case should give: outputs now, and slopes along directions."""

    def __init__(self, operation: Operation, case: Case):
        self.operation, self.case = operation, case
        self.exact = [
            value.astype("float64") if value.dtype.kind == "f" else value
            for value in case.inputs.values()
        ]
        self.watched = [list(case.inputs).index(name) for name in operation.gradients]
        self.random = np.random.default_rng(0)
        self.directions = {i: self._directions(self.exact[i].size) for i in self.watched}
        self.slopes: dict[int, np.ndarray] = {}
        self.upstream: np.ndarray | None = None

    def _directions(self, size: int, most: int = 24) -> np.ndarray:
        """Return rows of length 1: axes (all, or some of a large input), and two that mix all."""
        axes = self.random.permutation(size)[: size if size <= 2 * most else most]
        mixed = self.random.standard_normal((2, size))
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        single = np.zeros((len(axes), size))
        single[np.arange(len(axes)), axes] = 1
        return np.concatenate([single, mixed])

    def _reference(self, inputs: list[np.ndarray], training: bool, output: np.ndarray) -> Any:
        drawn = {"output": output} if self.operation.random else {}
        return self.operation.reference(*inputs, training=training, **self.case.options, **drawn)

    def _slopes(self, index: int, output: np.ndarray) -> np.ndarray:
        """Return the central differences of sum(upstream * output) along the directions."""

        def loss(shift: np.ndarray) -> float:
            inputs = list(self.exact)
            inputs[index] = inputs[index] + shift.reshape(inputs[index].shape)
            return float(np.sum(self.upstream * self._reference(inputs, True, output)))

        return np.array(
            [(loss(STEP * d) - loss(-STEP * d)) / (2 * STEP) for d in self.directions[index]]
        )

    def compare(self, run: Callable[..., tf.Tensor], device: str, mode: str) -> list[_Finding]:
        """Run the case in training and in inference mode; return what came of each part."""
        if self.upstream is None:
            shape = np.shape(self._reference(self.exact, False, np.zeros(())))
            self.upstream = self.random.standard_normal(shape)
        findings, outputs = [], {}
        for part, function in ((TRAINING, self._train), (INFERENCE, self._infer)):
            try:
                output, gradients = _run(function, run, self.case, device, mode)
                findings.append(self._finding(part, output))
                outputs[part] = output
            except Wrong as wrong:
                findings.append(_Finding(part, np.inf, 1.0, str(wrong)))
                gradients = ()
            except Exception as error:
                reason = str(error).strip().splitlines()
                text = f"{type(error).__name__}: {reason[0][:200] if reason else 'no reason given'}"
                findings.append(_Finding(part, np.inf, 1.0, f"ended with {text}"))
                gradients = ()
            for index, gradient in zip(self.watched, gradients, strict=False):
                findings.append(self._gradient_finding(index, gradient, output))
        if self.operation.same and len(outputs) == 2:
            findings.append(self._compare(AGREEMENT, outputs[INFERENCE], outputs[TRAINING]))
        return findings

    def _train(self, run, inputs):
        with tf.GradientTape() as tape:
            watched = [inputs[i] for i in self.watched]
            tape.watch(watched)
            output = run(*inputs, training=True, **self.case.options)
            if output.shape != self.upstream.shape:
                return output, []
            loss = tf.reduce_sum(output * tf.cast(self.upstream, output.dtype))
        gradients = tape.gradient(loss, watched) if watched else []
        return output, [tf.convert_to_tensor(g) if g is not None else None for g in gradients]

    def _infer(self, run, inputs):
        return run(*inputs, training=False, **self.case.options), []

    def _finding(self, part: str, output: np.ndarray) -> _Finding:
        expected = self._reference(self.exact, part == TRAINING, output)
        return self._compare(part, output, np.asarray(expected))

    def _gradient_finding(self, index, gradient, output) -> _Finding:
        part = f"gradient of the {list(self.case.inputs)[index]}"
        if self.operation.random or index not in self.slopes:
            self.slopes[index] = self._slopes(index, output)
        if gradient is None:
            return _Finding(part, np.inf, 1.0, "there is none")
        shape = self.exact[index].shape
        if gradient.shape != shape:
            return self._compare(part, gradient, np.zeros(shape))
        along = self.directions[index] @ gradient.astype("float64").reshape(-1)
        return self._compare(part, along, self.slopes[index])

    def _compare(self, part: str, found: np.ndarray, expected: np.ndarray) -> _Finding:
        if found.shape != expected.shape:
            trouble = f"the shape is {found.shape}, where {expected.shape} is right"
            return _Finding(part, np.inf, 1.0, trouble)
        most = max(value.size for value in self.exact)
        scale = max(1.0, float(np.max(np.abs(expected))))
        limit = SAFETY * 2.0**-23 * np.sqrt(most) * scale
        if not np.all(np.isfinite(found)):
            return _Finding(part, np.inf, limit, "it holds numbers that are not finite")
        error = np.max(np.abs(found.astype("float64") - expected))
        return _Finding(part, float(error), float(limit))


def _run(function, run, case: Case, device: str, mode: str) -> tuple[np.ndarray, list[Any]]:
    """Run one case on the device; return its output and gradients as arrays."""

    def steps(*inputs):
        return function(run, inputs)

    with tf.device(device):
        inputs = [tf.constant(value) for value in case.inputs.values()]
        if mode != "eager":
            compiled = tf.function(steps, jit_compile=mode == "xla", autograph=False)
            steps = compiled.get_concrete_function(*inputs)
        output, gradients = steps(*inputs)
    return output.numpy(), [g.numpy() if g is not None else None for g in gradients]
