"""Laws of lots: a run has the numbers it has alone, in any company, and stopped, saved and continued at any step."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize import StepsizeError, descend, descend_many, parse
from stepsize.controllers.base import Controller, State
from stepsize.lab.runs import trees
from stepsize.lab.runs.batches import in_groups
from stepsize.lab.runs.descend import SideBySide
from stepsize.lab.trials.stacked import Stacked
from stepsize.lab.trials.trial import Trial
from stepsize.problems import least_squares, logistic, objective, softmax
from subjects import CONTROLLERS, RULES, SCHEDULES, TRANSFORMS, adam_before, assert_same, wants_a_rule

RNG = np.random.default_rng(11)
X = RNG.normal(size=(40, 5)) * [1.0, 0.7, 1.5, 0.3, 1.0]
Y = X @ RNG.normal(size=5) + 0.3 * RNG.normal(size=40)
LINE = least_squares(X, Y, start=RNG.normal(size=5))
SOFT = softmax(X, np.digitize(Y, [-1, 1]))
PROBLEMS = {"least_squares": LINE, "logistic": logistic(X, (Y > 0).astype(float)), "softmax": SOFT}
PART, OTHER = least_squares(X[:9], Y[:9]), least_squares(X[9:20], Y[9:20])
STEPS = 8
ONE_OF_EACH = [
    *(f"{one} | 0.05" for one in RULES),
    *(f"sgd(momentum=0.5) | 0.02 * {one}" for one in CONTROLLERS if not getattr(one, "sets_rate", False)),
    *(f"adam() | 1 * {one}" for one in CONTROLLERS if getattr(one, "sets_rate", False)),
    *(f"{one} | adam() | 0.05" for one in TRANSFORMS if not wants_a_rule(one)),
    *(f"{adam_before(one)} | {one} | 0.05" for one in TRANSFORMS),
    "zclip(warm_up=3) | adam() | stable() | 0.05 * spike() * distance() | clip(0.02)",
    "sgd() | 0.05 * newbob(0.7, 0.9, watch='metric')",  # every look halves, more or less
]
RATES = [0.01, 0.2, 1e3, 1e150]  # the last ones stop being finite
HOW = {"steps": STEPS, "batch_size": 6, "measure_every": 3, "validation": PART, "test": OTHER}


def lot(strategy, pairs, problem=LINE, **how):
    return SideBySide(problem, strategy, pairs, **{**HOW, **how})


def trained(made, to=None):
    while made.goes_on() and (to is None or made.done < to):
        made.update()
    return made


def assert_runs_equal(one, other):
    """The same record, and the same parameters bit for bit."""
    assert one.record == other.record
    assert [str(one.record), one.text] == [str(other.record), other.text]
    assert_same(one.params, other.params)


def run_alone(strategy, base, seed, problem=LINE, **how):
    return trained(lot(strategy, [(base, seed)], problem, **how)).runs()[0]


# --- company


@settings(max_examples=60)
@given(
    strategy=st.sampled_from(ONE_OF_EACH),
    pairs=st.lists(st.tuples(st.sampled_from(RATES), st.sampled_from([0, 1, 7])), min_size=1, max_size=7),
    batch_size=st.sampled_from([None, 6]),
)
def test_a_run_has_the_numbers_it_has_alone_in_any_company(strategy, pairs, batch_size):
    batch_size = 6 if "gradient_noise" in strategy else batch_size
    together = trained(lot(strategy, pairs, batch_size=batch_size)).runs()
    for (base, seed), run in zip(pairs, together, strict=True):
        assert_runs_equal(run, run_alone(strategy, base, seed, batch_size=batch_size))


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_any_order_is_the_same_on_every_problem(problem):
    strategy, how = "clip_norm(1) | sgd(momentum=0.9) | 0.1 * cosine() | clip(0.5)", {"validation": None, "test": None}
    pairs = [(0.1, 0), (1e200, 0), (0.3, 7), (0.1, 7), (0.2, 0), (0.1, 1)]
    for (base, seed), run in zip(pairs, trained(lot(strategy, pairs, problem, **how)).runs(), strict=True):
        assert_runs_equal(run, run_alone(strategy, base, seed, problem, **how))


@pytest.mark.parametrize(
    ("seeds", "lines"),
    [([3], 1), ([3, 3, 3], 1), ([3, 3, 4, 4], 2), ([3, 4, 3], 3), ([3, 3, 4], 3), ([3] * 4 + [4] * 6, 5)],
)
def test_runs_share_the_fewest_lines_of_rows_that_fit(seeds, lines):
    found = in_groups(seeds)
    assert len(found) == lines
    assert [found[i * lines // len(seeds)] for i in range(len(seeds))] == seeds


# --- runs that stop being finite


def test_a_run_that_stops_being_finite_leaves_the_stack_and_is_recorded_with_its_step():
    shapes = []

    class spy(least_squares):
        def loss_and_grad(self, params, rows=None):
            shapes.append((len(params["theta"]), len(rows)))
            return super().loss_and_grad(params, rows)

    made = lot("adam() | 0.1", [(0.1, 0), (1e300, 0), (0.1, 1), (0.2, 1)], spy(X, Y), steps=30)
    stopped = trained(made).runs()[1]
    assert stopped.diverged
    assert 0 < stopped.steps < 30
    assert np.isfinite(stopped.params).all()
    assert shapes[0] == (4, 2)
    assert shapes[-1] == (3, 3)
    states = (made.params, made.state.rules, made.state.control)
    assert {len(one) for one in (*states[0].values(), states[1]["theta"]["mean"], states[2])} == {3}
    assert made.done == 30


def test_a_lot_whose_runs_all_stopped_is_over():
    made = trained(lot("sgd() | 0.1", [(1e200, 0), (1e250, 1)], steps=50))
    assert not made.goes_on()
    assert made.done < 50
    assert all(run.diverged and run.steps < 50 and np.isnan(run.loss) for run in made.runs())
    with pytest.raises(StepsizeError, match="run 1 ended after 1 updates: there is nothing to continue"):
        made.saved(1)


def test_the_batches_of_a_seed_are_drawn_while_one_of_its_runs_is_there():
    made = trained(lot("sgd() | 0.1", [(1e200, 0), (0.1, 1)]))
    assert list(made.batches) == [1]


# --- stopped, saved, continued


@functools.cache
def straight(strategy, base, seed):
    """Every paused view of a run that never stopped, and its run."""
    made = lot(strategy, [(base, seed)])
    views = [made.runs()[0]]
    while made.goes_on():
        made.update()
        views.append(made.runs()[0])
    return views


def continued(strategy, company, to, then):
    """The runs of pairs that were saved after `to` updates beside their company, and went on beside others."""
    made = trained(lot(strategy, company), to)
    saved = {company[i]: made.saved(i) for i in made.places if made.done == to}
    kept = [pair for pair in then if pair in saved]
    return kept, (lot(strategy, kept, saved=[saved[pair] for pair in kept]) if kept else None)


@pytest.mark.parametrize("strategy", ONE_OF_EACH)
def test_saved_and_continued_at_every_step_is_straight_through(strategy):
    company, then = [(0.01, 0), (1e150, 1), (0.2, 1), (0.2, 0)], [(0.2, 1), (0.01, 0)]
    for to in range(STEPS + 1):
        kept, again = continued(strategy, company, to, then)
        for pair, run in zip(kept, again.runs() if again else [], strict=True):
            assert_runs_equal(run, straight(strategy, *pair)[to])
        for pair, run in zip(kept, trained(again).runs() if again else [], strict=True):
            assert_runs_equal(run, straight(strategy, *pair)[-1])


@settings(max_examples=40)
@given(
    strategy=st.sampled_from(ONE_OF_EACH),
    stops=st.lists(st.integers(0, STEPS), max_size=4).map(sorted),
    batch_size=st.sampled_from([None, 6]),
    schedule=st.sampled_from(SCHEDULES),
)
def test_saved_again_and_again_is_straight_through(strategy, stops, batch_size, schedule):
    strategy = f"{strategy} | clip(0.5)" if "|" not in strategy else strategy
    scheduled = parse(strategy)
    scheduled = scheduled.with_rate(scheduled.rate * schedule) if not scheduled.rate.controllers else scheduled
    how = {"batch_size": 6 if "gradient_noise" in strategy else batch_size}
    made = lot(scheduled, [(0.05, 3)], **how)
    for stop in stops:
        if trained(made, stop).places:
            made = lot(scheduled, [(0.05, 3)], saved=[made.saved(0)], **how)
    assert_runs_equal(trained(made).runs()[0], run_alone(scheduled, 0.05, 3, **how))


def test_what_details_tell_goes_on_too():
    how = {"details": True, "validation": None, "test": None}
    made = trained(lot("adam() | 0.1", [(0.1, 0), (0.2, 5)], **how), 3)
    again = trained(lot("adam() | 0.1", [(0.2, 5)], saved=[made.saved(1)], **how)).runs()[0]
    expected = descend(LINE, "adam() | 0.2", steps=STEPS, batch_size=6, measure_every=3, seed=5, details=True)
    assert again.slopes.tolist() == expected.slopes.tolist()
    assert again.end_slopes.tolist() == expected.end_slopes.tolist()
    assert again.layer_norms["theta"].tolist() == expected.layer_norms["theta"].tolist()


def test_an_objective_without_rows_goes_on():
    bowl = objective(lambda x: (float(x @ x), 2 * x), params=np.array([1.0, -1.0]))
    how = {"batch_size": None, "validation": None, "test": None}
    made = trained(lot("adam() | 0.1", [(None, 0)], bowl, **how), 5)
    again = trained(lot("adam() | 0.1", [(None, 0)], bowl, saved=[made.saved(0)], **how)).runs()[0]
    assert_runs_equal(again, run_alone("adam() | 0.1", None, 0, bowl, **how))


class tally(Controller):
    """A controller of somebody's own, whose state is a plain tuple."""

    __slots__ = ()
    needs = ("loss",)

    def init(self):
        return (0, 0.0)

    def step(self, state, now):
        count, total = state
        return 1 / (1 + count), (count + 1, total + now.loss), f"{total:.3g}"


class Sum(State):
    total: float = 0.0


class tally_by_name(tally):
    """Another one, whose state is a named tuple of somebody's own."""

    __slots__ = ()

    def init(self):
        return Sum()

    def step(self, state, now):
        assert type(state) is Sum
        return 1 / (1 + state.total), Sum(state.total + now.loss), ""


@pytest.mark.parametrize("own", [tally, tally_by_name])
def test_controllers_of_somebodys_own_go_on(own):
    strategy = parse("sgd() | 0.05")
    strategy = strategy.with_rate(strategy.rate * own())
    made = trained(lot(strategy, [(0.05, 0)]), 4)
    again = trained(lot(strategy, [(0.05, 0)], saved=[made.saved(0)])).runs()[0]
    assert_runs_equal(again, run_alone(strategy, 0.05, 0))


def test_a_look_at_a_pause_leaves_no_trace():
    made = trained(lot("sgd() | 0.1", [(0.1, 0)]), 4)
    before = made.saved(0)
    paused = made.runs()[0]
    assert paused.measured_at == (0, 3, 4)
    assert [len(one) for one in (paused.measured, paused.validated, paused.record.tested)] == [3, 3, 3]
    assert made.saved(0) == before
    assert trained(made).runs()[0].measured_at == (0, 3, 6, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 9}, "steps is 8 there and 9 here"),
        ({"batch_size": None}, "batch_size is 6 there and None here"),
        ({"measure_every": 2}, "measure_every is 3 there and 2 here"),
        ({"fingerprint": "data-2"}, "problem is '' there and 'data-2' here"),
        ({"pairs": [(0.2, 0)]}, "strategy is "),
        ({"pairs": [(0.1, 4)]}, "seed is 0 there and 4 here"),
        ({"strategy": "adam() | 0.1"}, "strategy is "),
        ({"pairs": [(0.1, 0)] * 2}, "a saved state for each of 2 runs, not 1"),
        ({"problem": least_squares(X[:, :2], Y)}, "does not fit this problem and strategy"),
    ],
)
def test_what_was_saved_of_another_run_is_refused_in_one_line(change, message):
    saved = trained(lot("sgd() | 0.1", [(0.1, 0)]), 2).saved(0)
    asked = {"strategy": "sgd() | 0.1", "pairs": [(0.1, 0)], "saved": [saved], **change}
    with pytest.raises(StepsizeError, match=message) as error:
        lot(**asked)
    assert "\n" not in str(error.value)


def test_runs_that_are_not_equally_far_do_not_go_on_together():
    saved = [trained(lot("sgd() | 0.1", [(0.1, seed)]), 2 + seed).saved(0) for seed in (0, 1)]
    with pytest.raises(StepsizeError, match="equally far, not 2 and 3 updates"):
        lot("sgd() | 0.1", [(0.1, 0), (0.1, 1)], saved=saved)


# --- parts, metrics, and controllers that watch them


class watcher(Controller):
    """Writes down which metric it sees."""

    __slots__ = ("log",)
    needs = ("metric",)

    def __init__(self, log):
        self._store(log=log)

    def init(self):
        return (0,)

    def step(self, state, now):
        self.log.append(now.metric)
        return 1.0, (state[0] + 1,), ""


def test_a_controller_sees_the_validation_loss_at_the_update_after_a_look_only():
    log = []
    strategy = parse("sgd() | 0.05")
    run = run_alone(strategy.with_rate(strategy.rate * watcher(log)), 0.05, 0)
    a, b, c, _ = run.validated.tolist()
    assert log == [a, None, None, b, None, None, c, None]


@pytest.mark.parametrize("controller", ["plateau", "newbob", "greedy"])
def test_controllers_that_watch_a_metric_work_where_there_is_a_validation_problem(controller):
    how = {"steps": 60, "batch_size": 6, "measure_every": 2}
    told = {"plateau": "0.5, 0", "newbob": "0.5, 0.5", "greedy": "0.5, 0"}[controller]
    text = f"sgd() | 0.3 * {controller}({told}, watch='metric')"
    one = descend(LINE, text, validation=PART, **how)
    other = descend(LINE, text, validation=OTHER, **how)
    assert any("metric" in why for why in one.why)
    assert one.rates.tolist() != other.rates.tolist()
    with pytest.raises(StepsizeError, match=f"{controller} needs a metric, .*validation=…, measure_every=…"):
        descend(LINE, text, **how)
    many = descend_many(LINE, text, validation=PART, rates=[0.3, 0.1], **how)[0]
    assert many.rates.tolist() == one.rates.tolist()


def test_a_controller_that_watches_the_loss_needs_no_validation():
    assert descend(LINE, "sgd() | 0.1 * plateau()", steps=3).steps == 3


def test_the_parts_are_measured_on_their_own_rows():
    run = run_alone("sgd() | 0.1", 0.1, 0)
    params = {"theta": run.params[None]}
    assert [run.loss, run.validated[-1], run.record.tested[-1]] == [one.loss(params)[0] for one in (LINE, PART, OTHER)]


# --- the engine


def trial(rate=0.1, seed=0, text="sgd() | 0.1", **how):
    return Trial("mine", text, "line", rate, seed, **{"steps": STEPS, "batch_size": 6, "measure_every": 3, **how})


def test_the_stacked_engine_trains_trials_and_continues_them_in_other_lots():
    engine = Stacked(LINE, PART, OTHER)
    trials = [trial(0.1, 3), trial(0.2, 0), trial(1e200, 0), trial(0.2, 1, text="sgd(momentum=0) | 0.7")]
    first = trained(engine.begin(trials), 4)
    again = trained(engine.begin(trials[:2][::-1], [first.saved(1), first.saved(0)]))
    assert again.trials == trials[:2][::-1]
    for one, run in zip(again.trials, again.runs(), strict=True):
        alone = trained(engine.begin([one])).runs()[0]
        assert_runs_equal(run, alone)
        expected = descend(LINE, one.strategy, seed=one.seed, **HOW)
        assert run.losses.tolist() == expected.losses.tolist()
        assert run.record.tested.tolist() == expected.record.tested.tolist()
    assert [run.diverged for run in first.runs()] == [False, False, True, False]
    assert [run.text for run in first.runs()][-1] == "sgd() | 0.7"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (trial(steps=9), "same steps, not 8 and 9"),
        (trial(batch_size=None), "same batch_size, not 6 and None"),
        (trial(measure_every=1), "same measure_every, not 3 and 1"),
        (trial(text="adam() | 0.1"), "one strategy, not 'sgd.. . 0.1' and 'adam"),
        (dataclasses.replace(trial(), problem="tree"), "same problem, not 'line' and 'tree'"),
    ],
)
def test_trials_that_cannot_go_in_step_are_refused(other, message):
    with pytest.raises(StepsizeError, match=message):
        Stacked(LINE).begin([trial(), other])
    with pytest.raises(StepsizeError, match="at least one trial"):
        Stacked(LINE).begin([])


# --- what is carried along, and arrays of another library


class Carrying(least_squares):
    """A problem whose gradient is scaled by a running mean of its losses, which is not trained."""

    def unpack(self, params, carried=None):
        return super().unpack(params)

    def carried(self, seed):
        return {"mean": np.full((2,), 1.0 + seed)}

    def loss_and_grad(self, params, rows, carried):
        losses, grads = super().loss_and_grad(params, rows)
        mean = 0.9 * carried["mean"] + 0.1 * losses[:, None]
        return losses, {"theta": grads["theta"] / mean[:, :1]}, {"mean": mean}

    def loss(self, params, rows, carried):
        return super().loss(params, rows) + carried["mean"][:, 1]

    def metrics(self, params, rows, carried):
        return {"mean": carried["mean"][:, 0]}


def test_what_is_carried_is_each_runs_own_goes_on_and_is_measured_with():
    problem, how = Carrying(X, Y), {"validation": Carrying(X[:9], Y[:9]), "test": None}
    strategies = ["sgd() | 0.05 * gradient_noise()", "sgd() | 1 * robust_infrared()", "sgd() | 0.05"]
    for strategy in strategies:
        pairs = [(0.1, 0), (1e200, 0), (0.05, 2)]
        made = trained(lot(strategy, pairs, problem, **how), 3)
        assert made.carried["mean"].shape == (len(made.places), 2)
        again = trained(lot(strategy, [pairs[2]], problem, saved=[made.saved(2)], **how)).runs()[0]
        alone = run_alone(strategy, *pairs[2], problem, **how)
        assert_runs_equal(again, alone)
        assert_runs_equal(trained(made).runs()[2], alone)
    plain = LINE.__class__(X, Y).loss({"theta": alone.params[None]})[0]
    assert alone.loss > plain
    assert alone.record.metrics["mean"][0] == 1.0 + pairs[2][1]


def test_what_is_carried_is_what_the_last_update_left():
    made = lot("sgd() | 0.05", [(0.05, 1), (0.1, 2)], Carrying(X, Y), validation=None, test=None)
    wanted = np.array([2.0, 3.0])
    while made.goes_on():
        made.update()
        wanted = 0.9 * wanted + 0.1 * made.ledger.columns["losses"][-1]
        assert made.carried["mean"].tolist() == np.stack([wanted, wanted], axis=1).tolist()


def test_details_do_not_move_what_is_carried():
    how = {"validation": None, "test": None}
    one, other = (run_alone("sgd() | 0.1", 0.1, 0, Carrying(X, Y), details=told, **how) for told in (False, True))
    assert_same(one.params, other.params)


class Tensors:
    """A linear model with tensors for parameters, of a dtype of its own."""

    size = len(X)

    def __init__(self, dtype):
        self.X, self.y = torch.tensor(X, dtype=dtype), torch.tensor(Y, dtype=dtype)

    def start(self, seed):
        torch.manual_seed(seed)
        return {"w": torch.randn(5, dtype=self.X.dtype), "b": torch.zeros((), dtype=self.X.dtype)}

    def unpack(self, params):
        return torch.cat([params["w"], params["b"][None]])

    def loss(self, params, rows=None):
        return self.loss_and_grad(params, rows)[0]

    def loss_and_grad(self, params, rows=None):
        runs = len(params["w"])
        lines = torch.arange(self.size)[None] if rows is None else torch.from_numpy(rows)
        lines = lines.repeat_interleave(runs // len(lines), 0)
        x, y = self.X[lines], self.y[lines]
        rest = (x * params["w"][:, None]).sum(-1) + params["b"][:, None] - y
        return (rest**2).mean(1), {"w": 2 * (rest[..., None] * x).mean(1), "b": 2 * rest.mean(1)}

    def metrics(self, params, rows=None):
        return {"bias": params["b"]}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "strategy",
    [
        "sgd(momentum=0.9) | 0.05 * cosine() | clip(0.1)",
        "zclip(warm_up=2) | adam() | stable() | 0.05 * infrared()",
        "adam() | weight_decay(0.1) | 1 * robust_infrared()",
        "clip_norm(1) | rmsprop() | 0.01 * plateau(0.5, 0, watch='metric')",
    ],
)
def test_tensors_stay_tensors_of_their_dtype_stacked_saved_and_continued(strategy, dtype):
    problem, how = Tensors(dtype), {"validation": Tensors(dtype), "test": None}
    pairs = [(0.01, 0), (0.02, 0), (1e30, 0), (0.02, 4)]
    made = trained(lot(strategy, pairs, problem, **how), 5)
    assert {(one.dtype, len(one)) for one in made.params.values()} == {(dtype, len(made.places))}
    again = lot(strategy, [pairs[3], pairs[0]], problem, saved=[made.saved(3), made.saved(0)], **how)
    assert {one.dtype for one in again.params.values()} == {dtype}
    runs = dict(zip(pairs, trained(made).runs(), strict=True))
    for pair, run in zip([pairs[3], pairs[0]], trained(again).runs(), strict=True):
        for other in (run_alone(strategy, *pair, problem, **how), runs[pair]):
            assert run.record == other.record
            assert torch.equal(run.params, other.params)
    assert run.record.metrics["bias"][-1] == run.params[-1].item()
    if dtype is torch.float64:
        assert runs[pairs[0]].loss < runs[pairs[0]].measured[0]


def test_tensors_of_double_precision_have_the_numbers_of_numpy():
    class Numbers(Tensors):
        def start(self, seed):
            return {name: one.numpy() for name, one in super().start(seed).items()}

        def loss_and_grad(self, params, rows=None):
            losses, grads = super().loss_and_grad({name: torch.tensor(one) for name, one in params.items()}, rows)
            return losses.numpy(), {name: one.numpy() for name, one in grads.items()}

        def unpack(self, params):
            return np.append(params["w"], params["b"])

    for strategy in ("adam() | 0.1 * cosine()", "sgd() | 1 * polyak()", "percentile(50) | sgd() | 0.1"):
        one, other = (
            run_alone(strategy, 0.1, 2, problem(torch.float64), validation=None, test=None)
            for problem in (Tensors, Numbers)
        )
        np.testing.assert_allclose(one.losses, other.losses, rtol=1e-12)
        np.testing.assert_allclose(one.params, other.params, rtol=1e-10)


def test_an_update_reads_back_from_the_device_once(monkeypatch):
    crossed = []
    kept = trees.on_host
    for place in ("stepsize.lab.runs.side_by_side.on_host", "stepsize.lab.runs.looks.on_host"):
        monkeypatch.setattr(place, lambda lines: crossed.append(len(lines)) or kept(lines))
    pairs, how = [(0.1, 0), (0.2, 0)], {"validation": None, "test": None}
    made = lot("adam() | 0.1 * cosine() | clip(0.1)", pairs, Tensors(torch.float32), **how)
    crossed.clear()
    made.update()
    assert crossed == [4]  # losses, norms, clipped shares, whether the parameters are finite
    told = kept([torch.ones(3), np.zeros(3), torch.tensor([True, False, True])])
    assert [one.tolist() for one in told] == [[1, 1, 1], [0, 0, 0], [1, 0, 1]]
