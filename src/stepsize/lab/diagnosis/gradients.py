"""Gradients explode (they grow, or spike) or vanish (in time, or from the last layer to the first)."""

from __future__ import annotations

from itertools import takewhile

import numpy as np

from ..._language import Note
from ...problems import Floats
from ..records.record import Record
from .base import Finding, Symptom
from .parts import fall
from .trend import beside, blocks, kendall, running_median, scaled
from .words import joined, three_digits

# ours, set on the runs of bench/diagnosis.py
SPIKE = 10.0  # a norm over the medians of the 25 before and the 25 after; good rates: at most 5
ABOVE = 2.0  # and over nearly all norms of the run, so that a burst in a run that has converged is none
RARE = 6.0  # standard deviations of the logarithm of a norm upwards, where they come to more than SPIKE
GROWTH = 10.0  # the last twentieth over the first
BETWEEN = 0.01  # a first layer over the strongest; healthy dense and convolutional nets: 0.3, transformers 0.06
ARRAYS = ("weight", "bias", "kernel", "scale", "embedding")  # how torch and flax call the arrays of a layer
LEARNED = 0.1  # ours: of the first loss
GONE = 1e-3  # the last norms over the first, while the loss is not down by half


def find_exploding(record: Record) -> Finding | None:
    """The finding “exploding gradients”, or None."""
    norms, steps = _known(record)
    if len(norms) < 20:
        return None
    ends = blocks(scaled(norms), 20)
    growth = float(ends[-1] / ends[0]) if ends[0] > 0 else 0.0
    usual = beside(norms, 25)
    top = float(np.quantile(norms, 0.9))
    far = max(SPIKE, np.exp(RARE * _upwards(norms)))
    spikes = np.flatnonzero((norms > far * usual) & (norms > ABOVE * top) & (usual > 0))
    grows = growth > GROWTH and kendall(ends) > 3
    if not (grows or len(spikes)):
        return None
    parts: list[str] = []
    numbers, step = [], None
    if len(spikes):
        worst = int(spikes[np.argmax(norms[spikes] / usual[spikes])])
        times = float(norms[worst] / usual[worst])
        step = int(steps[spikes[0]])
        numbers += [("spikes", float(len(spikes))), ("largest spike over the usual norm", times)]
        parts.append(_how_many(spikes, step, far, int(steps[worst]), times))
    if grows:
        numbers.append(("norm at the end over norm at the start", growth))
        parts.append(
            Note(
                "the gradient norm grew {growth} times from the first to the last twentieth of the run.",
                growth=three_digits(growth),
            )
        )
    usual_norm = three_digits(float(np.quantile(norms, 0.9)))
    advice = Note("clip_norm(…) before the rule, at the 90th percentile of the norms ({usual} here)", usual=usual_norm)
    if len(spikes) and _held(record, spikes):
        parts.append(Note("A clip acted there."))
        advice = Note("a lower rate or a warm-up if the loss suffered; else the clip has done its work")
    if len(spikes):
        advice = Note("{advice}; look at the batches of the spikes", advice=advice)
    else:
        advice = Note("{advice}, and a lower rate", advice=advice)
    says = joined(Note("Gradients explode:"), *parts)
    return Finding(Note("exploding gradients"), says, tuple(numbers), advice, step)


def _how_many(spikes: np.ndarray, step: int, far: float, worst: int, times: float) -> str:
    if len(spikes) == 1:
        return Note(
            "one gradient, at update {step}, is more than {far:.3g} times as long as its neighbours; it is {times} "
            "times as long.",
            step=step,
            far=far,
            times=three_digits(times),
        )
    return Note(
        "{count} gradients are more than {far:.3g} times as long as their neighbours, first at update {step}; the "
        "longest, at update {worst}, is {times} times as long.",
        count=len(spikes),
        far=far,
        step=step,
        worst=worst,
        times=three_digits(times),
    )


def _upwards(norms: Floats) -> float:
    """How far the logarithm of a norm goes above its running median by chance: gradients of few rows vary by much."""
    logs = np.log(norms[norms > 0])
    around = logs - running_median(logs, 25)
    return float(np.quantile(around, 0.9)) / 1.28 if len(around) else 0.0


def _held(record: Record, spikes: np.ndarray) -> bool:
    """Whether a clip acted at every spike."""
    assert record.grad_norms is not None
    there = np.isfinite(record.grad_norms) & (record.grad_norms >= 0)
    return record.clipped is not None and bool((record.clipped[there][spikes] > 0).all())


def find_vanishing(record: Record) -> Finding | None:
    """The finding “vanishing gradients”, or None."""
    norms, _ = _known(record)
    if len(norms) < 20:
        return None
    ends = blocks(scaled(norms), 20)
    left = float(ends[-1] / ends[0]) if ends[0] > 0 else 0.0
    gone = left < GONE and fall(record) < 0.5
    weak, strong, ratio = _between(_while_it_learns(record))
    uneven = ratio is not None and ratio < BETWEEN
    if not (gone or uneven):
        return None
    parts: list[str] = []
    numbers, died = [], None
    if uneven and ratio is not None:
        died = _died(record, weak, strong)
        numbers.append((f"gradient norm of {weak} over that of {strong}", ratio))
        parts.append(_how_weak(weak, strong, ratio, died))
    if gone:
        numbers.append(("norm at the end over norm at the start", left))
        parts.append(
            Note(
                "the norm fell to {left} of what it was, while more than half of the loss is still there.",
                left=three_digits(left),
            )
        )
    advice = Note("other starting weights, ReLU instead of sigmoid or tanh, normalisation or skip connections")
    if gone or died is not None:
        advice = Note("a lower rate or a warm-up: units can die after too large a step; else {advice}", advice=advice)
    says = joined(Note("Gradients vanish:"), *parts)
    return Finding(Note("vanishing gradients"), says, tuple(numbers), advice, died)


def _how_weak(weak: str, strong: str, ratio: float, died: int | None) -> str:
    """How much shorter the gradient of one layer is than that of another, and since when."""
    none = ratio <= 1e-300
    if none and died is None:
        return Note("layer “{weak}” gets none at all.", weak=weak)
    if none:
        return Note(
            "layer “{weak}” gets none at all from update {died} on; before that it was not so.", weak=weak, died=died
        )
    times = three_digits(1 / ratio)
    if died is None:
        return Note(
            "the gradient of “{weak}” is {times} times shorter than that of “{strong}”.",
            weak=weak,
            times=times,
            strong=strong,
        )
    return Note(
        "the gradient of “{weak}” is {times} times shorter than that of “{strong}” from update {died} on; before that "
        "it was not so.",
        weak=weak,
        times=times,
        strong=strong,
        died=died,
    )


def _died(record: Record, weak: str, strong: str) -> int | None:
    """The first update from which on one layer is that much weaker; None where it always was."""
    layers = _grouped(record.layers or {})
    fine = np.flatnonzero(layers[weak] >= BETWEEN * layers[strong])
    return int(record.steps[fine[-1] + 1]) if len(fine) >= 3 and fine[-1] + 1 < len(record) else None


def _known(record: Record) -> tuple[Floats, np.ndarray]:
    """The norms that are there and finite, and their updates."""
    assert record.grad_norms is not None
    there = np.isfinite(record.grad_norms) & (record.grad_norms >= 0)
    return record.grad_norms[there], record.steps[there]


def _between(record: Record) -> tuple[str, str, float | None]:
    """Of the first layers the one with the shortest gradient, the layer with the longest, and their ratio."""
    layers = {name: _median(one) for name, one in _grouped(record.layers or {}).items()}
    layers = {name: one for name, one in layers.items() if np.isfinite(one)}
    if len(layers) < 2 or not max(layers.values()) > 0:
        return "", "", None
    strong = max(layers, key=layers.__getitem__)
    first = list(takewhile(lambda name: layers[name] < BETWEEN * layers[strong], layers))
    if len(first) < max(1, len(layers) // 4):  # what reaches the layers before has not vanished on the way
        return "", "", None
    weak = min(first, key=layers.__getitem__)
    return weak, strong, layers[weak] / layers[strong]


def _while_it_learns(record: Record) -> Record:
    """The rows before the loss is down for good: after that, all gradients but those of the last layers may be tiny."""
    losses = running_median(record.losses, 3)
    up = np.flatnonzero(~(losses <= LEARNED * max(float(np.median(record.losses[:3])), 0.0)))
    end = int(up[-1]) + 1 if len(up) else 0
    measured = [np.flatnonzero(np.isfinite(one)) for one in (record.layers or {}).values()]
    third = max((int(rows[2]) + 1 for rows in measured if len(rows) > 2), default=0)
    return record.until(max(end, third))


def _grouped(arrays: dict[str, Floats]) -> dict[str, Floats]:
    """Norms by layer: the weight and the bias of one layer (`LAYER.weight`, `LAYER.bias`) are one."""
    squares: dict[str, Floats] = {}
    for name, one in arrays.items():
        layer, _, array = name.rpartition(".")
        layer = layer if layer and array.endswith(ARRAYS) else name
        squares[layer] = np.hypot(squares[layer], one) if layer in squares else np.abs(one)
    return squares


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


EXPLODING = Symptom(Note("exploding gradients"), ("losses", "grad_norms"), find_exploding, loss=False)
VANISHING = Symptom(Note("vanishing gradients"), ("losses", "grad_norms"), find_vanishing, loss=False)
