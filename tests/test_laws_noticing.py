"""Laws of what controllers are shown and of clips that remember: by hand, continued, many at once, traced."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import ClassVar

import jax
import numpy as np
import pytest

from stepsize import StepsizeError, adam, clip, clip_norm, cosine, descend, descend_many, seen, sgd, weight_decay
from stepsize.controllers.base import Controller
from stepsize.course.host import Host
from stepsize.descents import Clip, State, broadcast
from stepsize.lab.runs.evaluate import evaluate
from stepsize.measures import dot, global_norm
from stepsize.problems import least_squares, objective, softmax
from stepsize.quantities import of_run
from subjects import LIBRARIES, assert_close, assert_same

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 17))
Y = X @ RNG.normal(size=17) + 0.1 * RNG.normal(size=40)
LINE = least_squares(X, Y, start=RNG.normal(size=17))
SOFT = softmax(X, np.digitize(Y, [-2, 2]))
PROBLEMS = {"least_squares": LINE, "softmax": SOFT}
OF_TWO_UPDATES = ("step_norm", "grad_change_norm", "step_dot_grad_change", "grad_dot_last_direction")
ALL = tuple(name for name in seen.field_names() if name != "metric")
NO_HALVES = tuple(name for name in ALL if name != "grad_variance")


class needy(Controller):
    """Its factor depends on every bit of every quantity that it names."""

    __slots__ = ("names",)

    def __init__(self, names=NO_HALVES):
        self._store(names=names)

    @property
    def needs(self):
        return self.names

    def init(self):
        return (0, 0.0)

    def step(self, state, now):
        count, mixed = state
        for i, name in enumerate(self.names):
            value = getattr(now, name)
            if name == "loss_at":
                value = now.loss_at(0.0) + now.loss_at(0.3 * (count % 3))
            if value is not None and math.isfinite(value):
                mixed = math.sin(mixed + (i + 1) * value)
        return 0.6 + 0.4 * mixed, (count + 1, mixed), f"{mixed:.3g}"


class notes(Controller):
    """Writes down what it sees."""

    __slots__ = ("names",)
    log: ClassVar[list] = []

    def __init__(self, names=NO_HALVES):
        self._store(names=names)
        self.log.clear()

    @property
    def needs(self):
        return self.names

    def init(self):
        return ()

    def step(self, state, now):
        tried = now.loss_at and [now.loss_at(rate) for rate in (0.0, 0.1, now.rate or 0.2)]
        self.log.append((now.replace(loss_at=None), tried))
        return 0.5, state, ""


class usual_norm(Clip):
    """No longer than `times` the running mean of its lengths; counts in `pulls` how far parameters were moved."""

    __slots__ = ("times",)

    def __init__(self, times):
        self._store(times=times)

    def init(self, params):
        return {"mean": 0.0, "pulls": {name: 0 * one for name, one in params.items()}}

    def step(self, flowing, params, state, about, many=False):
        norm = global_norm(flowing, many)
        raw = dot(about["grads"], about["grads"], many)
        mean = 0.9 * state["mean"] + 0.1 * norm + 1e-3 * raw
        bound = self.times * mean
        short = np if isinstance(norm, (np.ndarray, np.generic)) else jax.numpy
        scale = short.where(norm > bound, bound / short.where(norm > 0, norm, 1.0), 1.0)
        limited = {name: (broadcast(scale, one) if many else scale) * one for name, one in flowing.items()}
        for name, states in about["rules"].items():
            assert flowing[name].shape == about["grads"][name].shape
            limited[name] = limited[name] * (1 - 1e-3 * (states["count"] % 5))
        pulls = {name: one + abs(limited[name]) for name, one in state["pulls"].items()}
        return limited, 1.0 * (norm > bound), {"mean": mean, "pulls": pulls}


STRATEGIES = {
    "everything": usual_norm(1.1) | sgd(momentum=0.9) | 0.05 * (needy() * cosine()) | clip(0.02),
    "remembering": usual_norm(1) | adam() | usual_norm(0.9) | weight_decay(0.1) | 0.1 * needy() | usual_norm(0.8),
    "two controllers": clip_norm(1)
    | sgd()
    | 0.1 * (needy(("slope", "rate")) * needy(("distance", "loss_at")))
    | usual_norm(2),
}
HALVED = {**STRATEGIES, "halves": sgd(momentum=0.5) | 0.1 * needy(ALL) | usual_norm(1)}


def on(problem, rows=None):
    """Loss and gradient of one parameter set, and its loss alone."""

    def both(params):
        losses, grads = problem.loss_and_grad({name: one[None] for name, one in params.items()}, rows)
        return float(losses[0]), {name: one[0] for name, one in grads.items()}

    def loss(params):
        return problem.loss({name: one[None] for name, one in params.items()}, rows)[0]

    return both, loss


def by_hand(problem, strategy, steps, save=lambda strategy, state: (strategy, state)):
    """The points and steps of pure single updates."""
    strategy = strategy.over(steps)
    both, loss_of = on(problem)
    params = problem.start(0)
    state, told = strategy.init(params), []
    for t in range(steps):
        strategy, state = save(strategy, state)
        loss, grads = both(params)
        params, state, step = strategy.step(params, grads, state, seen(loss=loss, progress=t / steps), loss_of)
        told.append(step)
    return params, state, told


def assert_runs_equal(one, other):
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert_same(a, b)
        else:
            assert a == b, field.name


def nameless(run):
    return dataclasses.replace(run, record=dataclasses.replace(run.record, text=""))


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_saved_and_continued_at_every_step_is_straight_through(problem, strategy):
    straight, state, told = by_hand(problem, strategy, 15)
    again = by_hand(problem, strategy, 15, save=lambda *both: pickle.loads(pickle.dumps(both)))
    assert_same(again[0]["theta"], straight["theta"])
    assert again[2] == told
    assert pickle.dumps(again[1].control) == pickle.dumps(state.control)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_single_steps_by_hand_are_the_run(problem, strategy):
    params, _, told = by_hand(problem, strategy, 15)
    run = descend(problem, strategy, steps=15)
    assert run.steps == 15
    assert_same(run.params, params["theta"])
    assert run.rates.tolist() == [step.rate for step in told]
    assert run.clipped.tolist() == [step.clipped for step in told]
    assert run.why == tuple(step.why for step in told)


@pytest.mark.parametrize("batch_size", [7, 8])
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("strategy", HALVED.values(), ids=HALVED)
def test_many_runs_are_a_loop_of_runs(problem, strategy, batch_size):
    rates, seeds, options = [0.01, 0.3, 1e150], [0, 3], {"steps": 12, "batch_size": batch_size}
    together = descend_many(problem, strategy, rates=rates, seeds=seeds, **options)
    alone = [descend(problem, strategy.with_base(rate), seed=seed, **options) for seed in seeds for rate in rates]
    for one, other in zip(together, alone, strict=True):
        assert_runs_equal(nameless(one), nameless(other))


def test_many_runs_of_an_objective_are_a_loop_of_runs():
    bowl = objective(lambda p: (float(p["a"] @ p["a"] + p["b"] ** 2), {"a": 2 * p["a"], "b": 2 * p["b"]}),
                     {"a": np.array([1.0, -2.0]), "b": np.array(3.0)})  # fmt: skip
    rates = [0.01, 0.3, 1e200]
    together = descend_many(bowl, STRATEGIES["everything"], rates=rates, steps=12)
    for rate, run in zip(rates, together, strict=True):
        alone = descend(bowl, STRATEGIES["everything"].with_base(rate), steps=12)
        assert run.rates.tolist() == alone.rates.tolist()
        assert_same(run.params["a"], alone.params["a"])
        assert_same(run.params["b"], alone.params["b"])


def test_a_run_that_stops_ends_no_other_and_asks_no_more():
    good, bad = descend_many(LINE, sgd() | 0.1 * notes(), rates=[0.01, 1e300], steps=9)
    assert good.steps == 9
    assert bad.steps < 8
    assert len(bad.extra_losses) == bad.steps
    assert len(notes.log) <= good.steps + bad.steps + 1


def test_quantities_are_their_formulas():
    run = descend(LINE, clip_norm(1) | sgd(momentum=0.9) | 0.4 * (notes() * cosine()) | clip(0.02), steps=12)
    x0 = x = LINE.start(0)["theta"]
    total, before = np.zeros(17), None

    def loss_at(point):
        return np.sum((X @ point - Y) ** 2) / 40

    for t, (now, tried) in enumerate(notes.log):
        g = 2 * X.T @ (X @ x - Y) / 40
        total = 0.9 * total + g * min(1, 1 / np.linalg.norm(g))
        rate = 0.4 * cosine(12)(t)
        told = {
            "loss": loss_at(x),
            "grad_norm": np.linalg.norm(g),
            "slope": g @ total,
            "direction_norm": np.linalg.norm(total),
            "distance": np.linalg.norm(x - x0),
            "start_norm": np.linalg.norm(x0),
            "progress": t / 12,
            "rate": rate,
        }
        if before is not None:
            last_x, last_g, last_u = before
            told |= {
                "step_norm": np.linalg.norm(x - last_x),
                "grad_change_norm": np.linalg.norm(g - last_g),
                "step_dot_grad_change": (x - last_x) @ (g - last_g),
                "grad_dot_last_direction": g @ last_u,
            }
        for name in NO_HALVES:
            if name in told:
                assert_close(getattr(now, name), told[name], 1e-9)
            elif name != "loss_at":
                assert t == 0
                assert getattr(now, name) is None
        tries = [loss_at(x - np.clip(eta * total, -0.02, 0.02)) for eta in (0.0, 0.1, rate)]
        assert_close(tried, tries, 1e-9)
        before = x, g, total
        x = x - np.clip(0.5 * rate * total, -0.02, 0.02)
    assert t == 11
    assert_close(run.params, x, 1e-9)


def test_the_loss_at_the_rate_taken_is_the_next_loss():
    class exact(notes):
        __slots__ = ()

        def step(self, state, now):
            self.log.append(now.loss_at(now.rate))
            return 1.0, state, ""

    run = descend(LINE, usual_norm(1) | adam() | 0.1 * exact(("loss_at", "rate")) | usual_norm(0.9), steps=10)
    assert notes.log[:-1] == run.losses[1:].tolist()
    assert notes.log[-1] == run.loss


@pytest.mark.parametrize("batch", [8, 7, 2])
def test_grad_variance_is_its_formula(batch):
    rows = RNG.permutation(40)[:batch][None]
    params = {"theta": RNG.normal(size=(3, 17))}
    losses, grads, variance = evaluate(LINE, params, rows, {"grad_variance"})
    whole_losses, whole_grads = LINE.loss_and_grad(params, rows)
    assert_close(losses, whole_losses)
    assert_close(grads["theta"], whole_grads["theta"], 1e-9)
    a, b = batch // 2, batch - batch // 2
    for i, theta in enumerate(params["theta"]):
        each = 2 * X[rows[0]] * (X[rows[0]] @ theta - Y[rows[0]])[:, None]
        apart = np.sum((each[:a].mean(axis=0) - each[a:].mean(axis=0)) ** 2)
        assert_close(variance[i], apart / (1 / a + 1 / b) / batch, 1e-9)
        if batch != 7:
            assert_close(variance[i], apart / 4, 1e-9)


def test_grad_variance_estimates_the_variance_of_the_mean_gradient():
    theta = LINE.start(0)["theta"]
    each = 2 * X * (X @ theta - Y)[:, None]
    true = np.sum(each.var(axis=0)) / 8
    rows = RNG.integers(0, 40, size=(4000, 8))
    _, _, found = evaluate(LINE, {"theta": np.tile(theta, (4000, 1))}, rows, {"grad_variance"})
    assert np.mean(found) == pytest.approx(true, rel=0.05)


def test_extra_losses_are_counted():
    assert descend(LINE, sgd() | 0.1 * needy(), steps=5).extra_losses.tolist() == [2] * 5
    assert descend(LINE, sgd() | 0.1 * needy(("slope",)), steps=5).extra_losses.tolist() == [0] * 5
    assert descend(LINE, "sgd() | 0.1", steps=5).extra_losses.tolist() == [0] * 5


@pytest.mark.parametrize(
    ("needs", "kept"),
    [
        (("loss", "slope", "direction_norm", "progress", "rate", "loss_at"), set()),
        (("distance",), {"start"}),
        (("start_norm",), {"start"}),
        (("step_norm",), {"params"}),
        (("grad_change_norm",), {"grads"}),
        (("step_dot_grad_change",), {"params", "grads"}),
        (("grad_dot_last_direction", "distance"), {"directions", "start"}),
    ],
)
def test_only_what_is_needed_is_measured_and_kept(needs, kept):
    _, state, _ = by_hand(LINE, sgd() | 0.1 * notes(needs), 3)
    assert set(state.memory) == kept
    told, _ = notes.log[-1]
    measured = {name for name, value in told.fields().items() if value is not None}
    assert measured == {*needs, "loss", "progress"} - {"loss_at"}


def test_a_host_may_reuse_the_memory_of_its_gradient():
    strategy = STRATEGIES["everything"].over(8)
    both, loss_of = on(LINE)
    params = LINE.start(0)
    state, kept, told = strategy.init(params), {"theta": np.empty(17)}, []
    place = {"theta": params["theta"].copy()}
    for t in range(8):
        loss, grads = both(place)
        kept["theta"][:] = grads["theta"]
        moved, state, step = strategy.step(place, kept, state, seen(loss=loss, progress=t / 8), loss_of)
        place["theta"][:] = moved["theta"]
        told.append(step)
    assert told == by_hand(LINE, STRATEGIES["everything"], 8)[2]


@pytest.mark.parametrize("name", NO_HALVES)
def test_a_quantity_that_is_not_there_is_an_error_that_names_it(name):
    strategy, params = sgd() | 0.1 * needy((name,)), {"w": np.ones(2)}
    if name in ("loss", "progress", "loss_at"):
        with pytest.raises(StepsizeError, match=f"needy needs the {name} at every update: pass .*{name[:5]}"):
            strategy.step(params, params, strategy.init(params), seen())
    else:
        strategy.step(params, params, strategy.init(params), seen())


def test_what_only_the_caller_knows_may_be_given():
    strategy, params = sgd() | 0.1 * notes(("grad_variance", "metric", "slope")), {"w": np.ones(2)}
    state = strategy.init(params)
    with pytest.raises(StepsizeError, match="grad_variance"):
        strategy.step(params, params, state, seen())
    strategy.step(params, params, state, seen(grad_variance=2.0, slope=7.0))
    assert notes.log[-1][0] == seen(grad_variance=2.0, slope=7.0)


@pytest.mark.parametrize(
    ("needs", "options", "message"),
    [
        (("grad_variance",), {}, "needy needs batches of at least 2 rows"),
        (("grad_variance",), {"batch_size": 1}, "needy needs batches of at least 2 rows"),
        (("metric",), {}, "needy needs a metric, which descend does not have"),
        (("luck",), {}, "needs 'luck', which is no field of seen"),
    ],
)
def test_a_run_without_what_a_controller_needs_does_not_begin(needs, options, message):
    with pytest.raises(StepsizeError, match=message):
        descend(LINE, sgd() | 0.1 * needy(needs), steps=2, **options)


def test_a_scheduler_says_what_it_never_sees():
    with pytest.raises(StepsizeError, match="needs slope, which a scheduler never sees"):
        Host().check_shown({"loss", "slope"})
    with pytest.raises(StepsizeError, match=r"write scheduler.step\(loss=loss\)"):
        Host().check_given({"loss"}, 3)


def test_a_clip_that_remembers_is_not_applied_alone():
    with pytest.raises(StepsizeError, match="remembers what it saw"):
        usual_norm(1).apply({"w": np.ones(2)}, {"w": np.ones(2)})


def test_states_of_transforms_are_in_the_order_of_the_text():
    strategy = usual_norm(1) | sgd() | weight_decay(0.1) | usual_norm(3) | 0.1 | clip(1) | usual_norm(2)
    params = {"w": np.ones(3)}
    state = strategy.init(params)
    assert [bool(one) for one in state.transforms] == [True, False, True, False, True]
    _, after, _ = strategy.step(params, params, state, seen())
    means = [one.get("mean") for one in after.transforms]
    assert means[1] is means[3] is None
    assert state.transforms[0]["mean"] == 0
    assert 0 < means[4] < means[2] < means[0]  # the update, the direction of the limited gradient, the gradient


def test_a_transform_sees_the_raw_gradient_and_the_state_of_the_rule():
    looked = []

    class looks(Clip):
        __slots__ = ()

        def step(self, flowing, params, state, about, many=False):
            looked.append((about["grads"]["w"].tolist(), about["rules"]["w"]["count"]))
            return flowing, 0.0, state

    strategy, params = clip(1) | looks() | adam() | looks() | 0.1 | looks(), {"w": np.array([3.0, 0.0])}
    state = strategy.init(params)
    for _ in range(2):
        _, state, _ = strategy.step(params, params, state, seen())
    assert looked == [([3.0, 0.0], count) for count in (0, 1, 1, 1, 2, 2)]


@pytest.mark.usefixtures("x64")
def test_directions_and_bounds_with_clips_that_remember_can_be_traced():
    strategy = usual_norm(1) | adam() | usual_norm(0.9) | 0.1 | usual_norm(0.8)
    params, flowing = {"w": np.arange(3.0)}, {"w": np.array([1.0, -2.0, 0.5])}
    traces = []

    @jax.jit
    def both(params, grads, rules, transforms):
        traces.append(1)
        state = State(rules, (), 0, transforms, {})
        directions, state, share = strategy.direct(params, grads, state)
        update, state, later = strategy.bound(params, directions, grads, state)
        return update, state.rules, state.transforms, share + later

    ours = strategy.init(params)
    theirs = jax.tree.map(np.asarray, (ours.rules, ours.transforms))
    for scale in (1.0, 3.0, 0.1, 9.0):
        grads = {"w": scale * flowing["w"]}
        directions, ours, share = strategy.direct(params, grads, ours)
        update, ours, later = strategy.bound(params, directions, grads, ours)
        found, *theirs, shares = both(params, grads, *theirs)
        assert_close(found["w"], update["w"])
        assert float(shares) == pytest.approx(float(np.maximum(share, 0)) + float(later))
        assert_close(theirs[1][2]["mean"], ours.transforms[2]["mean"])
    assert len(traces) == 1


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_measures_the_same(library):
    strategy = clip_norm(1) | sgd(momentum=0.9) | 0.1 * notes(tuple(set(NO_HALVES) - {"loss_at"})) | clip(0.05)
    logs = []
    for put in (np.array, LIBRARIES[library]):
        notes.log.clear()
        params = {"w": put(np.array([[1.0, 2.0]])), "b": put(np.array(0.5))}
        grad = {"w": put(np.array([[0.3, -2.0]])), "b": put(np.array(1.0))}
        state = strategy.init(params)
        for t in range(3):
            params, state, _ = strategy.step(params, grad, state, seen(loss=1.0, progress=t / 3))
            grad = {name: 0.5 * one + 0.1 for name, one in grad.items()}
        logs.append([now.fields() for now, _ in notes.log])
    for ours, theirs in zip(*logs, strict=True):
        for name, value in ours.items():
            if value is None:
                assert theirs[name] is None
            else:
                assert type(theirs[name]) is float
                assert_close(theirs[name], value)


def test_the_part_of_one_run():
    state = {"mean": np.array([1.0, 2.0]), "count": 3, "each": ({"w": np.ones((2, 4))}, np.float64(2))}
    part = of_run(state, 1)
    assert_same(part["mean"], np.array([2.0]))
    assert part["count"] == 3
    assert part["each"][0]["w"].shape == (1, 4)
    assert part["each"][1] == 2
