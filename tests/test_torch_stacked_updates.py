"""An update of many runs on torch tensors: each run's numbers are those of a run alone, in the tensors' own dtype."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import stepsize as s
from stepsize.observed import seen
from stepsize.quantities import consult, of_run
from stepsize.update import advance
from subjects import CLIPS, CONTROLLERS, RULES, TRANSFORMS, adam_before, wants_a_rule

SHAPES = {"weight": (3, 4), "bias": (4,), "one": ()}
RUNS, UPDATES = 4, 5
DTYPES = {torch.float64: 1e-12, torch.float32: 2e-5}


def strategies():
    """Every rule, every stage before or after one, and every controller."""
    yield from (rule | 0.1 for rule in RULES)
    yield from (
        s.descent(*([adam_before(one), one] if wants_a_rule(one) else [one, s.adam()]), s.rate(0.1))
        for one in TRANSFORMS
    )
    yield from (s.descent(s.sgd(), s.rate(0.1), one) for one in CLIPS if not wants_a_rule(one))
    yield from (s.sgd(momentum=0.9) | s.rate(0.1, one) for one in CONTROLLERS)


def drawn(dtype, seed=0):
    random = np.random.default_rng(seed)
    return {name: torch.tensor(random.normal(size=(RUNS, *shape)), dtype=dtype) for name, shape in SHAPES.items()}


def made(strategy, params, dtype, which):
    """Some updates of some of the runs, as a lot makes them; the parameters and all that was noticed."""
    parts, needs = strategy.parts, strategy.needs
    params = {name: one[which] for name, one in params.items()}
    state, base = strategy.init(params), torch.full((len(which),), 0.1, dtype=dtype)
    state = state.replace(control=(state.control,) * len(which))
    noticed_all = []
    for t in range(UPDATES):
        grads = {name: one[which] for name, one in drawn(dtype, t + 1).items()}
        known = {
            "loss": torch.tensor([2.0 - 0.1 * t + 0.2 * i for i in which], dtype=dtype),
            "grad_variance": torch.full((len(which),), 0.1, dtype=dtype),
            "progress": torch.full((len(which),), t / UPDATES, dtype=dtype),
            "rate": base,
            "metric": torch.full((len(which),), 0.5, dtype=dtype),
        }

        def decide(noticed, at, after, state=state, t=t):
            if not parts.controllers:
                return base, state.control, []
            for name, one in noticed.items():
                assert one.dtype == dtype, f"{name} is {one.dtype}"
            noticed_all.append({name: one.tolist() for name, one in noticed.items()})
            values, control = [], []
            for i in range(len(which)):
                now = seen(**{name: one[i].item() for name, one in noticed.items()}, loss_at=lambda rate: rate)
                factors, after_i, _ = consult(parts.controllers, state.control[i], now, t)
                values.append(parts.rate.factor.with_control(t, factors))
                control.append(after_i)
            return base * torch.tensor(values, dtype=dtype), tuple(control), []

        params, state, step, update = advance(parts, params, grads, state, needs, known, decide, many=True)
        for name, one in params.items():
            assert one.dtype == update[name].dtype == dtype
            assert one.shape == (len(which), *SHAPES[name])
        clipped = torch.as_tensor(step.clipped)
        assert clipped.shape in ((), (len(which),))
    return params, state, noticed_all


@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("strategy", list(strategies()), ids=str)
def test_each_run_in_company_is_the_run_alone_in_its_own_dtype(strategy, dtype):
    strategy = strategy.over(100, steps_per_epoch=50, batch_size=8, tokens_per_step=1024)
    near, start = DTYPES[dtype], drawn(dtype)
    params, state, noticed = made(strategy, start, dtype, list(range(RUNS)))
    for i in (0, RUNS - 1):
        alone, _, noticed_alone = made(strategy, start, dtype, [i])
        for name in alone:
            torch.testing.assert_close(params[name][i : i + 1], alone[name], rtol=near, atol=near)
        for here, there in zip(noticed, noticed_alone, strict=True):
            assert {name: line[i] for name, line in here.items()} == pytest.approx(
                {name: line[0] for name, line in there.items()}, rel=near, abs=near
            )
    for name, of_rule in state.rules.items():
        arrays = [one for one in of_rule.values() if isinstance(one, torch.Tensor)]
        assert all(one.dtype == dtype and one.shape == params[name].shape for one in arrays)
    assert of_run(state.rules, 1)


def test_an_update_reads_no_number_off_the_device(monkeypatch):
    """What asks a tensor for its number waits for a device; an update without controllers asks for none."""

    def refused(*_):
        raise AssertionError("a number was read off the device")

    start, grads = drawn(torch.float32), drawn(torch.float32, 1)
    for strategy in strategies():
        if strategy.parts.controllers:
            continue
        state, base = strategy.init(start), torch.full((RUNS,), 0.1)
        with monkeypatch.context() as patched:
            for name in ("item", "tolist", "__float__", "__bool__", "__int__", "cpu", "numpy", "__array__"):
                patched.setattr(torch.Tensor, name, refused)
            advance(strategy.parts, start, grads, state, (), {}, lambda *_, base=base: (base, (), ""), many=True)
