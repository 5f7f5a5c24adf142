"""Runs of a family that were made to have an illness, by groups: one without the finding that names it is a miss."""

from dataclasses import replace

import numpy as np
from diagnosis_families import Family, Group, Records, halves
from diagnosis_healthy import running, validated
from diagnosis_nets import good, net
from diagnosis_trained import cosine, linear, restarts, rounded, thinned, train

from stepsize.lab.records.record import Record


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
                up = float(np.mean(losses[1:] > losses[:-1]))
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


LARGE = ("rate too large", "diverged", "exploding gradients", "oscillating")
ILL = (
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
