"""StableAdamW's clip: a shorter update where the rule's second moment is out of date."""

from __future__ import annotations

from typing import NoReturn

from .._errors import StepsizeError
from .._language import say
from .._space import held_by, namespace
from .._value import field
from ..descents import Array, Arrays, Clip, Rule, RuleState
from ..measures import begun
from .shorten import rms_of, scaled, share_by_array, to_bound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ROUNDING = 1e-6  # after the first update the ratio is 1 but for rounding: that is no limit


class stable(Clip):
    """Shortens each array by how far its gradient outgrew the second moment.

    Formula: u → u / max(1, √mean(g²/max(v, eps²))) for each array; g is the raw gradient and v the rule's running mean
    of its squares with this update in it, corrected for its start (v/(1 − beta2^k) at count k). Use it between the
    rule and the rate, in place of gradient clipping, where Adam with a long memory meets sudden large gradients:
    `adam() | weight_decay(0.1) | stable() | 1e-3` is StableAdamW, whose decay shrinks with the step; it needs a rule
    with a running second moment (`adam`, `rmsprop`) and never acts where that memory is short. It looks at the
    gradient before any clip. `beta2` in [0, 1) must be that of the rule, anything else is an error (`rmsprop`
    has none, and is not corrected); `eps` > 0 is in units of the gradient. An array whose ratio is no number is left
    as it is. It never ends.
    Source: Wortsman, Dettmers, Zettlemoyer, Morcos, Farhadi and Schmidt, Stable and low-precision training for
    large-scale vision-language models, 2023.

    >>> from stepsize import adam
    >>> adam() | stable() | 1e-3
    adam() | stable() | 0.001
    """

    beta2: float = field(default=0.999, low=0, below=1, kw_only=True)
    eps: float = field(default=1e-8, above=0, kw_only=True)

    def check_rule(self, rule: Rule | None) -> None:
        """Refuse a strategy whose second moment is missing or remembers for another time."""
        if rule is None or not rule.averages_squares:
            self._misplaced()
        beta2 = getattr(rule, "beta2", self.beta2)
        if beta2 != self.beta2:
            raise StepsizeError(
                say(
                    "stable: beta2 is {own}, that of {rule} {beta2}: write stable(beta2={beta2})",
                    own=self.beta2,
                    rule=rule,
                    beta2=beta2,
                )
            )

    def apply(self, flowing: Arrays, params: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        self._misplaced()

    def step(
        self, flowing: Arrays, params: Arrays, state: RuleState, about: dict[str, Any], many: bool = False
    ) -> tuple[Arrays, Array, RuleState]:
        limited, beyond = {}, {}
        for name, array in flowing.items():
            ratio = abs(about["grads"][name]) / self._root(about["rules"].get(name, {}))
            size = rms_of(ratio, many)
            factor, longer = to_bound(size, 1.0)
            beyond[name] = longer & (size > 1 + _ROUNDING)
            limited[name] = scaled(array, factor, many)
        return limited, share_by_array(beyond, flowing, many), state

    def _root(self, rule: RuleState) -> Array:
        squares, count = rule.get("squares"), rule.get("count")
        if squares is None:
            self._misplaced()
        if count is not None:
            squares = squares / begun(self.beta2, count, squares)
        xp = namespace(squares)
        return xp.clip(xp.sqrt(squares), held_by(squares, float(self.eps), xp), None)

    def _misplaced(self) -> NoReturn:
        raise StepsizeError(
            say(
                "{clip} needs a rule with a running second moment before it (adam, rmsprop): "
                "write adam() | {clip} | 0.001",
                clip=self,
            )
        )
