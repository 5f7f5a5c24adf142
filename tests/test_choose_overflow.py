"""A run that goes on while its loss on the part that chooses is too large for a number: it counts, and is told."""

import math
from dataclasses import replace

import numpy as np
import pytest

from chosen import POLICIES, Hill, a_policy, rounds


class Overflows(Hill):
    """Above the edge the part that chooses overflows, and training goes on."""

    def loss(self, trial, step):
        found = super().loss(trial, step)
        return math.inf if math.isnan(found) else found

    def outcome(self, trial, until):
        found = super().outcome(trial, until)
        return replace(found, record=replace(found.record, measured=np.ones(len(found.record.measured_at))))


@pytest.mark.parametrize("kind", POLICIES)
@pytest.mark.parametrize("edge", [-1.0, 1.0])
def test_every_policy_has_a_verdict_where_losses_overflow(kind, edge):
    policy = a_policy(kind, budget=4.0)
    _, made, verdict = rounds(policy, Overflows(best=-8.0, edge=edge, breaks=0.05))
    lost = [one for one in made.values() if one.validation[-1] is None]
    told = [one for one in verdict.trace if "not finite" in one or "stopped being finite" in one]
    assert len(told) == len(lost)
    assert lost or edge > 0
