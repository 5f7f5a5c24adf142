"""Runs made to have each illness, and healthy ones, by families: those that thresholds are set on, and those apart.

A family is networks, data, batch sizes, seeds and lengths. `families()["set on"]` and `["apart"]` have none in common,
and the healthy logs of fine-tuning, policies and adversaries have other levels, lengths and noises in each.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from diagnosis_nets import APART, RULES, SET_ON, good, net
from diagnosis_trained import Net, averaged, cosine, linear, restarts, rounded, smoothed, thinned, train

from stepsize.lab.records.policy import policy_of
from stepsize.lab.records.record import Record
from stepsize.problems import Floats

Records = Iterator[Record]


@dataclass(frozen=True)
class Family:
    """What the runs of a family are made of."""

    names: tuple[str, ...]
    batches: tuple[int, ...]
    seeds: tuple[int, ...]
    steps: int
    draw: int  # seeds what is drawn and not trained

    def pairs(self) -> Iterator[tuple[str, str]]:
        for name in self.names:
            for rule in RULES[name]:
                yield name, rule

    def random(self, what: int) -> np.random.Generator:
        return np.random.default_rng([self.draw, what])


@dataclass(frozen=True)
class Group:
    """Runs of one kind. One of `wanted` must be found, or a remark that holds one of `said`; none of them: healthy."""

    name: str
    records: Callable[[Family], Records]
    wanted: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        return not self.wanted and not self.said


FAMILIES = {
    "set on": Family(SET_ON, (1, 2, 4, 8, 32), (0, 1, 2), 400, 1),
    "apart": Family(APART, (1, 3, 6, 16, 48), (100, 101), 280, 2),
}


# --- healthy


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


# --- ill


def nothing_moves(of: Family) -> Records:
    for name, rule in of.pairs():
        for one in train(net(name), rule, np.zeros(of.steps // 2), of.batches[-2], of.seeds):
            yield one
            yield rounded(thinned(one, 4), 3)


def no_gradient(of: Family) -> Records:
    for name, rule in of.pairs():
        for one in train(net(name), rule, np.zeros(of.steps // 2), of.batches[-2], of.seeds):
            yield replace(one, rates=np.full(len(one), 1e-3), grad_norms=np.zeros(len(one)))


def died(of: Family) -> Records:
    """As the hosts write it down: zeros for the loss, norms that are no numbers, a validation loss that is none."""
    random = of.random(4)
    for name, rule in of.pairs():
        train_on, held_out = halves(net(name))
        rates = cosine(of.steps, good(name, rule, 16) / 4, 0.1)
        for one in train(train_on, rule, rates, 16, of.seeds[:2], held_out=held_out, look_every=of.steps // 20):
            gone = np.arange(len(one)) >= random.integers(len(one) // 5, len(one) - len(one) // 8)
            assert one.grad_norms is not None
            assert one.validated is not None
            assert one.measured_at is not None
            norms, zeros = np.where(gone, np.nan, one.grad_norms), np.where(gone, 0.0, one.losses)
            late = np.array(one.measured_at) >= np.argmax(gone)
            yield replace(one, losses=zeros, grad_norms=norms)
            yield replace(one, losses=np.where(gone, float(one.losses[np.argmax(gone)]), one.losses), grad_norms=norms)
            yield replace(one, validated=np.where(late, np.nan, one.validated))
            yield replace(
                one, losses=np.where(gone, np.nan, one.losses), validated=np.where(late, np.nan, one.validated)
            )


def begun_again(of: Family) -> Records:
    """A resume that loses the schedule, with and without a warm-up."""
    for name, rule in of.pairs():
        rate = good(name, rule, 16) / 4
        for share, warm in ((0.3, 0.0), (0.5, 0.1), (0.6, 0.0)):
            plan, at = cosine(of.steps, rate, warm), round(share * of.steps)
            yield from train(net(name), rule, np.concatenate([plan[:at], plan[: of.steps - at]]), 16, of.seeds[:2])


def exploding(of: Family) -> Records:
    """Rates upwards, cosine: those whose loss clearly leaves its start upwards."""
    for name, rule in of.pairs():
        for batch in (16, 48):
            for times in 4.0 ** np.arange(1, 8):
                rates = cosine(of.steps, good(name, rule, batch) * times)
                for one in train(net(name), rule, rates, batch, of.seeds[:2]):
                    if _exploded(one):
                        yield one


def _exploded(one: Record) -> bool:
    """Not finite; or three losses in a row at thrice the start (ten times for squares, whose batches differ more)."""
    if not np.isfinite(one.losses).all():
        return True
    high = np.lib.stride_tricks.sliding_window_view(one.losses, 3).min(1).max()
    return bool(high > 3 * one.losses[0] or np.median(one.losses[-20:]) > 1.5 * one.losses[0])


def broke_while_warming(of: Family) -> Records:
    for name, rule in of.pairs():
        rates = cosine(of.steps, good(name, rule, 16) * 1e4, 0.5)
        for one in train(net(name), rule, rates, 16, of.seeds[:2]):
            if not np.isfinite(one.losses).all():
                yield one


def barely_moves(of: Family) -> Records:
    """Rates so small that the run gains less than a fifth of what the good rate gains."""
    for name, rule in of.pairs():
        for times in (300, 1000):
            rate = good(name, rule, 48)
            end = np.mean(
                [one.losses[-40:].mean() for one in train(net(name), rule, cosine(of.steps, rate), 48, of.seeds)]
            )
            for rates in (np.full(of.steps, rate / times), cosine(of.steps, rate / times)):
                for one in train(net(name), rule, rates, 48, of.seeds):
                    first, last = one.losses[:10].mean(), one.losses[-40:].mean()
                    if first - last < 0.2 * (first - end):
                        yield one


def overfitted(of: Family) -> Records:
    """A few rows of the data, learned by heart: those whose validation loss rises by a quarter above its lowest."""
    for name, rule in of.pairs():
        whole = net(name)
        order = np.random.default_rng(8).permutation(len(whole.y))
        few = replace(whole, X=whole.X[order[:60]], y=whole.y[order[:60]], widths=(64, 64))
        rest = replace(whole, X=whole.X[order[60:]], y=whole.y[order[60:]], widths=(64, 64))
        for steps in (2 * of.steps, 4 * of.steps):
            rates = np.full(steps, min(good(name, rule, 16), 0.05))
            for one in train(few, rule, rates, 16, of.seeds[:2], held_out=rest, look_every=steps // 24):
                assert one.validated is not None
                if np.median(one.validated[-3:]) > 1.25 * one.validated.min():
                    yield one


def spoilt_averages(of: Family) -> Records:
    """The validation of a healthy run, for two to four looks as bad as at the start, as one batch makes BatchNorm."""
    random = of.random(5)
    for one in validated(of):
        assert one.validated is not None
        at, looks = int(random.integers(4, 9)), int(random.integers(2, 5))
        spoilt = one.validated.copy()
        spoilt[at : at + looks] = one.validated[0] * random.uniform(0.9, 4, looks)
        yield replace(one, validated=spoilt)


def always_warming(of: Family) -> Records:
    for name, rule in of.pairs():
        for share in (0.7, 0.85, 1.2):
            long = cosine(round(of.steps * max(share, 1)), good(name, rule, 16) / 4, min(share, 1.0))
            yield from train(net(name), rule, long[: of.steps], 16, of.seeds[:2])


def decayed_late(of: Family) -> Records:
    """A rate that is held for nineteen twentieths of a run that ends a fifth lower with a decay from the middle on."""
    for name, rule in of.pairs():
        for held in (0.95, 0.97):
            rate, steps = 2 * good(name, rule, 8), 4 * of.steps
            better = train(net(name), rule, linear(steps, rate, 0.5), 8, of.seeds[:2])
            for one, other in zip(
                train(net(name), rule, linear(steps, rate, held), 8, of.seeds[:2]), better, strict=True
            ):
                if other.losses[-100:].mean() < 0.8 * one.losses[-100:].mean() < 0.5 * one.losses[:20].mean():
                    yield one


def ended_at_a_floor(of: Family) -> Records:
    """Over after a third of the run, at a twentieth; and milestones of epochs that were stepped by batch."""
    for name, rule in of.pairs():
        rate, third, few = good(name, rule, 16) / 2, of.steps // 3, of.steps // 50
        floor = np.concatenate([cosine(third, rate, end=0.05), np.full(of.steps - third, 0.05 * rate)])
        steps = rate * 0.1 ** np.minimum(np.arange(of.steps) // few, 2)
        for rates in (floor, steps):
            yield from train(net(name), rule, rates, 16, of.seeds[:2])


def ended_late(of: Family) -> Records:
    for name, rule in of.pairs():
        for times in (2, 5):
            yield from train(
                net(name), rule, cosine(times * of.steps, good(name, rule, 16) / 2)[: of.steps], 16, of.seeds[:2]
            )


def dead_restarts(of: Family) -> Records:
    """Eight cycles, of which the last four end no lower than the others."""
    for name, rule in of.pairs():
        cycle = of.steps // 2
        for one in train(net(name), rule, restarts(8 * cycle, good(name, rule, 16) / 2, 8), 16, of.seeds[:2]):
            ends = [float(one.losses[at - cycle // 4 : at].mean()) for at in range(cycle, 8 * cycle + 1, cycle)]
            if min(ends[4:]) > 0.97 * min(ends[:4]):
                yield one


def noisy_end(of: Family) -> Records:
    """A high rate, held: where the loss at a tenth of the rate, for as long again, falls below three quarters."""
    for name, rule in of.pairs():
        for batch in of.batches[1:4]:
            rate = 2 * good(name, rule, batch)
            rates = np.concatenate([np.full(3 * of.steps, rate), np.full(of.steps, rate / 10)])
            for one in train(net(name), rule, rates, batch, of.seeds[:2], details=True):
                ends = (
                    float(np.mean(one.losses[a:b])) for a, b in ((2 * of.steps, 3 * of.steps), (-of.steps // 2, None))
                )
                before, after = ends
                held = one.until(3 * of.steps)
                thirds = [float(np.mean(held.losses[a : a + of.steps])) for a in (of.steps, 2 * of.steps)]
                if after < 0.75 * before < 0.6 * one.losses[:20].mean() and thirds[1] > 0.9 * thirds[0]:
                    yield held


def at_the_edge(of: Family) -> Records:
    """All rows, SGD, at rates where the loss of the same batch goes up and down and falls all the same."""
    for name in of.names:
        for rate in 2.0 ** np.arange(-4, 5):
            for one in train(net(name), "sgd", np.full(of.steps, rate), None, of.seeds[:1], details=True):
                losses = one.losses
                up = float(np.mean(np.diff(losses) > 0))
                if np.isfinite(losses).all() and up > 0.15 and np.median(losses[-20:]) < 0.6 * losses[0]:
                    yield one


def range_tested(of: Family) -> Records:
    """Rates that grow to the end, as finders do it: by a factor, and until the loss is four times its lowest."""
    for name, rule in of.pairs():
        for count in (100, 200):
            rates = good(name, rule, 16) * np.geomspace(1e-4, 1e3, count)
            for one in train(net(name), rule, rates, 16, of.seeds[:2]):
                losses = np.where(np.isfinite(one.losses), one.losses, np.inf)
                over = np.flatnonzero(losses > 4 * np.minimum.accumulate(losses))
                over = over[over > 20]
                yield one.until(int(over[0]) + 1 if len(over) else count)


def log(losses: Floats, rates: Floats, norms: Floats | None = None) -> Record:
    return Record(steps=np.arange(len(losses)), losses=np.asarray(losses, dtype=float), rates=rates, grad_norms=norms)


def halves(whole: Net) -> tuple[Net, Net]:
    """Two thirds to train on, the others to look at."""
    cut = 2 * len(whole.y) // 3
    order = np.random.default_rng(8).permutation(len(whole.y))
    return tuple(replace(whole, X=whole.X[rows], y=whole.y[rows]) for rows in (order[:cut], order[cut:]))  # type: ignore[return-value]


LARGE = ("rate too large", "diverged", "exploding gradients", "oscillating")
GROUPS = (
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
    Group("the rate is 0", nothing_moves, ("rate is 0",)),
    Group("the gradient is 0", no_gradient, ("gradient is 0",)),
    Group("dead", died, ("dead model", "diverged", "validation not finite")),
    Group("begun again at a resume", begun_again, ("schedule began again",)),
    Group("exploding rates", exploding, LARGE),
    Group("broken in the warm-up", broke_while_warming, ("diverged",)),
    Group("barely moving", barely_moves, ("rate too small", "not learning"), ("may be too small",)),
    Group("overfitted", overfitted, ("overfitting",)),
    Group("averages spoilt", spoilt_averages, ("validation jumped",)),
    Group("warming for ever", always_warming, ("warm-up too long",)),
    Group("decayed late", decayed_late, ("decay too late",)),
    Group("over at a floor", ended_at_a_floor, ("schedule ended early",)),
    Group("on its way down", ended_late, ("schedule ended late",)),
    Group("restarts for nothing", dead_restarts, ("restarts without gain",)),
    Group("noise at the end", noisy_end, ("noise-dominated end", "plateaued")),
    Group("edge of stability", at_the_edge, ("oscillating", "edge of stability", "rate too large")),
    Group("still running", running, said=("still going on",)),
    Group("range test", range_tested, said=("range test",)),
)
