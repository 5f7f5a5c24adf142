"""The verdict: what a judgement shows, in plain English, one thought a line."""

from __future__ import annotations

from collections.abc import Sequence

from .judge import Judgement
from .pairs import Pair
from .strategy import Judged
from .student import MOST, Estimate

FEW = 3  # pairs without a shown difference, from which on they share a line
RARELY = 1e-4  # a smaller p-value is named as below this


def verdict(judgement: Judgement) -> tuple[str, ...]:
    """The judgement in lines of plain English, for terminal, page and JSON alike; numbers have four digits.

    Who ended lowest and how sure that is, the difference to each other strategy (to the reference, where one is
    named) with its interval, the worst seeds, what diverged, rates at the edge of those tried, and what the
    comparison cannot exclude.

    >>> from stepsize.lab.judging import Column, Runs, judge
    >>> tables = [{(0.1, seed): one for seed, one in enumerate(ones)} for ones in ([2.0, 2.2, 2.1], [1.0, 1.3, 1.1])]
    >>> runs = [Runs("plain", tables[0], tables[0]), Runs("warm", tables[1], tables[1])]
    >>> for line in verdict(judge(runs))[:3]:
    ...     print(line)
    warm ended lowest: test loss 1.133 at rate 0.1 (95 % interval 0.7539 to 1.513, n = 3); it is shown to be lower.
    warm is lower than plain by 0.9667 (95 % interval 0.8232 to 1.11, n = 3, p = 0.001).
    Worst seed: plain 2.2 (seed 1), warm 1.3 (seed 1).
    """
    there = [one for one in judgement.strategies if one.mean is not None]
    lines = [_first(judgement, there)] if there else ["Nothing can be judged."]
    lines += _pairs(judgement, _told(judgement))
    lines += [_worst(there)] if any(len(one.losses) > 1 for one in there) else []
    lines += [line for one in judgement.strategies for line in _of_one(one)]
    lines += _edges([one for one in judgement.strategies if one.edge])
    lines += _hanging([one for one in judgement.strategies if _hangs(one)])
    return tuple(lines + _limits(judgement, there))


def _told(judgement: Judgement) -> list[Pair]:
    """The pairs that lines are written for: with the reference, or with the one that ended lowest."""
    centre = judgement.reference or judgement.leader
    return [one for one in judgement.pairs if centre in (one.first, one.second)]


def _first(judgement: Judgement, there: Sequence[Judged]) -> str:
    leader = next(one for one in there if one.name == judgement.leader)
    place = "at" if len(there) < 2 else f"{judgement.judges.better.replace('er', 'est')}:"
    about = f"{leader.name} ended {place} {judgement.judges} {_mean(leader)}"
    return f"{about}; {_sure(judgement, leader.name, len(there))}." if len(there) > 1 else f"{about}."


def _mean(one: Judged) -> str:
    assert one.mean is not None
    rates = " and ".join(f"{rate:.4g}" for rate in one.rates)
    return f"{one.mean.value:.4g} at {'rate' if len(one.rates) == 1 else 'rates'} {rates} ({_interval(one.mean)})"


def _interval(one: Estimate) -> str:
    if one.low is None or one.high is None:
        return f"n = {one.n}"
    return f"95 % interval {one.low:.4g} to {one.high:.4g}, n = {one.n}"


def _sure(judgement: Judgement, leader: str, count: int) -> str:
    better = judgement.judges.better
    beaten = [
        one.second if one.first == leader else one.first
        for one in judgement.pairs
        if (one.first, one.shown) == (leader, "first") or (one.second, one.shown) == (leader, "second")
    ]
    if not beaten:
        return f"that it is {better} than another is not shown"
    if judgement.reference not in (None, leader) and beaten and count > 2:
        return f"it is shown to be {better} than {judgement.reference}, with which all are compared"
    if len(beaten) == count - 1:
        return f"it is shown to be {better}" + (" than every other" if count > 2 else "")
    return f"it is shown to be {better} than {_listed(beaten)}, and than no other"


def _pairs(judgement: Judgement, pairs: Sequence[Pair]) -> list[str]:
    """A line for each pair; those that show no difference share one where there are several."""
    alike = [one for one in pairs if one.shown == "no difference"]
    if len(alike) < FEW or len({one.difference.n for one in alike if one.difference}) > 1:
        return [_pair(judgement, one) for one in pairs]
    rest = [_pair(judgement, one) for one in pairs if one.shown != "no difference"]
    return [*rest, _alike(judgement, alike)]


def _alike(judgement: Judgement, pairs: Sequence[Pair]) -> str:
    centre = _centre_first(judgement, pairs[0])[0]
    each = [f"{_centre_first(judgement, one)[1]} ({_plain_p(one)}, {_seeds(one)})" for one in pairs]
    assert pairs[0].difference is not None
    return (
        f"No difference shown between {centre} and {_listed(each)}: n = {pairs[0].difference.n}, "
        f"{judgement.comparisons} comparisons; in brackets p, and how many seeds would show a difference as large as "
        "the one seen."
    )


def _seeds(pair: Pair) -> str:
    return f"more than {MOST:,}" if pair.seeds_to_show is None else f"{pair.seeds_to_show:,}"


def _pair(judgement: Judgement, pair: Pair) -> str:
    if pair.difference is None:
        return _not_compared(pair)
    if pair.shown == "identical":
        return f"{pair.first} and {pair.second} ended equal with each of {pair.difference.n} seeds."
    if pair.shown == "no difference":
        one, other = _centre_first(judgement, pair)
        return f"No difference shown between {one} and {other} ({_chance(judgement, pair)}; {_more(pair)})."
    first, second, by = _better_first(judgement, pair)
    how = f"{first} is {judgement.judges.better} than {second} by {by.value:.4g}"
    if pair.shown == "no spread":
        return (
            f"{how} with each of {by.n} seeds, without any spread: seeds change nothing here, so no test is possible."
        )
    return f"{how} ({_interval(by)}, {_p(judgement, pair)})."


def _not_compared(pair: Pair) -> str:
    seeds = {0: "no seed", 1: "one seed"}.get(pair.common, f"{pair.common} seeds")
    need = "run both with the same seeds, two at least" if pair.common < 2 else "run more seeds with every rate"
    return f"{pair.first} and {pair.second} are not compared, since they share {seeds} that can judge: {need}."


def _better_first(judgement: Judgement, pair: Pair) -> tuple[str, str, Estimate]:
    """The better one, the other, and by how much, above 0."""
    assert pair.difference is not None
    one = pair.difference
    turned = (one.low, one.high) if one.value > 0 else (_minus(one.high), _minus(one.low))
    by = Estimate(abs(one.value), *turned, one.n)
    if one.value * judgement.judges.sign < 0:
        return pair.first, pair.second, by
    return pair.second, pair.first, by


def _centre_first(judgement: Judgement, pair: Pair) -> tuple[str, str]:
    centre = judgement.reference or judgement.leader
    return (pair.second, pair.first) if pair.second == centre else (pair.first, pair.second)


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _chance(judgement: Judgement, pair: Pair) -> str:
    assert pair.difference is not None
    return f"{_p(judgement, pair)}, n = {pair.difference.n}"


def _p(judgement: Judgement, pair: Pair) -> str:
    told = _plain_p(pair)
    return told if judgement.comparisons < 2 else f"{told} among {judgement.comparisons} comparisons"


def _plain_p(pair: Pair) -> str:
    assert pair.p_holm is not None
    return f"p < {RARELY:.4f}" if pair.p_holm < RARELY else f"p = {pair.p_holm:.2g}"


def _more(pair: Pair) -> str:
    seen = "a difference as large as the one seen"
    if pair.seeds_to_show is None:
        return f"more than {MOST:,} seeds would be needed to show {seen}"
    return f"about {pair.seeds_to_show:,} seeds would show {seen}"


def _worst(there: Sequence[Judged]) -> str:
    each = [f"{one.name} {one.worst[1]:.4g} (seed {one.worst[0]})" for one in there if one.worst is not None]
    return f"Worst seed: {', '.join(each)}."


def _of_one(one: Judged) -> list[str]:
    lines = []
    if one.why:
        lines.append(f"{one.name} is not judged: {one.why}.")
    if one.diverged:
        rates = ", ".join(f"{rate:.4g}" for rate in one.diverged_at)
        word, out = ("rate", "which is out") if len(one.diverged_at) == 1 else ("rates", "which are out")
        lines.append(f"{one.name}: {one.diverged} of {one.runs} runs diverged, at {word} {rates}, {out}.")
    if one.choosing < len(one.losses) and one.runs > len(one.losses):
        seeds = f"{one.choosing} of {len(one.losses)} seeds"
        lines.append(f"{one.name}: the rate is chosen on {seeds}, which all its rates have.")
    return lines


def _edges(strategies: Sequence[Judged]) -> list[str]:
    """Whose rate is at an end of those tried; several share a line."""
    ends = [("lowest", "below"), ("highest", "above")]
    if len(strategies) < FEW:
        sides = dict(ends)
        return [
            f"{one.name}: the chosen rate is the {one.edge} tried, so a better one may lie {sides[one.edge]} it."
            for one in strategies
        ]
    found = [(edge, side, [one.name for one in strategies if one.edge == edge]) for edge, side in ends]
    return [
        f"The chosen rate is the {edge} tried, so a better one may lie {side} it: {_listed(names)}."
        for edge, side, names in found
        if names
    ]


def _hangs(one: Judged) -> bool:
    return one.range is not None and one.range[0] < one.range[1] and len(one.rates) == 1


def _hanging(strategies: Sequence[Judged]) -> list[str]:
    """Whose rate other seeds would have chosen otherwise."""
    ranges = [one.range for one in strategies if one.range is not None]
    if len(strategies) == 1:
        low, high = (f"{rate:.4g}" for rate in ranges[0])
        return [f"{strategies[0].name}: the chosen rate hangs on the seeds; halves of them chose {low} to {high}."]
    each = [f"{one.name} {low:.4g} to {high:.4g}" for one, (low, high) in zip(strategies, ranges, strict=True)]
    return [f"Chosen rates that hang on the seeds, and what halves of them chose: {', '.join(each)}."] if each else []


def _limits(judgement: Judgement, there: Sequence[Judged]) -> list[str]:
    if not there:
        return []
    if judgement.judges == judgement.chooses and not judgement.halves:
        part = judgement.judges.part
        return [
            f"No part is kept for judging: the {part} rows chose the rates and judge them, so it cannot be excluded "
            "that the rates suit these rows better than new ones."
        ]
    return []


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
