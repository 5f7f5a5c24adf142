"""Healthy runs of a family, by groups: a finding in one of them is a false alarm."""

from dataclasses import replace

import numpy as np
from diagnosis_families import Family, Group, Records, halves, log
from diagnosis_nets import good, net
from diagnosis_trained import averaged, cosine, linear, restarts, rounded, smoothed, thinned, train

from stepsize.lab.records.policy import policy_of
from stepsize.lab.records.record import Record


def at_good_rates(of: Family) -> Records:
    for name, rule in of.pairs():
        for batch in of.batches:
            rate = good(name, rule, batch)
            for rates in (cosine(of.steps, rate, 0.1), linear(of.steps, rate / 4, 0.6)):
                yield from train(net(name), rule, rates, batch, of.seeds)


def as_logged(of: Family) -> Records:
    """The same, rounded, smoothed, thinned and averaged."""
    for name, rule in of.pairs():
        for batch in of.batches:
            for one in train(net(name), rule, cosine(of.steps, good(name, rule, batch), 0.1), batch, of.seeds[:2]):
                yield rounded(one, 2)
                yield rounded(one, 3)
                yield smoothed(one, 0.9)
                yield smoothed(one, 0.98)
                yield thinned(one, 10)
                yield averaged(one, 10)


def by_epoch(of: Family) -> Records:
    """A row an epoch, with validation: 6, 14 and 28 rows."""
    for name, rule in of.pairs():
        train_on, held_out = halves(net(name))
        for rows in (6, 14, 28):
            every = max(of.steps // rows, 8)
            rates = cosine(every * rows, good(name, rule, 16) / 2)
            for one in filter(_well, train(train_on, rule, rates, 16, of.seeds, held_out=held_out, look_every=every)):
                yield averaged(replace(one, grad_norms=None), every)


def running(of: Family) -> Records:
    """Cut off while they go on; how many updates are planned is known."""
    for name, rule in of.pairs():
        rate = good(name, rule, 16)
        for rates in (cosine(of.steps, rate, 0.1), linear(of.steps, rate / 4, 0.6)):
            for one in train(net(name), rule, rates, 16, of.seeds[:2]):
                for share in (0.08, 0.3, 0.5, 0.7, 0.9):
                    yield replace(one.until(round(share * of.steps)), planned_steps=of.steps)


def with_restarts(of: Family) -> Records:
    for name, rule in of.pairs():
        for cycles, fall in ((2, 1.0), (3, 0.7)):
            rates = restarts(of.steps, good(name, rule, 32) / 4, cycles, fall)
            yield from train(net(name), rule, rates, 32, of.seeds)


def clipped_adam(of: Family) -> Records:
    for name, rule in of.pairs():
        if rule.startswith("adam"):
            rates = cosine(of.steps, good(name, rule, 16) / 2, 0.1)
            for one in train(net(name), rule, rates, 16, of.seeds, clip=0.05):
                yield replace(one, optimizer={"class": "AdamW" if rule == "adamw" else "Adam", "weight_decay": 0.01})


def fine_tuned(of: Family) -> Records:
    """Logs whose loss begins near its end: instruction tuning, preference tuning, and a network trained before."""
    random = of.random(1)
    for rows in (40, 60, 120) if of.draw == 1 else (50, 90, 200):
        for _ in range(8):
            t = np.linspace(0, 1, rows)
            start, end = random.uniform(1.2, 1.8), random.uniform(0.8, 1.1)
            noise = random.uniform(0.05, 0.15) * random.standard_normal(rows)
            fall = np.exp(-t / random.uniform(0.15, 0.5))
            yield log(end + (start - end) * fall + noise, cosine(rows, 2e-5, 0.05))
            preferred = random.uniform(0.5, 0.62)
            soft = 0.693 - (0.693 - preferred) * (1 - np.exp(-t / 0.3))
            spread = np.minimum(1, 4 * t) * random.uniform(0.03, 0.06)
            yield log(np.round(soft + spread * random.standard_normal(rows), 4), linear(rows, 5e-7))
    for name, rule in of.pairs():
        rate = good(name, rule, 16)
        first = train(net(name), rule, cosine(of.steps, rate / 2), 16, of.seeds[:1])
        again = train(net(name), rule, cosine(2 * of.steps, rate / 2), 16, of.seeds[:1])
        yield from (one.at(one.steps >= of.steps) for one in again if len(first))


def without_a_measure(of: Family) -> Records:
    """Policies and adversaries, by the names of their columns."""
    random = of.random(2)
    names = (
        ["loss", "reward", "kl", "completions/mean_length"],
        ["loss", "d_loss", "g_loss"],
        ["loss_G", "loss_D", "loss"],
    )
    for _ in range(6):
        rows = int(random.integers(60, 500))
        t = np.linspace(0, 1, rows)
        steady = 0.3 + 0.03 * random.standard_normal(rows)
        grows = 0.7 + 3 * t**0.5 + 0.4 * random.standard_normal(rows)
        flat = 1.386 + 0.05 * random.standard_normal(rows)
        policy = np.r_[0, 0, 0.008 * t[2:] + 0.001 * random.standard_normal(rows - 2)]
        yield replace(log(policy, linear(rows, 1e-6), steady), policy=policy_of(names[0]))
        yield replace(log(grows, np.full(rows, 2e-4)), policy=policy_of(names[1]))
        yield replace(log(flat, np.full(rows, 2e-4), steady), policy=policy_of(names[2]))


def validated(of: Family) -> Records:
    """Enough data: the validation loss falls, and turns up a little at most."""
    for name, rule in of.pairs():
        train_on, held_out = halves(net(name))
        rate = good(name, rule, 16) / 4
        for rates in (cosine(of.steps // 2, rate, 0.1), linear(of.steps // 2, rate / 2, 0.6)):
            looked = train(train_on, rule, rates, 16, of.seeds, held_out=held_out, look_every=of.steps // 24)
            yield from filter(_well, looked)


def _well(one: Record) -> bool:
    """Whether the validation loss ends within a twentieth of its lowest."""
    assert one.validated is not None
    return bool(np.median(one.validated[-3:]) < 1.05 * one.validated.min())


def a_few_broken(of: Family) -> Records:
    """Norms that are not finite now and then, as a loss scale makes them; a rate that is printed as 0."""
    random = of.random(3)
    for name, rule in of.pairs():
        for one in train(net(name), rule, cosine(of.steps, good(name, rule, 16) / 2, 0.1), 16, of.seeds):
            assert one.grad_norms is not None
            yield replace(one, grad_norms=np.where(random.random(len(one)) < 0.02, np.nan, one.grad_norms))
            yield replace(one, rates=np.zeros(len(one)))


HEALTHY = (
    Group("healthy: good rates, batches 1 to 48", at_good_rates),
    Group("healthy: rounded, smoothed, thinned, averaged", as_logged),
    Group("healthy: a row an epoch", by_epoch),
    Group("healthy: running", running),
    Group("healthy: warm restarts", with_restarts),
    Group("healthy: Adam behind a clip that always acts", clipped_adam),
    Group("healthy: fine-tuning", fine_tuned),
    Group("healthy: policies and adversaries", without_a_measure),
    Group("healthy: validated", validated),
    Group("healthy: a few norms NaN, a rate printed as 0", a_few_broken),
)
