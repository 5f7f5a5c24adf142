"""The verdict: what a judgement shows, in plain English, one thought a line."""

from __future__ import annotations

from collections.abc import Sequence

from ..._language import commas, listed, said, say
from .judge import Judgement
from .pairs import Pair
from .strategy import Judged
from .student import MOST, Estimate

FEW = 3  # pairs without a shown difference, from which on they share a line
RARELY = 1e-4  # a smaller p-value is named as below this


def verdict(judgement: Judgement) -> tuple[str, ...]:
    """The judgement in lines of plain English, or of the language that is spoken, for terminal, page and JSON alike.

    Who ended lowest and how sure that is, the difference to each other strategy (to the reference, where one is
    named) with its interval, the worst seeds, what diverged, rates at the edge of those tried, and what the
    comparison cannot exclude. Numbers have four digits.

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
    lines = [_first(judgement, there)] if there else [say("Nothing can be judged.")]
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
    about = {"name": leader.name, "column": said(str(judgement.judges)), "mean": _mean(leader)}
    if len(there) < 2:
        return say("{name} ended at {column} {mean}.", **about)
    sure = _sure(judgement, leader.name, len(there))
    if judgement.judges.higher:
        return say("{name} ended highest: {column} {mean}; {sure}.", **about, sure=sure)
    return say("{name} ended lowest: {column} {mean}; {sure}.", **about, sure=sure)


def _mean(one: Judged) -> str:
    assert one.mean is not None
    value, interval = f"{one.mean.value:.4g}", _interval(one.mean)
    if len(one.rates) == 1:
        return say("{value} at rate {rate:.4g} ({interval})", value=value, rate=one.rates[0], interval=interval)
    rates = listed([f"{rate:.4g}" for rate in one.rates])
    return say("{value} at rates {rates} ({interval})", value=value, rates=rates, interval=interval)


def _interval(one: Estimate) -> str:
    if one.low is None or one.high is None:
        return f"n = {one.n}"
    return say("95 % interval {low:.4g} to {high:.4g}, n = {n}", low=one.low, high=one.high, n=one.n)


def _sure(judgement: Judgement, leader: str, count: int) -> str:
    better = said(judgement.judges.better)
    beaten = [
        one.second if one.first == leader else one.first
        for one in judgement.pairs
        if (one.first, one.shown) == (leader, "first") or (one.second, one.shown) == (leader, "second")
    ]
    if not beaten:
        return say("that it is {better} than another is not shown", better=better)
    if judgement.reference not in (None, leader) and beaten and count > 2:
        than = judgement.reference
        return say("it is shown to be {better} than {than}, with which all are compared", better=better, than=than)
    if len(beaten) < count - 1:
        than = listed(beaten)
        return say("it is shown to be {better} than {than}, and than no other", better=better, than=than)
    if count > 2:
        return say("it is shown to be {better} than every other", better=better)
    return say("it is shown to be {better}", better=better)


def _pairs(judgement: Judgement, pairs: Sequence[Pair]) -> list[str]:
    """A line for each pair; those that show no difference share one where there are several."""
    alike = [one for one in pairs if one.shown == "no difference"]
    if len(alike) < FEW or len({one.difference.n for one in alike if one.difference}) > 1:
        return [_pair(judgement, one) for one in pairs]
    rest = [_pair(judgement, one) for one in pairs if one.shown != "no difference"]
    return [*rest, _alike(judgement, alike)]


def _alike(judgement: Judgement, pairs: Sequence[Pair]) -> str:
    centre = _centre_first(judgement, pairs[0])[0]
    each = [
        say("{name} ({p}, {seeds})", name=_centre_first(judgement, one)[1], p=_plain_p(one), seeds=_seeds(one))
        for one in pairs
    ]
    assert pairs[0].difference is not None
    return say(
        "No difference shown between {centre} and {others}: n = {n}, {comparisons} comparisons; in brackets p, and how "
        "many seeds would show a difference as large as the one seen.",
        centre=centre,
        others=listed(each),
        n=pairs[0].difference.n,
        comparisons=judgement.comparisons,
    )


def _seeds(pair: Pair) -> str:
    return say("more than {most:,}", most=MOST) if pair.seeds_to_show is None else f"{pair.seeds_to_show:,}"


def _pair(judgement: Judgement, pair: Pair) -> str:
    if pair.difference is None:
        return _not_compared(pair)
    if pair.shown == "identical":
        n = pair.difference.n
        return say(
            "{first} and {second} ended equal with each of {n} seeds.", first=pair.first, second=pair.second, n=n
        )
    if pair.shown == "no difference":
        one, other = _centre_first(judgement, pair)
        chance, more = _chance(judgement, pair), _more(pair)
        return say(
            "No difference shown between {one} and {other} ({chance}; {more}).",
            one=one,
            other=other,
            chance=chance,
            more=more,
        )
    first, second, by = _better_first(judgement, pair)
    about = {"first": first, "better": said(judgement.judges.better), "second": second, "by": f"{by.value:.4g}"}
    if pair.shown == "no spread":
        return say(
            "{first} is {better} than {second} by {by} with each of {n} seeds, without any spread: seeds change "
            "nothing here, so no test is possible.",
            **about,
            n=by.n,
        )
    interval, p = _interval(by), _p(judgement, pair)
    return say("{first} is {better} than {second} by {by} ({interval}, {p}).", **about, interval=interval, p=p)


def _not_compared(pair: Pair) -> str:
    about = {"first": pair.first, "second": pair.second}
    if pair.common == 0:
        return say(
            "{first} and {second} are not compared, since they share no seed that can judge: run both with the same "
            "seeds, two at least.",
            **about,
        )
    if pair.common == 1:
        return say(
            "{first} and {second} are not compared, since they share one seed that can judge: run both with the same "
            "seeds, two at least.",
            **about,
        )
    return say(
        "{first} and {second} are not compared, since they share {common} seeds that can judge: run more seeds with "
        "every rate.",
        **about,
        common=pair.common,
    )


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
    return say("{p}, n = {n}", p=_p(judgement, pair), n=pair.difference.n)


def _p(judgement: Judgement, pair: Pair) -> str:
    told = _plain_p(pair)
    if judgement.comparisons < 2:
        return told
    return say("{p} among {comparisons} comparisons", p=told, comparisons=judgement.comparisons)


def _plain_p(pair: Pair) -> str:
    assert pair.p_holm is not None
    return f"p < {RARELY:.4f}" if pair.p_holm < RARELY else f"p = {pair.p_holm:.2g}"


def _more(pair: Pair) -> str:
    if pair.seeds_to_show is None:
        return say("more than {most:,} seeds would be needed to show a difference as large as the one seen", most=MOST)
    return say("about {seeds:,} seeds would show a difference as large as the one seen", seeds=pair.seeds_to_show)


def _worst(there: Sequence[Judged]) -> str:
    each = [
        say("{name} {loss:.4g} (seed {seed})", name=one.name, loss=one.worst[1], seed=one.worst[0])
        for one in there
        if one.worst is not None
    ]
    return say("Worst seed: {each}.", each=commas(each))


def _of_one(one: Judged) -> list[str]:
    lines = []
    if one.why:
        lines.append(say("{name} is not judged: {why}.", name=one.name, why=said(one.why)))
    if one.diverged:
        about = {"name": one.name, "diverged": one.diverged, "runs": one.runs}
        rates = commas([f"{rate:.4g}" for rate in one.diverged_at])
        lines.append(
            say("{name}: {diverged} of {runs} runs diverged, at rate {rates}, which is out.", **about, rates=rates)
            if len(one.diverged_at) == 1
            else say(
                "{name}: {diverged} of {runs} runs diverged, at rates {rates}, which are out.", **about, rates=rates
            )
        )
    if one.choosing < len(one.losses) and one.runs > len(one.losses):
        lines.append(
            say(
                "{name}: the rate is chosen on {some} of {all} seeds, which all its rates have.",
                name=one.name,
                some=one.choosing,
                all=len(one.losses),
            )
        )
    return lines


def _edges(strategies: Sequence[Judged]) -> list[str]:
    """Whose rate is at an end of those tried; several share a line."""
    if len(strategies) < FEW:
        return [_edge(one) for one in strategies]
    lowest, highest = ([one.name for one in strategies if one.edge == edge] for edge in ("lowest", "highest"))
    lines = []
    if lowest:
        names = listed(lowest)
        lines.append(
            say("The chosen rate is the lowest tried, so a better one may lie below it: {names}.", names=names)
        )
    if highest:
        names = listed(highest)
        lines.append(
            say("The chosen rate is the highest tried, so a better one may lie above it: {names}.", names=names)
        )
    return lines


def _edge(one: Judged) -> str:
    if one.edge == "lowest":
        return say("{name}: the chosen rate is the lowest tried, so a better one may lie below it.", name=one.name)
    return say("{name}: the chosen rate is the highest tried, so a better one may lie above it.", name=one.name)


def _hangs(one: Judged) -> bool:
    return one.range is not None and one.range[0] < one.range[1] and len(one.rates) == 1


def _hanging(strategies: Sequence[Judged]) -> list[str]:
    """Whose rate other seeds would have chosen otherwise."""
    ranges = [one.range for one in strategies if one.range is not None]
    if len(strategies) == 1:
        low, high = ranges[0]
        return [
            say(
                "{name}: the chosen rate hangs on the seeds; halves of them chose {low:.4g} to {high:.4g}.",
                name=strategies[0].name,
                low=low,
                high=high,
            )
        ]
    each = [
        say("{name} {low:.4g} to {high:.4g}", name=one.name, low=low, high=high)
        for one, (low, high) in zip(strategies, ranges, strict=True)
    ]
    if not each:
        return []
    return [say("Chosen rates that hang on the seeds, and what halves of them chose: {each}.", each=commas(each))]


def _limits(judgement: Judgement, there: Sequence[Judged]) -> list[str]:
    if not there:
        return []
    if judgement.judges == judgement.chooses and not judgement.halves:
        return [
            say(
                "No part is kept for judging: the {part} rows chose the rates and judge them, so it cannot be excluded "
                "that the rates suit these rows better than new ones.",
                part=said(judgement.judges.part),
            )
        ]
    return []
