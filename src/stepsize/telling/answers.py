"""What `explain` says of controllers: what each watches and answers, by the word of its class."""

from __future__ import annotations

from .._language import commas, said, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

CONTROLLERS: dict[str, Callable[[Any], str]] = {
    "infrared": lambda f: say(
        "{gamma:.4g} times its last decrease over the one before, at least {alpha:.4g}{cap}{compounding}",
        gamma=f.gamma,
        alpha=f.alpha,
        cap=say(" and at most {cap:.4g}", cap=f.cap) if f.cap is not None else "",
        compounding=said(", multiplied up from update to update") if f.compounding else "",
    ),
    "plateau": lambda f: _plateau(f),
    "newbob": lambda f: _newbob(f),
    "greedy": lambda f: _greedy(f),
    "bold_driver": lambda f: say(
        "1 at first, times {grow:.4g} where it fell, times {shrink:.4g} where it rose{by}{bounds}",
        grow=f.grow,
        shrink=f.shrink,
        by=say(" by more than a share of {share:.4g}", share=f.tolerance) if f.tolerance else "",
        bounds=bounds(f.low, f.high),
    ),
    "spike": lambda f: say(
        "1, but {back_off:.4g} at a loss more than {k:.4g} times their deviation above the median of the last {window} "
        "or one that is no number, and back at 1 in {recovery} updates{bounds}",
        back_off=f.back_off,
        k=f.k,
        window=f.window,
        recovery=f.recovery,
        bounds=bounds(f.low, None),
    ),
    "polyak": lambda f: say(
        "what the loss has left above {floor:.4g} over {times}the slope{bounds}{doubling}",
        floor=f.f_star,
        times="" if f.c == 1 else say("{c:.4g} times ", c=f.c),
        bounds=bounds(f.low or None, f.high),
        doubling=say(", doubling in {updates} at most", updates=_updates(f.doubling)) if f.doubling is not None else "",
    ),
    "armijo": lambda f: say(
        "1 at first, then the last one{doubling}, times {shrink:.4g} until the loss of the same batch falls by at "
        "least {c:.4g} of what the slope promises{bounds}; 0 where {tries} did not find one",
        doubling=say(" (doubling in {updates})", updates=_updates(f.doubling)) if f.doubling is not None else "",
        shrink=f.shrink,
        c=f.c,
        bounds=bounds(f.low, f.high),
        tries=said("1 try") if f.tries == 1 else say("{count} tries", count=f.tries),
    ),
    "barzilai_borwein": lambda f: say(
        "the inverse of the curvature that the last step met (its {form} form){bounds}; {first:.4g} at first",
        form=f.form,
        bounds=bounds(f.low, f.high),
        first=f.first,
    ),
    "adgd": lambda f: say(
        "half the last step over the gradient's change, growing no faster than is safe{bounds}; {first:.4g} at first",
        bounds=bounds(f.low, f.high),
        first=f.first,
    ),
    "hypergradient": lambda f: (
        say(
            "1 at first, then up where they agree and down where not, by a share of {beta:.4g} at most each update"
            "{bounds}",
            beta=f.beta,
            bounds=bounds(f.low, f.high),
        )
        if f.form == "multiplicative"
        else say(
            "1 at first, then {beta:.4g} times their product more at every update{bounds}",
            beta=f.beta,
            bounds=bounds(f.low, f.high),
        )
    ),
    "distance": lambda f: (
        said("the largest distance so far over the root of the sum of the squares of all gradient norms")
        if f.by == "dog"
        else said(
            "the largest distance so far, squared, over the root of the sum of the squares of all gradient norms, "
            "each times the distance it was met at"
        )
    ),
    "gradient_noise": lambda f: (
        say(
            "the share of signal in the gradient over the last update, 1 without noise{bounds}",
            bounds=bounds(f.low or None, None),
        )
        if f.memory == 1
        else say(
            "the share of signal in the gradient over the last {count} updates, 1 without noise{bounds}",
            count=f.memory,
            bounds=bounds(f.low or None, None),
        )
    ),
    "robust_infrared": lambda f: (
        say(
            "as far as the loss left above {floor:.4g} allows, and no further than the loss still falls nearly as "
            "promised",
            floor=f.floor,
        )
        if f.floor is not None
        else said("no further than the loss still falls nearly as promised")
    ),
}

WATCHED = {
    "loss_at": "the loss at other rates",
    "grad_norm": "the gradient's norm",
    "grad_variance": "the gradient's variance",
    "direction_norm": "the direction's norm",
    "step_norm": "the last step",
    "grad_change_norm": "the gradient's change",
    "step_dot_grad_change": "how they agree",
    "grad_dot_last_direction": "how the last direction agrees with the gradient",
    "start_norm": "the starting point",
    "distance": "the distance from the start",
    "loss": "the loss",
    "metric": "the metric",
    "slope": "the slope",
    "progress": "the progress",
}


def listed(items: Iterable[str]) -> str:
    """Some things in a row: a, b and c."""
    *front, last = items
    return say("{first} and {last}", first=commas(front), last=last) if front else last


def _plateau(f: Any) -> str:
    return say(
        "1 at first, times {factor:.4g} at every {several} without a new {best} one{pause}{floor}",
        factor=f.factor,
        several=_several(f.limit, f.average),
        best=said("lowest") if f.mode == "min" else said("highest"),
        pause=say(", with a pause of {count} after each", count=f.cooldown) if f.cooldown else "",
        floor=bounds(f.floor or None, None),
    )


def _several(count: int, average: int) -> str:
    """What is compared: a value or a mean of some, alone or several in a row."""
    if count == 1:
        return said("value") if average == 1 else say("mean of {average} values", average=average)
    if average == 1:
        return say("{count} values in a row", count=count)
    return say("{count} means of {average} values in a row", count=count, average=average)


def _newbob(f: Any) -> str:
    return say(
        "1 at first, times {factor:.4g} at every {turn}{value} not {better} than the one before{by}{bounds}",
        factor=f.factor,
        turn=_ordinal(f.patient + 1) if f.patient else "",
        value=_several(1, f.every),
        better=said("lower") if f.mode == "min" else said("higher"),
        by=say(" by a share of {share:.4g}", share=f.threshold) if f.threshold else "",
        bounds=bounds(f.low or None, None),
    )


def _greedy(f: Any) -> str:
    n, best = f.patience + 1, said("lowest") if f.mode == "min" else said("highest")
    pauses = [say("{count} after a rise", count=f.warmup)] if f.warmup else []
    pauses += [say("{count} after a fall", count=f.cooldown)] if f.cooldown else []
    return say(
        "1 at first, divided by {factor:.4g} after {ups}{means}, times {factor:.4g} after {downs}{bounds}{pause}"
        "{again}",
        factor=f.factor,
        ups=say("{count} new {best} values in a row", count=n, best=best)
        if n > 1
        else say("each new {best} value", best=best),
        means="" if f.window == 1 else say(" (means of {count})", count=f.window),
        downs=say("{count} others in a row", count=n) if n > 1 else said("each that is not"),
        bounds=bounds(f.low, f.high),
        pause=say(", with a pause of {pauses}", pauses=listed(pauses)) if pauses else "",
        again="" if f.restart is None else _again(f.restart, f.low),
    )


def _again(falls: int, low: float) -> str:
    if falls == 1:
        return say("; from 1 again after 1 fall to {low:.4g}", low=low)
    return say("; from 1 again after {count} falls to {low:.4g}", count=falls, low=low)


def bounds(low: float | None, high: float | None, lead: str | None = None) -> str:
    """The bounds that there are, as the end of a phrase."""
    lead = said(", ") if lead is None else lead
    if high is None:
        return "" if low is None else lead + say("never below {low:.4g}", low=low)
    if low is None:
        return lead + say("at most {high:.4g}", high=high)
    return lead + say("at least {low:.4g} and at most {high:.4g}", low=low, high=high)


def _updates(count: int) -> str:
    return said("1 update") if count == 1 else say("{count} updates", count=count)


def _ordinal(n: int) -> str:
    """Which in a row: 3rd."""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return say("{n}{ending} ", n=n, ending=ending)
