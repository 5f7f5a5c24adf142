"""A plan made longer or shorter: every part by the same rule."""

from __future__ import annotations

import pytest

import stepsize as s
from stepsize import StepsizeError

PLAN = s.plan(lr=0.1 * (s.warmup(10) >> s.cosine()), momentum=s.linear(0.85, 0.95), weight_decay=0.01)


@pytest.mark.parametrize(
    ("rule", "how"), [("keep_share", {}), ("keep_step", {}), ("stretch_rest", {"at": 40}), ("cooldown_now", {"at": 40})]
)
def test_every_part_is_extended_alone(rule, how):
    longer = PLAN.extend(200, rule, was=100, **how)
    parts = dict(PLAN.parts)
    assert longer == s.plan(
        lr=parts["lr"].extend(200, rule, was=100, **how),
        momentum=parts["momentum"].extend(200, rule, was=100, **how),
        weight_decay=0.01,
    )
    assert longer.over(200) == longer


def test_a_plan_in_a_plan_is_too():
    inside = s.plan(body=PLAN, head=s.plan(lr=s.cosine()))
    assert dict(inside.extend(200, was=100).parts)["head"] == s.plan(lr=s.cosine().extend(200, was=100))


def test_a_wrong_rule_is_said():
    with pytest.raises(StepsizeError, match="rule must be one of"):
        PLAN.extend(200, "keep", was=100)
