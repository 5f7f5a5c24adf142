"""Records that make each rule of the diagnosis speak, in each of its ways, and those that make each remark."""

from dataclasses import replace

import numpy as np

from stepsize import descend, problems
from stepsize.lab.records.record import Decision
from test_diagnosis import record
from test_diagnosis_facts import COSINE, DEAD, FALLING, FALLS, FLAT, NOISE, RANDOM, ROWS, STEADY, T, looked
from test_diagnosis_newcomers import broken, layered, past_its_end, plateaued


def rates(shape):
    return record(FALLING, rates=shape)


def late_decay():
    t = np.arange(1600)
    falls = 0.1 * np.minimum(1, (1600 - t) / 64)
    return record(
        0.5 + 2 * np.exp(-t / 100) - 0.4 * (1 - falls / 0.1) + 0.03 * RANDOM.standard_normal(1600), rates=falls
    )


def restarts():
    cycle = np.arange(100)
    losses = np.tile(0.3 + 0.8 * np.exp(-cycle / 20), 5) + 0.01 * RANDOM.standard_normal(500)
    return record(losses, rates=np.tile(0.1 * (1 + np.cos(np.pi * cycle / 100)) / 2 + 1e-5, 5))


def explodes():
    norms = np.random.default_rng(2).lognormal(0, 0.3, 200)
    norms[[60, 130]] *= [40, 90]
    return record(np.linspace(2, 1, 200) ** 4, grad_norms=norms)


def jumps(end=12):
    values = FALLS.copy()
    values[10:end] += 2.5
    return looked(values)


def left_out(*which):
    gone = np.zeros(ROWS)
    for one in which:
        gone[one] = 1.0
    return record(np.where(gone == 1, np.nan, FALLING), rates=COSINE, skipped=gone)


def edge():
    ends = np.where(T % 6 == 0, -1.2, 0.4)
    return record(FALLING, rates=np.full(ROWS, 0.1), slopes=np.ones(ROWS), end_slopes=ends)


def noisy_end():
    losses = 0.5 + 2 * np.exp(-T / 150) + NOISE
    return record(losses, rates=np.full(ROWS, 0.1), slopes=np.full(ROWS, 0.8), end_slopes=np.full(ROWS, 0.1))


def late(text="sgd() | 0.1 * cosine(300)"):
    return descend(problems.least_squares([[1.0], [2.0]], [2.0, 4.0]), text, steps=100).record


PLATEAU = np.maximum(np.linspace(10, -14, 600), 1) + 0.1 * np.random.default_rng(1).standard_normal(600)
SWINGS = np.exp(-np.arange(300) / 80) * (1 + 0.2 * (-1.0) ** np.arange(300))
ONCE = np.ones(ROWS)
ONCE[200] = 500.0
FIRST = np.r_[2.4, 13, 16, 30, 22, 15, 5 * np.exp(-np.arange(120) / 15) * np.exp(0.4 * np.sin(np.arange(120))) + 0.02]
OLD = (1 + np.cos(np.pi * np.arange(ROWS) / ROWS)) / 2
ILL = {
    "updates left out": [left_out(slice(0, None)), left_out(slice(300, None)), left_out(50, slice(300, None)),
                         left_out(slice(20, None, 5))],
    "rate is 0": [record(FLAT, rates=np.zeros(ROWS))],
    "gradient is 0": [record(FLAT, rates=COSINE, grad_norms=np.zeros(ROWS)),
                      record(np.where(T < 150, FALLING, FALLING[150]), rates=COSINE,
                             grad_norms=np.where(T < 150, STEADY, 0))],
    "dead model": [record(losses, rates=COSINE, **columns) for columns, losses in DEAD.values()],
    "diverged": [
        record([*np.linspace(2, 1, 50), *1.3 ** np.arange(1, 31), np.nan, np.nan]),
        record(np.linspace(1, 4, 40)),
        record(np.r_[np.linspace(3, 1, 60), np.linspace(1, 2.9, 60)]),
        broken(rates=np.minimum(np.arange(600) / 400, 1) * 0.005),
        replace(broken(rates=np.minimum(np.arange(600) / 400, 1) * 0.005), grad_norms=None),
        replace(record(np.where(T < 200, FALLING, np.nan)), measured_at=(0, 100, 200, 300),
                validated=np.array([2.3, 1.0, np.nan, np.nan])),
        descend(problems.objective(lambda x: (float(x @ x), 2 * x), params=np.ones(2)), "sgd() | 1e200",
                steps=50).record,
    ],
    "validation not finite": [looked(np.r_[FALLS[:15], [np.nan] * 5])],
    "rate too large": [record(FIRST), record(np.r_[2.28, np.linspace(20, 2.3, 10), np.full(90, 2.3)]),
                       record(FALLING, rates=np.full(ROWS, 0.1), slopes=np.ones(ROWS),
                              end_slopes=np.where(T % 3 == 0, -1.3, -0.5))],
    "exploding gradients": [
        explodes(), replace(explodes(), clipped=np.ones(200)), record(FALLING, grad_norms=ONCE, rates=COSINE),
        record(FALLING, grad_norms=np.exp(T / 80), rates=COSINE),
    ],
    "oscillating": [record(SWINGS), record(FALLING, rates=np.full(ROWS, 0.1), slopes=np.ones(ROWS),
                                           end_slopes=np.where(T % 2 == 0, -0.8, 0.9))],
    "edge of stability": [edge()],
    "vanishing gradients": [
        layered(2.3 * np.exp(-np.arange(600) / 20) + 0.002, np.full(600, 1e-5)),
        layered(1.5 + 0.8 * np.exp(-np.arange(600) / 20), np.where(np.arange(600) < 100, 0.5, 1e-5)),
        layered(1.5 + 0.8 * np.exp(-np.arange(600) / 20), np.where(np.arange(600) < 100, 0.5, 0)),
        layered(1.5 + 0.8 * np.exp(-np.arange(600) / 20), np.zeros(600)),
        record(2.3 - 0.001 * T, grad_norms=np.exp(-T / 20) + 1e-9, rates=COSINE),
    ],
    "always clipped": [record(FALLING, clipped=np.ones(ROWS), grad_norms=STEADY),
                       record(FALLING, clipped=np.where(T % 100 == 0, 0.0, 1.0)),
                       record(FLAT, clipped=np.ones(ROWS))],
    "rate too small": [
        record(np.linspace(2, 1.8, ROWS), rates=np.full(ROWS, 0.1)), record(np.linspace(2, 1.99, ROWS)),
        record(np.linspace(2, 1.8, ROWS), rates=np.full(ROWS, 0.1), slopes=np.ones(ROWS), end_slopes=np.ones(ROWS)),
        record(np.linspace(2, 1.8, ROWS), slopes=np.ones(ROWS), end_slopes=np.full(ROWS, 0.999)),
        record(np.full(ROWS, 2.0), slopes=np.ones(ROWS), end_slopes=np.ones(ROWS)),
    ],
    "not learning": [record(1 + 0.1 * RANDOM.standard_normal(600)), record(np.ones(100))],
    "plateaued": [record(PLATEAU, rates=np.full(600, 0.1))],
    "noise-dominated end": [noisy_end()],
    "overfitting": [looked(FALLS + np.maximum(0, np.arange(20) - 8) * 0.06),
                    replace(looked(FALLS + np.maximum(0, np.arange(20) - 8) * 0.06),
                            metrics={"accuracy": np.linspace(0.1, 0.9, 20)})],
    "validation jumped": [jumps(), jumps(20)],
    "schedule began again": [rates(np.r_[OLD[:200], OLD[: ROWS - 200]])],
    "warm-up too long": [rates((T + 1) / ROWS), rates(np.minimum((T + 1) / 300, (ROWS - T) / 100))],
    "schedule ended early": [
        record(2.3 * np.exp(-np.arange(600) / 120) + 0.2, rates=past_its_end(20)),
        rates(np.where(T < 20, 0.002, 0.0)), rates(np.where(T < 20, 0.002, 1e-9)),
        rates(0.1 * 0.1 ** np.minimum(T // 10, 2)), plateaued(20, 26, 38), plateaued(20, factor=0.001),
    ],
    "schedule ended late": [late()],
    "decay too late": [late_decay()],
    "restarts without gain": [restarts()],
}  # fmt: skip
REMARKS = {
    "clip": late("sgd() | 0.1 * cosine() | clip(1e6)"),
    "clip before adam": replace(record(FALLING, clipped=np.ones(ROWS)), optimizer={"class": "AdamW"}),
    "one update left out": left_out(50),
    "three updates left out": left_out(50, 60, 70),
    "many updates left out": left_out(*range(50, 100, 5)),
    "warm-up begins late": rates(np.where(T < 40, 0, COSINE)),
    "a passing break": record(np.where(T == 100, np.nan, FALLING)),
    "zeros": record(np.where(T % 3 == 0, 0, FLAT)),
    "a policy": replace(record(FLAT), policy=("reward", "kl")),
    "adversaries": replace(record(FLAT), policy=("generator", "discriminator")),
    "a loss from 0": record(np.r_[0, NOISE[1:] - 0.5], grad_norms=STEADY),
    "a range test": record(FLAT, rates=np.geomspace(1e-7, 10, ROWS)),
    "going on": replace(record(FALLING[:40], rates=0.1 - T[:40] * 1e-4), planned_steps=126),
    "warming up": replace(record(FALLING[:40], rates=T[:40] + 1e-4), planned_steps=126),
    "a leap": record(np.where((T >= 200) & (T < 215), 9.0, FALLING)),
    "near its best": record(1.05 + 0.1 * np.linspace(1, 0, 60)),
    "a plateau": plateaued(300, 450, factor=0.5),
    "groups": replace(plateaued(300), decisions=(Decision(300, "greedy", "", "head", 2.0),
                                                 *(Decision(i, "newbob", "", "", 2.0) for i in (400, 410)))),
    "few rows": record(np.ones(10)),
    "no row": record([]),
    "one row": record([1.0]),
    "another base": replace(record(FALLING), text="sgd() | 0.1", base=0.5),
}  # fmt: skip
