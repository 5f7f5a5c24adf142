"""The presets against fvcore itself, where it is installed: every update, past the end included."""

import numpy as np
import pytest

from peers import library, rates, same
from stepsize import StepsizeError, presets

FVCORE = [
    ("ConstantParamScheduler", (0.3,), 90, False),
    ("CosineParamScheduler", (0.3, 0.03), 250, True),
    ("CosineParamScheduler", (0.0, 0.3), 250, True),
    ("CosineParamScheduler", (0.1, 0.3), 250, True),
    ("ExponentialParamScheduler", (0.3, 0.1), 250, True),
    ("LinearParamScheduler", (0.3, 0.03), 100, True),
    ("LinearParamScheduler", (0.0, 0.3), 250, True),
    ("LinearParamScheduler", (0.3, 0.0), 91, True),
    ("PolynomialDecayParamScheduler", (0.3, 0.9), 91, True),
    ("PolynomialDecayParamScheduler", (0.3, 2), 91, True),
    ("StepParamScheduler", (90, [1.0, 0.5, 0.1]), 90, True),
    ("StepParamScheduler", (7, [1.0, 0.5, 0.1, 0.05, 0.01, 0.3, 0.2]), 90, True),
    ("StepWithFixedGammaParamScheduler", (1.0, 3, 0.5, 90), 90, True),
    ("MultiStepParamScheduler", ([1.0, 0.5, 0.1], 9, [3, 6]), 91, True),
    ("MultiStepParamScheduler", ([1.0, 0.5, 0.1], None, [30, 60, 70]), 91, True),
    ("MultiStepParamScheduler", ([1.0, 0.5, 0.1, 0.2], 7), 91, True),
    ("MultiStepParamScheduler", ([1.0, 0.5, 0.1, 0.2], 1000, [1, 2, 500]), 91, True),
]


@pytest.mark.parametrize(("name", "values", "steps", "sized"), FVCORE, ids=str)
def test_equals_fvcore_at_every_step(name, values, steps, sized):
    theirs = getattr(library("fvcore.common.param_scheduler"), name)(*values)
    preset = getattr(presets.fvcore, name)(*values, **({"steps": 90} if sized else {}))
    same(rates(preset, steps), np.array([theirs(t / 90) for t in range(steps)]))


def test_composite_equals_fvcore():
    theirs, ours = library("fvcore.common.param_scheduler"), presets.fvcore
    for scaling, steps in (("rescaled", 90), ("fixed", 100)):
        built = theirs.CompositeParamScheduler(
            [theirs.LinearParamScheduler(0.0, 0.3), theirs.CosineParamScheduler(0.3, 0.0)],
            [0.1, 0.9],
            ["rescaled", scaling],
        )
        up, down = ours.LinearParamScheduler(0.0, 0.3, steps=10), ours.CosineParamScheduler(0.3, 0.0, steps=steps)
        preset = ours.CompositeParamScheduler([up, down], [0.1, 0.9], ["rescaled", scaling], steps=100)
        same(rates(preset, 250), np.array([built(t / 100) for t in range(250)]))
    with pytest.raises(StepsizeError, match="rescaled or fixed, not 'scaled'"):
        ours.CompositeParamScheduler([up, down], [0.1, 0.9], ["rescaled", "scaled"], steps=100)


def test_the_presets_hold_where_fvcore_raises_turns_negative_or_complex():
    theirs, ours = library("fvcore.common.param_scheduler"), presets.fvcore
    for name, values, error in (
        ("ConstantParamScheduler", (0.3,), RuntimeError),
        ("StepParamScheduler", (90, [1.0, 0.5]), IndexError),
        ("StepWithFixedGammaParamScheduler", (1.0, 1, 0.5, 90), IndexError),
        ("MultiStepParamScheduler", ([1.0, 0.5], 90), RuntimeError),
    ):
        with pytest.raises(error):
            getattr(theirs, name)(*values)(1.01)
        more = {} if name.startswith("Constant") else {"steps": 100}
        preset = getattr(ours, name)(*values, **more)
        assert preset(101) == preset(99) > 0
    assert theirs.LinearParamScheduler(0.3, 0.0)(1.1) < 0
    assert ours.LinearParamScheduler(0.3, 0.0, steps=100)(110) == 0.0
    assert ours.LinearParamScheduler(0.3, 0.1, steps=100)(1000) == 0.0
    assert isinstance(theirs.PolynomialDecayParamScheduler(0.3, 0.9)(1.1), complex)
    assert theirs.PolynomialDecayParamScheduler(0.3, 2)(1.1) > 0
    assert ours.PolynomialDecayParamScheduler(0.3, 2, steps=100)(110) == 0.0
