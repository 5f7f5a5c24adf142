"""A whole strategy as one torch optimizer: torch's own step where it can compute it, else the engine of `descend`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...._errors import StepsizeError, flag, one_of
from ....course.strangers import no_argument
from ....descents import descent
from ....text import as_descent
from ..clips.hung import ANSWERS
from ..clips.norms import tensors_of
from .base import Strategy, Wishes
from .compiled import refuse
from .fused import CLASSES, decoupled
from .native import beyond, kernel, native
from .parameters import listed, refuse_own_decay
from .staged import StrategyEngine

_UNITS = ("steps_per_epoch", "batch_size", "tokens_per_step", "tokens_per_sample", "done", "process_group")


def optimizer(
    params: Iterable[Any],
    strategy: descent | str,
    total_steps: int | None = None,
    steps_per_epoch: float | None = None,
    *,
    on_nonfinite: str = "raise",
    on_change: str = "error",
    fused: bool | None = None,
    foreach: bool | None = None,
    compile: bool = False,
    **units: Any,
) -> Strategy:
    """A whole strategy as a torch optimizer: rule, rate, schedule, controllers and clips in one `step()`.

    Formula: that of `descent`: u = rule(clips(g)); Δ = clips(η_t·u); θ ← θ − Δ. Use it where the training script may
    change its optimizer line; to keep the optimizer, put a `Scheduler` on it. torch's own SGD, Adagrad, RMSprop, Adam
    or AdamW compute what they can; anything else (a clip between rule and rate, a controller that looks at the slope,
    a rule of your own) is computed stage by stage as in `descend`, which costs two to four steps of torch's fused Adam
    and no copy of the parameters; rules of your own, half precision, accelerators, and controllers that try rates or
    look back take several copies (`type(…)` is then StrategyEngine). `params` are tensors, (name, tensor) pairs or
    groups; a group with an `lr` of its own has its schedule multiplied with that, all others with the strategy's base.
    `total_steps` and units are those of `Scheduler`. `on_nonfinite` says what happens to a gradient that is NaN or
    infinite: "raise", "skip" the update, "zero" the elements, or "ignore". `fused` and `foreach` choose torch's
    implementation; left out, it is fused where torch has that.

    With `compile` an update from the rule to the parameters is one pass over memory that torch's compiler makes of the
    same formulas, in seconds to minutes at the first step: use it for long runs of large models on a processor, with a
    C++ compiler there (g++); the numbers differ by rounding. Where all stages look at one element at a time (`clip`,
    `weight_decay`, the rules of torch), one kernel serves for parameters of every shape, whichever have a gradient.
    Rules and stages of your own, `unitwise` and `spam` have one for each list of parameters that move together, for
    four lists. Stages that only scale arrays are quicker as they are, and go the ordinary way; so do steps of
    parameters of several types, half precision or groups with options of their own, and while somebody looks at the
    shares of clips (`Recorder`). The state is the same, so either kind loads the other's. Clips before a rule of torch
    and the answer to what is not finite are not part of the pass. A controller that looks at the update itself, or asks
    for the loss again, is refused.

    Controllers decide the rate of the update that they look at, as in `descend`. One that watches the loss takes it
    from the closure, or from `step(loss=loss)`; one that tries other rates evaluates it again, by the closure or by
    `step(loss=loss, loss_of=lambda: loss_fn(model(x), y))`; the variance of the gradient comes from `backward_halves`.
    `state_dict()` holds the schedule too, under "schedule", and what stages remember, under "stages";
    torch.distributed.checkpoint keeps only torch's part: save `optimizer.scheduler` beside it. A group's
    `weight_decay` takes the place of the strategy's, which has to have one, and is of its kind, decoupled or not.

    >>> import torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> descent = optimizer([weight], "sgd() | 0.5 * cosine() | clip(0.4)", total_steps=10)
    >>> weight.grad = torch.tensor([0.2, -4.0])
    >>> descent.step()
    >>> weight.tolist(), round(descent.param_groups[0]["lr"], 6)
    ([0.9, -1.6], 0.487764)
    """
    whole = as_descent(strategy)
    one_of("optimizer", "on_nonfinite", on_nonfinite, ANSWERS)
    given = listed(params)
    for name, value in units.items():
        if name not in _UNITS:
            raise no_argument("optimizer", name, value)
    units = {"total_steps": total_steps, "steps_per_epoch": steps_per_epoch, **units}
    flag("optimizer", "compile", compile)
    if compile:
        refuse(whole, tensors_of(given))
    wishes = Wishes(whole, units, on_nonfinite, on_change, bool(compile))
    reason = beyond(whole)
    if reason:
        if fused or foreach:
            raise StepsizeError(
                f"optimizer: {reason}, so torch's kernels cannot compute {whole}: leave fused and foreach out"
            )
        return StrategyEngine(given, wishes)
    stages = native(whole)
    for one in given:
        refuse_own_decay(one, whole)
    if stages.decoupled:
        given = [decoupled(one) if isinstance(one, dict) and "weight_decay" in one else one for one in given]
    arguments = stages.arguments | kernel(stages.name, tensors_of(given), fused, foreach)
    made: Strategy = CLASSES[stages.name](given, lr=float(whole.rate.base), **arguments)
    made._begin(wishes)
    return made
