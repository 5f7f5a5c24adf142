"""The one text of an update: direct, notice, consult, bound, remember; of one run or many, traced or not."""

from __future__ import annotations

from ._named import Named
from .measures import Array, Arrays, larger, scaled
from .quantities import Memory, notice, remember
from .schedules.rate import rate
from .stage import Rule, RuleState, Transform, through

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any, TypeAlias

Decide: TypeAlias = "Callable[[dict[str, Any], Memory, State], tuple[Any, tuple[Any, ...], Any]]"


class State(Named):
    """What a descent remembers between updates; with the parameters it is all that continuing needs.

    A named tuple, so a tree to JAX; in a traced update every number may be a traced one, `done` too.
    """

    rules: dict[str, RuleState]  # the rule's state by array
    control: tuple[Any, ...]  # the controllers' states, or with many runs those of each run
    done: int  # updates
    transforms: tuple[RuleState, ...]  # the state of each transform, in the order of the text
    memory: Memory  # the arrays of the last update, and the start, that a controller's quantities look back at

    def replace(self, **changes: Any) -> State:
        """The same state with some fields changed."""
        return self._replace(**changes)


class Step(Named):
    """What one update did: its rate, the largest share of elements that a clip limited, and what controllers said.

    `why` is empty where nothing was said, and None in a traced update, which has no words.
    """

    rate: Any
    clipped: Any
    why: Any = ""


class Advanced(Named):
    """What an update makes: the next parameters and state, what it did, and what it took away from the parameters."""

    params: Arrays
    state: State
    step: Step
    update: Arrays


class Parts(Named):
    """The stages of a descent by their place."""

    before: tuple[Transform, ...]
    rule: Rule
    between: tuple[Transform, ...]
    rate: rate
    after: tuple[Transform, ...]
    controllers: tuple[Any, ...]


def advance(
    parts: Parts,
    params: Arrays,
    grads: Arrays,
    state: State,
    needs: Collection[str],
    known: dict[str, Any],
    decide: Decide,
    many: bool = False,
    shown: Callable[[Arrays], Arrays] | None = None,
    move: Callable[[Arrays, Arrays], Arrays] | None = None,
) -> Advanced:
    """One pure update, of one run or with `many` of as many as the first axis of every array counts.

    `needs` are the quantities of `seen` that controllers look at, and `known` those that the caller has (loss, rate
    without controllers, …; one that is None is not there); what else is needed is measured. `decide(noticed, at,
    after)` answers the rate (one number, one for each run, or one for each array by its name), the controllers' next
    states and what they said; `at` are the params, grads and directions of this update, `after` the state after the
    rule. `shown` makes the directions that are noticed of those that are taken, where the two differ; `move(params,
    update)` puts the new parameters where they belong and returns them; left out, that is nowhere but in the answer.
    """
    directions, after, early = direct(parts, params, grads, state, many)
    at = {"params": params, "grads": grads, "directions": shown(directions) if shown else directions}
    rates, control, why = decide(notice(needs, known, at, state.memory, many), at, after)
    update, after, late = bound(parts, params, _far(rates, directions, many), grads, after, many)
    memory = remember(needs, at, state.memory)
    after = State(after.rules, control, state.done + 1, after.transforms, memory)
    return Advanced((move or _moved)(params, update), after, Step(rates, larger(early, late), why), update)


def direct(
    parts: Parts, params: Arrays, grads: Arrays, state: State, many: bool = False
) -> tuple[Arrays, State, Array]:
    """From gradients to directions: the stages before the rate, their next states, the share clipped."""
    rule, old = parts.rule, state.transforms
    start, rest = len(parts.before), len(old) - len(parts.after)
    about = {"grads": grads, "rules": state.rules}
    limited, first, share = through(parts.before, old[:start], grads, params, about, many)
    outcome = {name: rule.update(grad, state.rules[name], params[name]) for name, grad in limited.items()}
    rules = {name: one[1] for name, one in outcome.items()}
    about = {"grads": grads, "rules": rules}
    directions = {name: one[0] for name, one in outcome.items()}
    directions, second, later = through(parts.between, old[start:rest], directions, params, about, many)
    transforms = (*first, *second, *old[rest:])
    return directions, State(rules, state.control, state.done, transforms, state.memory), larger(share, later)


def bound(
    parts: Parts, params: Arrays, update: Arrays, grads: Arrays, state: State, many: bool = False
) -> tuple[Arrays, State, Array]:
    """The update within the clips after the rate, their next states, and the share clipped."""
    if not parts.after:
        return update, state, 0.0
    kept = len(state.transforms) - len(parts.after)
    about = {"grads": grads, "rules": state.rules}
    update, states, share = through(parts.after, state.transforms[kept:], update, params, about, many)
    transforms = (*state.transforms[:kept], *states)
    return update, State(state.rules, state.control, state.done, transforms, state.memory), share


def trial(
    parts: Parts, at: Memory, state: State, loss_of: Callable[[Arrays], Any], many: bool = False
) -> Callable[[float], float]:
    """From a rate to the loss where it leads from here, `state` being the one after `direct`; nothing is kept."""

    def loss_at(rate: float) -> float:
        update = bound(parts, at["params"], _far(rate, at["directions"], many), at["grads"], state, many)[0]
        return float(loss_of(_moved(at["params"], update)))

    return loss_at


def _far(rates: Any, directions: Arrays, many: bool) -> Arrays:
    """The directions times their rate: one for all, one for each run, or one for each array."""
    if isinstance(rates, dict):
        return {name: rates[name] * one for name, one in directions.items()}
    if isinstance(rates, (int, float)):
        return {name: rates * one for name, one in directions.items()}
    return {name: scaled(one, rates, many) for name, one in directions.items()}


def _moved(params: Arrays, update: Arrays) -> Arrays:
    return {name: one - update[name] for name, one in params.items()}
