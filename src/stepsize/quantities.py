"""What an update can notice for its controllers: quantities of its arrays, and what has to be kept for the next."""

from __future__ import annotations

import warnings

from ._errors import StepsizeError
from ._language import say
from .measures import Array, Arrays, difference, dot, global_norm
from .observed import seen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import Any, TypeAlias

Memory: TypeAlias = "dict[str, Arrays]"

_NOW: dict[str, Callable[[Memory, bool], Array]] = {
    "grad_norm": lambda at, many: global_norm(at["grads"], many),
    "slope": lambda at, many: dot(at["grads"], at["directions"], many),
    "direction_norm": lambda at, many: global_norm(at["directions"], many),
}
_PAST: dict[str, tuple[tuple[str, ...], Callable[[Memory, Memory, bool], Array]]] = {
    "step_norm": (
        ("params",),
        lambda at, was, many: global_norm(difference(at["params"], was["params"]), many),
    ),
    "grad_change_norm": (
        ("grads",),
        lambda at, was, many: global_norm(difference(at["grads"], was["grads"]), many),
    ),
    "step_dot_grad_change": (
        ("params", "grads"),
        lambda at, was, many: dot(difference(at["params"], was["params"]), difference(at["grads"], was["grads"]), many),
    ),
    "grad_dot_last_direction": (
        ("directions",),
        lambda at, was, many: dot(at["grads"], was["directions"], many),
    ),
    "distance": (
        ("start",),
        lambda at, was, many: global_norm(difference(at["params"], was["start"]), many),
    ),
    "start_norm": (("start",), lambda at, was, many: global_norm(was["start"], many)),
}
_FIELDS = frozenset(seen.field_names())
_NOTHING: frozenset[str] = frozenset()
NOT_AT_FIRST = {name for name, (kept, _) in _PAST.items() if kept != ("start",)}


def needs_of(controllers: tuple[Any, ...]) -> frozenset[str]:
    """The quantities that these controllers look at."""
    if not controllers:
        return _NOTHING
    needs = frozenset([name for one in controllers for name in one.needs])
    unknown = needs - _FIELDS
    if unknown:
        raise StepsizeError(f"a controller needs {min(unknown)!r}, which is no field of seen: {seen.field_names()}")
    return needs


def notice(
    needs: Collection[str], known: dict[str, Any], at: Memory, memory: Memory, many: bool = False
) -> dict[str, Array]:
    """What the controllers are shown: what the caller knows, and those of their needs that the arrays tell."""
    there = {name: one for name, one in known.items() if one is not None}
    wanted = [name for name in needs if name not in there]
    return there | measure(wanted, at, memory, many) if wanted else there


def measure(wanted: Collection[str], at: Memory, memory: Memory, many: bool = False) -> dict[str, Array]:
    """Those of the wanted quantities that the arrays tell; at the first update those of two updates are left out.

    `at` holds the params, grads and directions of this update, `memory` what `remember` kept of the one before.
    """
    found = {name: of(at, many) for name, of in _NOW.items() if name in wanted}
    for name, (kept, of_two) in _PAST.items():
        if name in wanted and all(one in memory for one in kept):
            found[name] = of_two(at, memory, many)
    return found


def at_start(needs: Collection[str], params: Arrays) -> Memory:
    """What has to be kept before the first update."""
    return {"start": _own(params)} if "start" in _kept(needs) else {}


def remember(needs: Collection[str], at: Memory, memory: Memory) -> Memory:
    """What has to be kept for the next update."""
    if not needs:
        return {}
    return {name: memory["start"] if name == "start" else _own(at[name]) for name in _kept(needs)}


def check_there(controllers: Iterable[Any], there: Collection[str], first: bool) -> None:
    """Refuse an update at which a controller would look at something that is not there."""
    for one in controllers:
        for name in one.needs:
            may_lack = name == "metric" or (first and name in NOT_AT_FIRST)
            if name not in there and not may_lack:
                how = "step(…, loss_of=…)" if name == "loss_at" else f"seen({name}=…)"
                raise StepsizeError(
                    say("{word} needs the {name} at every update: pass {how}", word=one.word(), name=name, how=how)
                )


def consult(
    controllers: tuple[Any, ...], states: tuple[Any, ...], now: seen, done: int
) -> tuple[tuple[float, ...], tuple[Any, ...], str]:
    """Ask every controller that has begun by update `done`: their factors, their next states, and what they said."""
    pairs = zip(controllers, states, strict=True)
    answers = [asked(one, state, now) if done >= one.begins else (1.0, state, "") for one, state in pairs]
    return (
        tuple(factor for factor, _, _ in answers),
        tuple(state for _, state, _ in answers),
        "; ".join(f"{one.word()}: {why}" for one, (_, _, why) in zip(controllers, answers, strict=True) if why),
    )


def asked(controller: Any, state: Any, now: seen) -> tuple[float, Any, str]:
    """What one controller answers; a state that it remarks on is a warning, once, when it is come to."""
    factor, after, why = controller.step(state, now)
    if after is not state:
        remark = controller.remark(after, now)
        if remark and remark != controller.remark(state, now):
            warnings.warn(f"{controller.word()}: {remark}", stacklevel=2)
    return factor, after, why


def of_run(state: Any, i: int) -> Any:
    """The part of run `i` of arrays whose first axis counts runs, which is kept; single numbers stay."""
    if isinstance(state, dict):
        return {name: of_run(one, i) for name, one in state.items()}
    if isinstance(state, tuple):
        return tuple(of_run(one, i) for one in state)
    return state[i : i + 1] if getattr(state, "ndim", 0) else state


def _kept(needs: Collection[str]) -> list[str]:
    return sorted({one for name in needs if name in _PAST for one in _PAST[name][0]})


def _own(arrays: Arrays) -> Arrays:
    """Copies: a host may write its next gradient into the same memory."""
    return {name: 1 * one for name, one in arrays.items()}
