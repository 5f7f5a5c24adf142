"""Laws of the one update: traced = host, many runs = a loop of runs, in every array library; states are open trees."""

from __future__ import annotations

import json
import math
import pickle
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._dynamo.testing import CompileCounter

from stepsize import (
    StepsizeError,
    adam,
    clip,
    descend_many,
    distance,
    greedy,
    infrared,
    parse,
    rate,
    seen,
    sgd,
    spike,
    stable,
)
from stepsize.controllers.base import Controller
from stepsize.descents import Clip, Rule, State, Step, descent
from stepsize.problems import least_squares
from stepsize.update import advance
from strategies import clips, rules, transforms
from subjects import CLIPS, CONTROLLERS, LIBRARIES, RULES, SCHEDULES, SUBJECTS, adam_before, assert_close, plain

pytestmark = pytest.mark.usefixtures("x64")

TEXTS = [
    "sgd() | 0.1",
    "sgd(momentum=0.9, dampening=0.5) | 0.1 * cosine()",
    "clip_norm(1) | adam() | weight_decay(0.1) | 0.1 * (warmup(3) >> cosine()) | clip(0.05)",
    "zclip(1, warm_up=2) | rmsprop(centered=True, momentum=0.5) | trust() | 0.1 * stages(1, 0.1)",
    "percentile(50, history=3) | adagrad() | 0.1 * piecewise((0, 0.1), (5, 1)) | clip_norm(0.1)",
    "adagc(1, warm_up=2) | adam() | stable() | 0.1",
    "spam(2, warm_up=2) | sgd(momentum=0.9, nesterov=True) | unitwise(0.1) | 0.1 * noise(0.1) | clip_rms(0.1)",
]
TRANSFORMS = [*CLIPS, *SUBJECTS["trust"], *SUBJECTS["weight_decay"]]
STEPS = 8
RNG = np.random.default_rng(11)
SCALES = (1, 3, 0.1, 9, 1, 0.5, 40, 1)
PARAMS = {"w": RNG.normal(size=(3, 2, 3)), "b": RNG.normal(size=(3, 2)), "s": RNG.normal(size=(3,))}  # of three runs
GRADS = [{name: scale * RNG.normal(size=one.shape) for name, one in PARAMS.items()} for scale in SCALES]


def each(function, arrays):
    return {name: function(one) for name, one in arrays.items()}


def run(i, arrays):
    return each(lambda one: one[i], arrays)


def put(library, arrays):
    return each(LIBRARIES[library], arrays)


def numbers(state, array):
    """The same state with every plain number as an array, as a traced update takes it."""
    if isinstance(state, dict):
        return {name: numbers(one, array) for name, one in state.items()}
    if isinstance(state, State):
        return State(*(numbers(one, array) for one in state))
    if isinstance(state, tuple):
        return tuple(numbers(one, array) for one in state)
    return array(state) if isinstance(state, (int, float)) else state


def loop(strategy, params, stream):
    """Update after update on the host: the parameters, the last state and what each did."""
    state, told = strategy.init(params), []
    for grads in stream:
        params, state, step = strategy.step(params, grads, state, seen())
        told.append(step)
    return params, state, told


def assert_trees(ours, theirs, rel=1e-9):
    ours, theirs = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert_close(np.asarray(one, float), np.asarray(other, float), rel)


def about_of(grads):
    """A gradient, and the memory of an Adam that is some updates old."""
    return {"grads": grads, "rules": {name: {"squares": 0 * one + 0.3, "count": 4} for name, one in grads.items()}}


class lion(Rule):
    """A rule of somebody's own: it counts nothing and averages no squares."""

    __slots__ = ("beta1", "beta2")

    def __init__(self, *, beta1=0.9, beta2=0.99):
        self._store(beta1=beta1, beta2=beta2)

    def init(self, param):
        return {"mean": 0 * param}

    def update(self, grad, state, param):
        mixed = self.beta1 * state["mean"] + (1 - self.beta1) * grad
        return mixed / (abs(mixed) + 1e-30), {"mean": self.beta2 * state["mean"] + (1 - self.beta2) * grad}


# ---- rules


EACH_RULE = {type(one): one for one in [*RULES, lion()]}.values()
EACH_TRANSFORM = {type(one): one for one in reversed(TRANSFORMS)}.values()


@pytest.mark.parametrize(
    ("rule", "dtype"), [*((one, "float64") for one in [*RULES, lion()]), *((one, "float32") for one in EACH_RULE)]
)
def test_a_traced_rule_gives_the_directions_of_the_host(rule, dtype):
    grads = [jnp.array(one["w"], dtype) for one in GRADS]
    ours, traces = rule.init(grads[0]), []
    theirs = jax.tree.map(jnp.asarray, ours)  # the count is traced too

    @jax.jit
    def update(grad, state):
        traces.append(1)
        return rule.update(grad, state, grad)

    for grad in grads:
        expected, ours = rule.update(grad, ours, grad)
        found, theirs = update(grad, theirs)
        assert found.dtype == grad.dtype
        assert_trees((found, theirs), (expected, ours), 1e-9 if dtype == "float64" else 2e-5)
    assert len(traces) == 1


@pytest.mark.parametrize("rule", EACH_RULE, ids=str)
def test_torch_compile_makes_one_graph_of_a_rule(rule):
    grads = [torch.tensor(one["w"]) for one in GRADS]
    _, ours = rule.update(grads[0], rule.init(grads[0]), grads[0])  # at the start two arrays may be one
    theirs = numbers(ours, torch.tensor)
    torch._dynamo.reset()
    count = CompileCounter()
    update = torch.compile(rule.update, backend=count, fullgraph=True)
    for grad in grads[1:]:
        expected, ours = rule.update(grad, ours, grad)
        found, theirs = update(grad, theirs, grad)
        assert_close(found, expected, 1e-9)
    assert count.frame_count == 1


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("rule", [*RULES, lion()], ids=str)
def test_stacked_runs_of_a_rule_are_a_loop(rule, library):
    grads = [put(library, one) for one in GRADS]
    for name in PARAMS:
        together = rule.init(grads[0][name])
        alone = [rule.init(grads[0][name][i, ...]) for i in range(3)]
        for one in grads:
            found, together = rule.update(one[name], together, one[name])
            for i in range(3):
                expected, alone[i] = rule.update(one[name][i, ...], alone[i], one[name][i, ...])
                assert_close(plain(found)[i], expected)


def test_a_count_that_came_back_as_an_array_keeps_the_type_of_the_gradient():
    grad = np.ones(3, np.float32)
    for rule in RULES:
        state = rule.init(grad)
        expected, _ = rule.update(grad, state, grad)
        found, _ = rule.update(grad, numbers(state, np.asarray), grad)
        assert found.dtype == np.float32
        assert_close(found, expected, 1e-6)


# ---- clips and other transforms


@pytest.mark.parametrize("one", EACH_TRANSFORM, ids=str)
def test_a_traced_transform_gives_the_answer_of_the_host(one):
    params, traces = run(0, PARAMS), []
    stream = [run(0, grads) for grads in GRADS]
    ours = one.init(params)
    theirs = jax.tree.map(jnp.asarray, ours)

    @jax.jit
    def step(flowing, params, state, about):
        traces.append(1)
        return one.step(flowing, params, state, about)

    for flowing in stream:
        limited, share, ours = one.step(flowing, params, ours, about_of(flowing))
        found, told, theirs = step(flowing, params, theirs, numbers(about_of(flowing), jnp.asarray))
        assert_trees((found, theirs), (limited, ours))
        assert float(told) == pytest.approx(float(share))
    assert len(traces) <= 2  # the second, where a count began as another kind of number


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("one", TRANSFORMS, ids=str)
def test_stacked_runs_of_a_transform_are_a_loop(one, library):
    params = put(library, PARAMS)
    together, alone = one.init(params), [one.init(run_of(i, params)) for i in range(3)]
    for grads in GRADS:
        flowing = put(library, grads)
        found, shares, together = one.step(flowing, params, together, about_of(flowing), True)
        for i in range(3):
            mine, own = run_of(i, flowing), run_of(i, params)
            limited, share, alone[i] = one.step(mine, own, alone[i], about_of(mine))
            for name in limited:
                assert_close(plain(found[name])[i], limited[name], 1e-9)
            assert np.broadcast_to(plain(shares), 3)[i] == pytest.approx(float(share))


def run_of(i, arrays):
    return each(lambda one: one[i, ...], arrays)


# ---- the whole update


@pytest.mark.parametrize(
    ("text", "dtype"), [*((one, "float64") for one in TEXTS), *((one, "float32") for one in TEXTS[2::2])]
)
def test_a_scan_of_traced_updates_is_the_loop_of_the_host(text, dtype):
    strategy = parse(text).over(STEPS)
    assert strategy.traceable
    params, *stream = (each(lambda one: np.asarray(one, dtype), run(0, one)) for one in (PARAMS, *GRADS))
    rel = 1e-9 if dtype == "float64" else 2e-4
    expected, state, told = loop(strategy, params, stream)

    def body(carried, grads):
        moved, after, step = strategy.step(carried[0], grads, carried[1], seen())
        return (moved, after), step

    stacked = jax.tree.map(lambda *one: jnp.stack(one), *stream)
    begun = (each(jnp.asarray, params), strategy.init(each(jnp.asarray, params)))
    (found, after), steps = jax.jit(lambda begun: jax.lax.scan(body, begun, stacked))(begun)
    assert {one.dtype.name for one in found.values()} == {dtype}
    assert_trees(found, expected, rel)
    assert_trees(after, state, rel)
    assert int(after.done) == STEPS
    assert isinstance(steps, Step)
    assert steps.why is None
    assert_close(steps.rate, [one.rate for one in told])
    assert_close(steps.clipped, np.array([float(one.clipped) for one in told]), rel)


@pytest.mark.parametrize("text", TEXTS)
def test_torch_compile_makes_one_graph_of_an_update(text):
    strategy = parse(text).over(STEPS)
    if any(word in text for word in ("stages", "piecewise")):
        pytest.skip("dynamo does not follow take, with which a list of numbers is looked up")
    params, stream = each(torch.tensor, run(0, PARAMS)), [each(torch.tensor, run(0, grads)) for grads in GRADS]
    expected, ours, _ = strategy.step(params, stream[0], strategy.init(params), seen())  # at the start arrays are one
    found, theirs = expected, numbers(ours, lambda one: torch.tensor(float(one)).double())
    strategy.rate(torch.tensor(0))  # the formula is made at the first call, which dynamo cannot trace
    torch._dynamo.reset()
    count = CompileCounter()
    step = torch.compile(strategy.step, backend=count, fullgraph=True)
    for grads in stream[1:]:
        expected, ours, told = strategy.step(expected, grads, ours, seen())
        found, theirs, traced = step(found, grads, theirs, seen())
        for name, one in found.items():
            assert_close(one, expected[name], 1e-9)
        assert float(traced.rate) == pytest.approx(told.rate)
        assert float(traced.clipped) == pytest.approx(float(told.clipped))
    assert count.frame_count == 1


schedules = st.sampled_from(SCHEDULES).map(lambda one: rate(0.1, one))
alone = transforms.filter(lambda one: not isinstance(one, stable))  # which fits some rules only
strategies = st.builds(
    lambda before, rule, between, far, after: descent(*before, rule, *between, far, *after),
    st.lists(alone, max_size=1),
    rules,
    st.lists(alone, max_size=1),
    schedules,
    st.lists(clips.filter(lambda one: not isinstance(one, stable)), max_size=1),
)


@settings(max_examples=6)
@given(strategy=strategies)
def test_any_traced_update_is_that_of_the_host(strategy):
    params, stream = run(0, PARAMS), [run(0, grads) for grads in GRADS[:3]]
    expected, state, told = loop(strategy, params, stream)
    found, after = each(jnp.asarray, params), jax.tree.map(jnp.asarray, strategy.init(params))
    step = jax.jit(strategy.step)
    for grads, own in zip(stream, told, strict=True):
        found, after, traced = step(found, grads, after, seen())
        assert float(traced.rate) == pytest.approx(own.rate, rel=1e-9, abs=1e-12)
    assert_trees(found, expected, 1e-6)
    assert_trees(after.rules, state.rules, 1e-6)


def stacked(strategy, params, stream, bases):
    """The parameters after updates of many runs at once, each at a base rate of its own."""
    state, shares = strategy.init(params), []
    for grads in stream:
        rates = bases * strategy.rate.factor(state.done)
        params, state, step, _ = advance(
            strategy.parts, params, grads, state, (), {}, lambda *_, rates=rates: (rates, (), ""), many=True
        )
        shares.append(np.broadcast_to(plain(step.clipped), 3))
    return params, state, shares


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("text", TEXTS)
def test_stacked_updates_are_a_loop_of_updates(text, library):
    strategy = parse(text).over(STEPS)
    stream = [put(library, grads) for grads in GRADS]
    bases = np.array([0.01, 0.1, 3.0])
    found, state, shares = stacked(strategy, put(library, PARAMS), stream, LIBRARIES[library](bases))
    assert state.done == STEPS
    for i, base in enumerate(bases.tolist()):
        own = [run_of(i, grads) for grads in stream]
        expected, _, told = loop(strategy.with_base(base), run_of(i, put(library, PARAMS)), own)
        for name, one in expected.items():
            assert_close(plain(found[name])[i], one, 1e-9)
        assert [one[i] for one in shares] == pytest.approx([float(one.clipped) for one in told])


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "numpy"])
@pytest.mark.parametrize("text", TEXTS)
def test_every_library_updates_as_numpy(text, library):
    strategy = parse(text).over(STEPS)
    expected, _, told = loop(strategy, run(0, PARAMS), [run(0, grads) for grads in GRADS])
    found, _, steps = loop(strategy, put(library, run(0, PARAMS)), [put(library, run(0, grads)) for grads in GRADS])
    for name, one in found.items():
        assert_close(one, expected[name], 1e-9)
    assert [one.rate for one in steps] == [one.rate for one in told]
    assert [float(one.clipped) for one in steps] == pytest.approx([float(one.clipped) for one in told])


@settings(max_examples=30)
@given(
    strategy=strategies,
    bases=st.lists(st.floats(1e-3, 10), min_size=3, max_size=3),
)
def test_any_stacked_update_is_a_loop(strategy, bases):
    found, _, _ = stacked(strategy, PARAMS, GRADS[:4], np.array(bases))
    for i, base in enumerate(bases):
        expected, _, _ = loop(strategy.with_base(base), run(i, PARAMS), [run(i, grads) for grads in GRADS[:4]])
        for name, one in expected.items():
            np.testing.assert_allclose(found[name][i], one, rtol=1e-6, atol=1e-12)


# ---- the order, and who may be traced


class told(Clip):
    """Writes down that it was passed."""

    __slots__ = ("name",)
    order: ClassVar[list] = []

    def __init__(self, name):
        self._store(name=name)

    def step(self, flowing, params, state, about, many=False):
        self.order.append(self.name)
        return flowing, 0.0, state


class asked(Controller):
    """Writes down what it was shown, and halves the rate."""

    __slots__ = ()
    needs = ("slope", "step_norm")

    def init(self):
        return (0,)

    def step(self, state, now):
        told.order.append(("asked", now.slope, now.step_norm))
        return 0.5, (state[0] + 1,), "halved"


def test_the_order_of_an_update():
    told.order.clear()
    strategy = told("before") | sgd() | told("between") | 0.5 * asked() | told("after")
    params, grads = {"w": np.array([1.0, 2.0])}, {"w": np.array([2.0, 0.0])}
    state = strategy.init(params)
    moved, state, step = strategy.step(params, grads, state, seen())
    assert told.order == ["before", "between", ("asked", 4.0, None), "after"]
    assert moved["w"].tolist() == [0.5, 2.0]
    assert (step.rate, step.clipped, step.why) == (0.25, 0.0, "asked: halved")
    assert (state.done, state.control) == (1, ((1,),))
    assert state.memory["params"]["w"].tolist() == [1.0, 2.0]  # remembered: where the update started from
    strategy.step(moved, grads, state, seen())
    assert told.order[6] == ("asked", 4.0, 0.5)


class halves(Controller):
    """Looks at nothing, and halves the rate at every second update."""

    __slots__ = ()

    def init(self):
        return (0,)

    def step(self, state, now):
        return 1.0 - 0.5 * (state[0] % 2), (state[0] + 1,), ""


def test_a_controller_may_look_at_nothing():
    runs = descend_many(least_squares([[1.0], [2.0]], [2.0, 4.0]), sgd() | halves() * 0.1, rates=[0.1, 0.2], steps=3)
    assert [run.rates.tolist() for run in runs] == [[0.1, 0.05, 0.1], [0.2, 0.1, 0.2]]
    params = {"w": np.ones(2)}
    strategy = sgd() | 0.1 * halves()
    _, state, step = strategy.step(params, params, strategy.init(params), seen())
    assert (step.rate, strategy.step(params, params, state, seen())[2].rate) == (0.1, 0.05)


@pytest.mark.parametrize("one", [infrared(), distance()], ids=str)
def test_a_controller_says_that_it_cannot_be_traced(one):
    strategy, params = sgd() | 0.1 * one, {"w": jnp.ones(2)}
    assert not strategy.traceable
    assert not any(one.traceable for one in CONTROLLERS)
    state = strategy.init(params)
    with pytest.raises(StepsizeError, match=f"{one.word()} answers on the host and cannot be traced: call step o"):
        jax.jit(strategy.step)(params, params, state.replace(control=()), seen(loss=1.0))
    _, after, _ = strategy.step(params, params, state.replace(done=np.int64(3)), seen(loss=1.0))
    assert after.done == 4


@pytest.mark.parametrize("one", [*RULES, *TRANSFORMS], ids=str)
def test_every_stage_says_that_it_can_be_traced(one):
    assert one.traceable
    whole = one | 0.1 if isinstance(one, Rule) else adam_before(one) | one | 0.1
    assert whole.traceable


# ---- states in the open


def follow(controller, losses):
    state = controller.init()
    for loss in losses:
        quantities = dict.fromkeys(set(seen.field_names()) - {"loss_at", "progress"}, loss)
        now = seen(**quantities, loss_at=lambda rate, loss=loss: loss - rate, progress=0.5)
        _, state, _ = controller.step(state, now)
    return state


LOSSES = [3.0, 2.0, 2.5, math.nan, 1.0, 1.5, 9.0, 0.5, 0.4, 0.6, 0.7, 0.8, 0.5, 0.3]


@pytest.mark.parametrize("controller", CONTROLLERS, ids=str)
@pytest.mark.parametrize("losses", [[], LOSSES[:1], LOSSES], ids=len)
def test_the_state_of_a_controller_has_names_and_comes_back_from_lists(controller, losses):
    state = follow(controller, losses)
    assert state._fields == type(controller.init())._fields
    assert jax.tree.unflatten(jax.tree.structure(state), jax.tree.leaves(state)) == state
    assert all(isinstance(one, (int, float)) for one in jax.tree.leaves(state))
    for saved in (json.loads(json.dumps(state)), list(state), tuple(state), state):
        back = controller.restore(saved)
        assert back == state
        assert type(back) is type(state)
    assert type(pickle.loads(pickle.dumps(state))) is type(state)


@pytest.mark.parametrize(
    ("controller", "flat"),
    [
        (spike(window=10), [0, 0, 3.0, 2.0, 2.5]),
        (spike(), [0, 0]),
        (greedy(window=3), [1.0, 2.0, 1, 0, 0, 500, 2.0, 2.5]),
        (greedy(), [1.0, None, 0, 0, 0, 500]),
    ],
    ids=str,
)
def test_states_from_before_they_had_names_still_load(controller, flat):
    back = controller.restore(flat)
    assert list(back[:-1]) + list(back[-1]) == flat
    now = seen(loss=2.75)
    assert controller.step(tuple(flat), now) == controller.step(back, now)


def test_a_state_of_another_length_is_refused():
    with pytest.raises(StepsizeError, match=r"infrared: a saved state has 3 entries \(loss, decrease, factor\), not 2"):
        infrared().restore([1.0, 2.0])


def test_a_controller_with_a_plain_tuple_is_restored():
    assert asked().restore([3]) == (3,)


def test_the_state_of_a_descent_and_what_is_seen_are_trees():
    strategy, params = clip(1) | adam() | 0.1 * infrared(), {"w": np.ones(2)}
    _, state, step = strategy.step(params, params, strategy.init(params), seen(loss=2.0))
    doubled = jax.tree.map(lambda one: 2 * one, state)
    assert type(doubled) is State
    assert (doubled.done, doubled.control[0].loss) == (2, 4.0)
    assert_close(doubled.rules["w"]["mean"], 2 * state.rules["w"]["mean"])
    assert jax.tree.map(lambda one: 2 * one, seen(loss=1.0, slope=2.0)) == seen(loss=2.0, slope=4.0)
    assert step == Step(0.1, 0.0)


def test_what_is_seen_is_a_value():
    now = seen(loss=0.5, metric=2.0)
    assert repr(now) == "seen(loss=0.5, metric=2.0)"
    assert now == eval(repr(now)) == pickle.loads(pickle.dumps(now))
    assert hash(now) == hash(seen(loss=0.5, metric=2.0))
    assert now != tuple(now)
    assert now.replace(metric=None) == seen(loss=0.5)
    assert now.fields()["loss"] == 0.5
    assert now.known() == {"loss": 0.5, "metric": 2.0}
    with pytest.raises(StepsizeError, match="seen has no field 'luck': loss, grad_norm"):
        now.replace(luck=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'luck'"):
        seen(luck=1)
    with pytest.raises(AttributeError):
        now.loss = 1
