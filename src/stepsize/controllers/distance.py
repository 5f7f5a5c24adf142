"""Distance over gradients: as far as the run has come, over all the gradients that it took."""

from __future__ import annotations

import math

from .._value import field
from .base import Controller, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen

FORMS = ("dog", "dowg")
_LARGEST = 1e300  # beyond it norms stay where they are, so that a sum never becomes infinite


class Way(State):
    """The largest distance so far, the root of the sum so far, and the last rate."""

    farthest: float = 0.0
    root: float = 0.0
    rate: float = 0.0


class distance(Controller):
    """As far as the run has come from its start, over all its gradients (DoG, DoWG).

    Formula: with r_t = max(r_eps·(1 + ‖x_0‖), max_{i ≤ t} ‖x_i − x_0‖), "dog" is η_t = r_t/√(Σ_{i ≤ t} ‖g_i‖² + eps)
    and "dowg" η_t = r_t²/√(Σ_{i ≤ t} r_i²‖g_i‖²). It answers the absolute rate, so write it with base 1:
    `sgd() | 1 * distance()`; a base number or a schedule multiplies it. It looks at every update, and costs a copy of
    the start.

    When to use: `sgd()` without any rate to choose, full batch or mini-batches; the rate first grows, by a bounded
    share an update, and then falls like 1/√t. "dowg" weighs late gradients more and stays bolder. When not: short
    runs, since the growth takes its time; resumed or pretrained parameters that are very far from 0 (lower r_eps);
    rules with momentum or a scaling of their own, for which the sum is not that of their steps. Iterate averaging is
    not part of it: the results of the papers are for averages of the iterates, the last one of a noisy run is worse;
    multiply with a decaying schedule instead, or average outside. For a bound write `1 * clamp(distance(), 0, 0.5)`.

    `by` "dog" or "dowg"; `r_eps` > 0 the first distance, relative to 1 + ‖x_0‖ (the authors of DoG: 1e-6; 1e-4 with
    batch normalisation; smaller where the first updates explode); `eps` ≥ 0 keeps DoG finite where gradients vanish
    (DoWG does without). As long as all gradients are 0 and nothing is added the answer is 0. A NaN or infinite
    quantity is not taken in and the rate stays what it was, 0 if nothing was. It never ends. Source: DoG, Ivgi et al.
    (ICML 2023); DoWG, Khaled et al. (NeurIPS 2023).

    >>> from stepsize import problems, descend
    >>> line = problems.least_squares([[1.0], [2.0]], [2.0, 4.0])
    >>> run = descend(line, "sgd() | 1 * distance()", steps=200)
    >>> [float(f"{run.rates[t]:.2g}") for t in (0, 10, 50, 199)], run.loss < 1e-10
    ([1e-07, 8.1e-07, 0.00043, 0.023], True)
    """

    sets_rate = True
    needs = ("distance", "start_norm", "grad_norm")
    by: str = field(default="dog", options=FORMS)
    r_eps: float = field(default=1e-6, above=0, kw_only=True)
    eps: float = field(default=1e-8, low=0, kw_only=True)

    def init(self) -> State:
        return Way()

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        farthest, root, rate = state
        far, start, steep = (self.given(now, name) for name in self.needs)
        if not all(math.isfinite(one) for one in (far, start, steep)):
            return rate, state, f"distance {far}, start {start}, gradient {steep}: held at {rate:.4g}"
        farthest = min(max(farthest, far, self.r_eps * (1 + abs(start))), _LARGEST)
        weight = farthest if self.by == "dowg" else 1.0
        root = min(math.hypot(root, weight * steep), _LARGEST)
        under = root if self.by == "dowg" else math.hypot(root, math.sqrt(self.eps))
        if under <= 0:
            return 0.0, Way(farthest, root), "no gradient yet: 0"
        rate = min(weight * (farthest / under), _LARGEST)
        return rate, Way(farthest, root, rate), ""
