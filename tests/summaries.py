"""Summaries made for the purpose: as many strategies as wanted, with names that are long and awkward."""

import math
from dataclasses import replace

from stepsize.lab.study.plan import Entrant, Grid, Plan, Subject
from stepsize.report.numbers import AtBase, Curve, Mean, Row, Summary

BASES = (0.01, 0.1, 1.0)
AWKWARD = 'a, "quoted" <b>&amp;</b> $x_1$ 50% {\\alpha} \'#~^|'
LONG = "clip_norm(1) | adam(beta1=0.9, beta2=0.999) | 0.01 * (warmup(100) >> cosine(final=0.1)) | weight_decay(0.05)"
STEPS = tuple(range(0, 101, 4))


def summary(count=3, names=()):
    """`count` strategies: the first is fixed, the second diverges everywhere, the others come after one another."""
    names = [*names, *(f"strategy {i}" for i in range(len(names), count))][:count]
    rows = tuple(row(i, name) for i, name in enumerate(names))
    return Summary(a_plan(rows), {"python": "3"}, 0.4, rows, tuple(curve(i, one) for i, one in enumerate(rows)))


def a_plan(strategies, bases=BASES, **changes):
    """A plan of strategies with a name and a text each, on a table of its own."""
    subject = Subject(
        fingerprint="0" * 16,
        data="toy",
        model="Softmax regression.",
        rows_train=30,
        rows_validation=10,
        validated=True,
        task="classification",
        target="kind",
        classes=2,
        columns=3,
        notes=changes.pop("notes", ()),
    )
    grid = (Grid(bases, (0, 1)),)
    entrants = tuple(Entrant(one.name, one.text, 0.1, grid, getattr(one, "parsed", None)) for one in strategies)
    return Plan(subject, entrants, **{"steps": 100, "measure_every": 4, "batch_size": 8, "reference": 0} | changes)


def unfinished():
    """A comparison of which no strategy is finished."""
    return replace(summary(3), rows=(), curves=(), target=None)


def row(i, name):
    lost = i == 1
    value = None if lost else Mean(0.5 + 0.01 * ((7 * i) % 60), 0.01, 2)
    train = None if lost else Mean(0.25 + 0.001 * i, 0.002, 2)
    bases = tuple(
        AtBase(b, None, None, None, 2, 2) if lost or (b == 1 and i % 3 == 0) else AtBase(b, train, value, None, 0, 2)
        for b in BASES
    )
    diverged = sum(one.diverged for one in bases)
    return Row(
        name=name,
        text=f"sgd() | 0.1 * exponential({0.5 + i / 1000:g})" if len(name) < 40 else name,
        base=0.1,
        best_base=None if lost else BASES[i % 2],
        at_edge=not lost and i % 2 == 0,
        train=train,
        validation=value,
        tested=None,
        worst=None,
        metrics={},
        given_train=train,
        given_validation=value,
        steps_to_target=None if lost else 40.0 + i,
        reached=0 if lost else 2,
        seeds=2,
        diverged=diverged,
        runs=6,
        basin=None if lost else (BASES[0], BASES[1]),
        bases=bases,
    )


def curve(i, row):
    train = tuple(2 * math.exp(-t / (20 + i)) + 0.2 * math.sin(t) ** 2 + 0.1 for t in STEPS)
    return Curve(
        name=row.name,
        base=0.1,
        steps=STEPS,
        train=train,
        train_low=tuple(0.9 * one for one in train),
        train_high=tuple(1.1 * one for one in train),
        validation=tuple(1.2 * one for one in train),
        rates=tuple(0.1 * (1 - (t % 48) / 44) if i == 0 else 0.1 * 0.5 ** (t // 25) for t in STEPS),
    )


def judged(given):
    """The same with what a third part says: its losses, the accuracy, the worst seed, and sentences."""
    for i, one in enumerate(given.rows):
        there = one.validation is not None
        loss = Mean(0.9 - 0.01 * i, 0.02, 2) if there else None
        told = {"tested": loss, "judged": loss, "worst": 0.95 if there else None}
        told["metrics"] = {"accuracy": Mean(0.9, 0.01, 2), "runs": Mean(1.0, 0.0, 2)} if there else {}
        for name, value in told.items():
            object.__setattr__(one, name, value)
    object.__setattr__(given, "verdict", ("A <b> is not shown to differ from B.", "Eight seeds would show it."))
    return given
