"""Everything that `descend` runs, in a torch loop: the same numbers, through stops, groups, closures and faults."""

import copy
import io
import math
import pickle

import numpy as np
import pytest
import torch

from resumed import resumed
from stepsize import StepsizeError, descend, problems
from stepsize.adapters.torch import Scheduler, Strategy, backward_halves, clip_gradients, clip_update, optimizer
from stepsize.adapters.torch.strategy.staged import StrategyEngine
from stepsize.clipping.stable import stable
from stepsize.clipping.trust import trust
from stepsize.lab.runs.descend import _Batches
from subjects import CLIPS, CONTROLLERS, EVERYTHING, adam_before

RNG = np.random.default_rng(5)
X = RNG.normal(size=(48, 5)) * [1.0, 0.7, 1.5, 0.3, 1.0]
Y = X @ RNG.normal(size=5) + 0.3 * RNG.normal(size=48)
TX, TY = torch.from_numpy(X), torch.from_numpy(Y)
STEPS, BATCH = 30, 8

CONTROLLED = [
    f"{rule} | {base} * {one}"
    for one in CONTROLLERS
    if "metric" not in one.needs and getattr(one, "guard", True)  # without its guard it blows up here
    for rule, base in (("sgd(momentum=0.5)", 0.02), ("adam()", 1.0))
]
TRANSFORMS = [*CLIPS, *(one for one in EVERYTHING if isinstance(one, trust))]
CLIPPED = [
    text
    for one in TRANSFORMS
    for text in (
        f"{one} | adam() | 0.05",
        f"{adam_before(one)} | {one} | 0.05",
        f"{adam_before(one)} | 0.05 | {one}",
        f"clip_norm(2) | sgd(momentum=0.9) | {one} | weight_decay(0.01) | 0.02 * cosine() | clip_norm(0.1)",
    )
    if not (isinstance(one, stable) and not text.startswith("adam("))
    and not (isinstance(one, trust) and text.endswith(str(one)))
]
OTHERS = [
    "rmsprop(eps_in_root=True, initial=1) | 0.01",
    "weight_decay(0.1) | clip(0.5) | sgd() | 0.05",
    "weight_decay(0.1) | adam() | weight_decay(0.1) | 0.05 * (warmup(5) >> cosine())",
    "clip_norm(1) | sgd() | 0.05 * distance() * cosine()",
    "zclip(warm_up=3) | adam() | stable() | 0.05 * spike() | clip(0.02)",
]


def squares(theta, rows):
    return ((TX[rows] @ theta - TY[rows]) ** 2).mean()


def trained(strategy, steps=STEPS, begin=0, made=None, theta=None, way="loss", **options):
    """The parameters after a torch loop over the batches that `descend` draws."""
    theta = torch.zeros(5, dtype=torch.float64, requires_grad=True) if theta is None else theta
    made = optimizer([theta], strategy, total_steps=STEPS, **options) if made is None else made
    batches = _Batches(len(X), BATCH, 0)
    for t in range(steps):
        rows = torch.from_numpy(batches.next())
        if t < begin:
            continue
        made.zero_grad()

        def closure(rows=rows):
            made.zero_grad(set_to_none=False)
            loss = squares(theta, rows)
            loss.backward()
            return loss

        if "grad_variance" in made.strategy.needs:
            half = BATCH // 2
            loss, variance = backward_halves(squares(theta, rows[:half]), squares(theta, rows[half:]), theta)
            made.step(loss=loss, grad_variance=variance)
        elif way == "closure":
            made.step(closure)
        else:
            made.step(loss=closure(), loss_of=lambda rows=rows: squares(theta, rows))
    return theta, made


@pytest.mark.parametrize("strategy", [*CONTROLLED, *CLIPPED, *OTHERS])
def test_a_torch_loop_gives_the_numbers_of_descend(strategy):
    run = descend(problems.least_squares(X, Y), strategy, steps=STEPS, batch_size=BATCH)
    assert run.steps == STEPS
    theta, made = trained(strategy)
    np.testing.assert_allclose(theta.detach().numpy(), run.params, rtol=1e-7, atol=1e-10)
    assert made.scheduler.last_epoch == STEPS


@pytest.mark.parametrize("strategy", [*CONTROLLED, *CLIPPED[:8], *OTHERS])
def test_a_closure_gives_the_same_numbers(strategy):
    assert torch.equal(trained(strategy)[0], trained(strategy, way="closure")[0])


@pytest.mark.parametrize("strategy", [*CONTROLLED, *CLIPPED, *OTHERS])
def test_stop_save_load_continue_is_exact(strategy):
    straight, _ = trained(strategy)
    theta, made = trained(strategy, steps=13)
    again, fresh = resumed(theta, made, strategy, STEPS)
    theta, _ = trained(strategy, begin=13, made=fresh, theta=again)
    assert torch.equal(theta, straight)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
@pytest.mark.parametrize("strategy", [CONTROLLED[-1], CLIPPED[-1], *OTHERS])
def test_a_copy_goes_on_alone(copied, strategy):
    straight, _ = trained(strategy)
    theta, made = trained(strategy, steps=13)
    other, twin = copied((theta, made))
    theta, _ = trained(strategy, begin=13, made=made, theta=theta)
    other, _ = trained(strategy, begin=13, made=twin, theta=other)
    assert torch.equal(theta, straight)
    assert torch.equal(other, straight)


@pytest.mark.parametrize("one", [one for one in CLIPS if type(one).init is not type(one).__mro__[1].init], ids=str)
@pytest.mark.parametrize(("call", "text"), [(clip_gradients, "{} | sgd() | 0.05"), (clip_update, "sgd() | 0.05 | {}")])
def test_a_clip_with_a_memory_on_an_optimizer_of_torchs_goes_on_where_it_was_saved(one, call, text):
    run = descend(problems.least_squares(X, Y), text.format(one), steps=STEPS, batch_size=BATCH)
    theta = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    clipping = call(sgd := torch.optim.SGD([theta], lr=0.05), one)
    batches = _Batches(len(X), BATCH, 0)
    for t in range(STEPS):
        if t == 13:
            buffer = io.BytesIO()
            torch.save(clipping.state_dict(), buffer)
            buffer.seek(0)
            theta = theta.detach().clone().requires_grad_()
            clipping = call(sgd := torch.optim.SGD([theta], lr=0.05), one)
            clipping.load_state_dict(torch.load(buffer, weights_only=True))
        sgd.zero_grad()
        squares(theta, torch.from_numpy(batches.next())).backward()
        sgd.step()
    np.testing.assert_allclose(theta.detach().numpy(), run.params, rtol=1e-9, atol=1e-12)


def test_the_memory_of_other_clips_is_refused():
    weight = torch.nn.Parameter(torch.ones(2))
    one, other = (clip_gradients(torch.optim.SGD([weight], lr=0.1), text) for text in ("zclip()", "percentile()"))
    with pytest.raises(StepsizeError, match=r"the state is that of zclip\(\), not of percentile\(\)"):
        other.load_state_dict(one.state_dict())


def test_groups_keep_their_own_rates_and_decays():
    first, second, third = (torch.nn.Parameter(torch.ones(2, dtype=torch.float64)) for _ in range(3))
    made = optimizer(
        [{"params": [first]}, {"params": [second], "lr": 0.01, "weight_decay": 0.0}],
        "sgd() | clip_rms(10) | weight_decay(0.5) | 0.1 * linear()",
        total_steps=10,
    )
    assert isinstance(made, StrategyEngine)
    for _ in range(2):
        for one in (first, second):
            one.grad = torch.ones_like(one)
        made.step()
    kept = (1 - 0.1 * 0.5) * 1 - 0.1
    assert first.tolist() == pytest.approx([kept - 0.09 * (1 + 0.5 * kept)] * 2)
    assert second.tolist() == pytest.approx([1 - 0.01 - 0.009] * 2)
    made.add_param_group({"params": [third], "weight_decay": 0.0})
    made.scheduler.write()
    third.grad = torch.ones_like(third)
    made.step()
    assert third.tolist() == pytest.approx([1 - 0.1 * 0.8] * 2)


def test_slopes_and_trial_steps_are_those_of_all_groups_together(monkeypatch):
    """With rates 0.1 and 0.2 the slope weighs the second group's part twice, and loss_at moves both."""
    from stepsize.controllers.armijo import armijo

    shown = []
    step = armijo.step
    monkeypatch.setattr(armijo, "step", lambda self, state, now: (shown.append(now), step(self, state, now))[1])
    first, second = (torch.nn.Parameter(torch.tensor([one], dtype=torch.float64)) for one in (3.0, 4.0))
    made = optimizer([{"params": [first]}, {"params": [second], "lr": 0.2}], "sgd() | 0.1 * armijo()")

    def loss():
        return (first**2 + second**2).sum() / 2

    found = loss()
    found.backward()
    tried = []
    made.step(loss=found, loss_of=lambda: tried.append((first.item(), second.item())) or loss())
    assert shown[0].slope == pytest.approx(9 + 2 * 16)
    far = made.scheduler.course.parts[0].factors[0] * 0.1
    assert (first.item(), second.item()) == pytest.approx((3 - far * 3, 4 - 2 * far * 4))
    assert tried[-1] == pytest.approx((first.item(), second.item()))


def test_parameters_without_a_gradient_stay_with_their_memory():
    """The second parameter takes part in every second update only; for the first nothing changes."""
    text = "spam(2, warm_up=1) | sgd(momentum=0.9) | clip_rms(10) | 0.1 * barzilai_borwein(high=1)"
    results = []
    for both in (False, True):
        first, second = (torch.nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64)) for _ in range(2))
        made = optimizer([first, second], text)
        for t in range(6):
            made.zero_grad()
            loss = (first**2).sum() + (0 * (second**2).sum() if both and t % 2 else 0)
            loss.backward()
            made.step(loss=loss)
        results.append(first.tolist())
        assert second.tolist() == [1.0, 2.0]
    assert results[0] == pytest.approx(results[1])


def test_a_left_out_update_moves_nothing():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "zclip() | adam() | clip_rms(1) | 0.1 * spike()", on_nonfinite="skip")
    weight.grad = torch.tensor([1.0, float("nan")])
    made.step(loss=1.0)
    assert (made.scheduler.last_epoch, weight.tolist()) == (0, [1.0, 1.0])
    weight.grad = torch.tensor([1.0, 1.0])
    made.step(loss=1.0)
    assert made.scheduler.last_epoch == 1
    assert weight.tolist() != [1.0, 1.0]
    assert all(math.isfinite(float(one)) for state in made.state_dict()["stages"]["states"] for one in state.values())


def test_a_nonfinite_gradient_is_an_error_that_names_the_parameter():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([("the.weight", weight)], "sgd() | clip_rms(1) | 0.1")
    weight.grad = torch.tensor([1.0, float("nan")])
    with pytest.raises(StepsizeError, match=r"1 of 2 elements of the gradient of the\.weight"):
        made.step()
    assert weight.tolist() == [1.0, 1.0]


def test_mixed_precision_leaves_an_update_out():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | clip_rms(0.5) | 0.1 * linear()", total_steps=10)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for gradient in (float("inf"), 100.0):
        made.zero_grad()
        scaler.scale((weight * gradient).sum()).backward()
        scaler.step(made)
        scaler.update()
    assert made.scheduler.last_epoch == 1
    assert weight.tolist() == pytest.approx([0.95] * 2)


def test_a_metric_is_seen_between_the_updates():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | clip_rms(9) | 0.1 * plateau(0.5, 0, watch='metric')")
    for metric in (1.0, 2.0):
        made.scheduler.see(metric=metric)
        weight.grad = torch.ones(2)
        made.step()
    assert made.param_groups[0]["lr"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        ("sgd() | 0.1 * polyak()", {}, r"needs the loss of update 0: write step\(loss=loss\), or step\(closure\)"),
        ("sgd() | 0.1 * armijo()", {"loss": 1.0}, r"needs the loss_at of update 0: write step\(loss=loss, loss_of="),
        ("sgd() | 0.1 * gradient_noise()", {"loss": 1.0}, "with the variance that backward_halves returns"),
    ],
)
def test_what_only_the_script_can_tell_is_asked_for_before_anything_moves(text, given, said):
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], text)
    weight.grad = torch.ones(2)
    with pytest.raises(StepsizeError, match=said) as caught:
        made.step(**given)
    assert "\n" not in str(caught.value)
    assert (weight.tolist(), made.scheduler.last_epoch) == ([1.0, 1.0], 0)


def test_a_loss_that_is_not_finite_is_an_error_or_held():
    weight = torch.nn.Parameter(torch.ones(2))
    for on_nonfinite in ("raise", "skip"):
        made = optimizer([weight], "sgd() | clip_rms(1) | 0.1 * spike()", on_nonfinite=on_nonfinite)
        weight.grad = torch.zeros(2)
        if on_nonfinite == "raise":
            with pytest.raises(StepsizeError, match="the loss of update 0 is nan"):
                made.step(loss=float("nan"))
        else:
            made.step(loss=float("nan"))
            assert made.scheduler.last_epoch == 1


def test_a_rule_of_ones_own_is_computed():
    from stepsize.descents import Rule

    class signs(Rule):
        __slots__ = ()

        def init(self, param):
            return {}

        def update(self, grad, state, param):
            return grad.sign(), state

    weight = torch.nn.Parameter(torch.tensor([1.0, -1.0]))
    made = optimizer([weight], signs() | 0.5)
    weight.grad = torch.tensor([7.0, -0.1])
    made.step()
    assert weight.tolist() == [0.5, -0.5]
    assert isinstance(made, Strategy)


def test_what_the_engine_cannot_do_is_said_in_one_line():
    weight = torch.nn.Parameter(torch.ones(2))
    with pytest.raises(StepsizeError, match=r"clip\(1\) stands between rule and rate, so torch's kernels cannot"):
        optimizer([weight], "adam() | clip(1) | 0.1", fused=True)
    with pytest.raises(StepsizeError, match=r"a group has a weight_decay and .* has none: write one"):
        optimizer([{"params": [weight], "weight_decay": 0.1}], "adam() | clip(1) | 0.1")
    table = torch.nn.Embedding(4, 2, sparse=True)
    made = optimizer(table.parameters(), "adam() | clip(1) | 0.1")
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(StepsizeError, match="is sparse, which this strategy cannot compute with"):
        made.step()
    with pytest.raises(StepsizeError, match="has the schedule"):
        Scheduler(made, "constant()")


def test_the_step_of_a_checkpoint_that_lays_out_the_state_is_not_counted():
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

    module = torch.nn.Linear(2, 1)
    made = optimizer(module.parameters(), "adam() | clip_rms(1) | 0.1 * linear()", total_steps=10)
    get_optimizer_state_dict(module, made)
    assert (made.scheduler.last_epoch, made.param_groups[0]["lr"]) == (0, 0.1)


def test_single_precision_keeps_its_type():
    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    made = optimizer([weight], "zclip() | adam() | clip_rms(1) | 0.1 * distance()")
    for _ in range(3):
        weight.grad = torch.ones_like(weight)
        made.step()
    assert weight.dtype == torch.bfloat16
    assert {one.dtype for one in made.state[weight].values() if torch.is_tensor(one)} == {torch.bfloat16}


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_backward_halves_is_the_gradient_of_the_whole_batch(share):
    rows, cut = torch.arange(8), int(8 * share)
    theta = torch.ones(5, dtype=torch.float64, requires_grad=True)
    loss, variance = backward_halves(squares(theta, rows[:cut]), squares(theta, rows[cut:]), [theta], share=share)
    halves = theta.grad
    theta.grad = None
    whole = squares(theta, rows)
    whole.backward()
    assert torch.allclose(halves, theta.grad)
    assert loss.item() == pytest.approx(whole.item())
    parts = [torch.autograd.grad(squares(theta, part), theta)[0] for part in (rows[:cut], rows[cut:])]
    assert variance.item() == pytest.approx(share * (1 - share) * ((parts[0] - parts[1]) ** 2).sum().item())


@pytest.mark.parametrize(
    ("first", "params", "said"),
    [
        (torch.ones(3), [torch.nn.Parameter(torch.ones(3))], "a tensor of one element"),
        (torch.ones(()), [torch.nn.Parameter(torch.ones(3))], "with a graph"),
        (torch.ones(()), [], "at least 1 tensor"),
    ],
)
def test_halves_that_are_none_are_refused(first, params, said):
    with pytest.raises(StepsizeError, match=said):
        backward_halves(first, first, params)


@pytest.mark.parametrize("text", ["sgd() | {} * 0.1", "sgd() | clip_rms(10) | {} * 0.1"])
def test_a_later_group_is_scheduled_at_once_and_takes_part(text):
    first, second = (torch.nn.Parameter(torch.ones(2, dtype=torch.float64)) for _ in range(2))
    made = optimizer([first], text.format("linear()"), total_steps=10)
    for one in (first, second):
        one.grad = torch.ones_like(one)
    made.step()
    made.add_param_group({"params": [second]})
    made.step()
    assert second.tolist() == pytest.approx([1 - 0.09] * 2)


def test_a_later_group_leaves_the_memory_of_clips():
    first, second = (torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(2))
    made = optimizer([first], "percentile(50, history=3) | sgd() | clip_rms(1e9) | 1.0")
    for size in (1.0, 1.0, 1.0):
        first.grad = torch.tensor([size], dtype=torch.float64)
        made.step()
    made.add_param_group({"params": [second]})
    first.grad, second.grad = (torch.tensor([one], dtype=torch.float64) for one in (30.0, 40.0))
    made.step()
    assert second.item() == pytest.approx(-0.8)  # the median norm is still 1


def exploding(way, **options):
    weight = torch.nn.Parameter(torch.tensor([1.5, 0.5], dtype=torch.float64))
    made = optimizer([weight], "sgd() | 10 * armijo(shrink=0.1)", **options)

    def closure():
        made.zero_grad()
        loss = (weight**2).sum().exp()
        loss.backward()
        return loss

    if way == "closure":
        made.step(closure)
    else:
        made.step(loss=closure(), loss_of=lambda: (weight**2).sum().exp())
    return weight


@pytest.mark.parametrize("on_nonfinite", ["raise", "skip"])
def test_a_trial_that_overflows_is_a_trial_that_failed(on_nonfinite):
    """The gradients of a trial are nobody's; only those of the update are judged."""
    weights = [exploding(way, on_nonfinite=on_nonfinite) for way in ("loss_of", "closure")]
    assert torch.equal(*weights)
    assert 0 < (weights[0] ** 2).sum() < 2.5


def test_a_closure_leaves_the_gradient_of_the_update():
    weight = torch.nn.Parameter(torch.tensor([3.0], dtype=torch.float64))
    made = optimizer([weight], "sgd() | 0.1 * armijo()")

    def closure():
        made.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    made.step(closure)
    assert weight.grad.tolist() == [6.0]
    assert weight.item() != 3


def test_what_raises_in_a_trial_leaves_everything_as_it_was():
    weight = torch.nn.Parameter(torch.tensor([3.0, 1.0]))
    made = optimizer([weight], "zclip() | sgd(momentum=0.9) | 1.0 * plateau(0.5, 0) * armijo()")
    weight.grad = 2 * weight.detach()
    before = copy.deepcopy(made.state_dict()["schedule"])
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            made.step(loss=10.0, loss_of=lambda: 1 / 0)
    assert (weight.tolist(), weight.grad.tolist()) == ([3.0, 1.0], [6.0, 2.0])
    after = made.state_dict()["schedule"]
    assert (after["control"], after["last_epoch"]) == (before["control"], before["last_epoch"])
    assert not any(made.state[weight].get("momentum", torch.zeros(1)).tolist())


@pytest.mark.parametrize("answer", [None, torch.ones(3)])
def test_a_trial_that_is_no_number_is_said(answer):
    weight = torch.nn.Parameter(torch.tensor([3.0, 1.0]))
    made = optimizer([weight], "sgd() | 1.0 * armijo()")
    weight.grad = 2 * weight.detach()
    with pytest.raises(StepsizeError, match="loss_of must be a number or a tensor of one element"):
        made.step(loss=10.0, loss_of=lambda: answer)
    assert weight.tolist() == [3.0, 1.0]


def test_trials_inside_an_autocast_see_the_weights_that_they_try():
    layer, row, tried = torch.nn.Linear(4, 1, bias=False), torch.ones(2, 4), []
    made = optimizer(layer.parameters(), "sgd() | 1.0 * armijo()")

    def loss_of():
        tried.append(((layer(row).float() - 3) ** 2).mean())
        return tried[-1]

    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of()
        loss.backward()
        made.step(loss=loss, loss_of=loss_of)
        after = loss_of()
    assert len({one.item() for one in tried[1:-1]}) == len(tried) - 2 > 1
    assert after.item() == pytest.approx(tried[-2].item())


def test_a_clip_after_the_rate_that_looks_at_the_rule_sees_the_same_in_trials_and_in_the_update():
    strategy = "adam(beta2=0.9) | 0.05 * armijo() | stable(beta2=0.9)"
    theta, made = trained(strategy)
    run = descend(problems.least_squares(X, Y), strategy, steps=STEPS, batch_size=BATCH)
    np.testing.assert_allclose(theta.detach().numpy(), run.params, rtol=1e-7)
    assert made.scheduler.last_epoch == STEPS


def test_a_base_rate_of_zero_moves_nothing():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([{"params": [weight], "lr": 0.0}], "sgd() | clip_rms(1) | 0.0 * polyak()")
    weight.grad = torch.ones(2)
    made.step(loss=1.0)
    assert (weight.tolist(), made.scheduler.last_epoch) == ([1.0, 1.0], 1)


def test_how_far_the_run_is_can_be_seen(monkeypatch):
    from stepsize.controllers.infrared import infrared

    monkeypatch.setattr(infrared, "needs", ("loss", "progress", "slope"))
    shown = []
    step = infrared.step
    monkeypatch.setattr(
        infrared, "step", lambda self, state, now: (shown.append(now.progress), step(self, state, now))[1]
    )
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | 0.1 * infrared()", total_steps=4)
    for _ in range(4):
        weight.grad = torch.ones(2)
        made.step(loss=1.0)
    assert shown == [0, 0.25, 0.5, 0.75]


def test_a_slope_that_is_not_finite_is_no_error_of_the_script():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | clip_rms(1) | 1.0 * polyak(high=1)")
    weight.grad = torch.full((2,), 3e38)  # finite, but not its square
    made.step(loss=1.0)
    assert torch.isfinite(weight).all()


def test_parameters_on_two_devices_are_refused():
    here, there = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2, device="meta"))
    made = optimizer([here, there], "sgd() | clip_rms(1) | 0.1", on_nonfinite="ignore")
    here.grad, there.grad = torch.ones(2), torch.ones(2, device="meta")
    with pytest.raises(StepsizeError, match="parameters lie on cpu and meta"):
        made.step()


def test_a_closure_without_a_loss_is_said():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | 0.1 * polyak()")
    weight.grad = torch.ones(2)
    with pytest.raises(StepsizeError, match="needs the loss of update 0"):
        made.step(lambda: None)
    assert weight.tolist() == [1.0, 1.0]


def test_empty_and_scalar_parameters_are_taken():
    empty, scalar = torch.nn.Parameter(torch.zeros(0)), torch.nn.Parameter(torch.tensor(2.0))
    made = optimizer([empty, scalar], "adagc() | sgd() | unitwise() | 0.5")
    empty.grad, scalar.grad = torch.zeros(0), torch.tensor(1.0)
    made.step()
    assert scalar.item() < 2


def test_frozen_parameters_have_no_state():
    frozen, weight = (torch.nn.Parameter(torch.ones(2), requires_grad=one) for one in (False, True))
    made = optimizer([frozen, weight], "spam() | adam() | clip_rms(1) | 0.1 * distance()")
    weight.grad = torch.ones(2)
    made.step()
    assert list(made.state) == [weight]
    assert list(made.state_dict()["stages"]["states"][0]["roots"]) == ["1"]


def test_an_update_without_any_gradient_is_counted_as_torchs_is():
    weight = torch.nn.Parameter(torch.ones(2))
    for text in ("sgd() | 0.1 * infrared()", "sgd() | 0.1 * polyak()"):
        made = optimizer([weight], text)
        made.step(loss=1.0)
        assert made.scheduler.last_epoch == 1


def test_what_a_group_asks_for_and_cannot_have_is_refused_whole():
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    with pytest.raises(StepsizeError, match="a group has 'betas' of its own"):
        optimizer([{"params": [first], "betas": (0.5, 0.9)}], "adam() | clip(1) | 0.1")
    made = optimizer([first], "adam() | clip(1) | 0.1")
    with pytest.raises(StepsizeError, match="write one weight_decay into the strategy"):
        made.add_param_group({"params": [second], "weight_decay": 0.1})
    assert len(made.param_groups) == 1
    half = optimizer([torch.nn.Parameter(torch.ones(2, dtype=torch.float16))], "adam() | clip(1) | 0.1")
    half.param_groups[0]["params"][0].grad = torch.ones(2, dtype=torch.float16)
    with pytest.raises(StepsizeError, match="is in float16, whose squares overflow"):
        half.step()


def test_the_decay_of_a_group_can_be_scheduled():
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    made = optimizer([{"params": [weight], "weight_decay": 0.5}], "sgd() | clip_rms(9) | weight_decay(0.1) | 0.1")
    Scheduler(made, {"weight_decay": "constant(0)"})
    weight.grad = torch.zeros_like(weight)
    made.step()
    assert weight.item() == 1


SAVED = ["zclip() | sgd() | 0.1", "zclip() | sgd() | clip_rms(1) | 0.1"]


@pytest.mark.parametrize("text", SAVED)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("zclip", "percentile"), "the state is that of"),
        (lambda text: text.replace("zclip() | ", ""), "the state is that of"),
        (lambda text: text, "the state is that of 1 parameter, not of 2 parameters"),
    ],
)
def test_a_refused_load_loads_nothing(text, change, said):
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(3)]
    made = optimizer(weights[:1], text)
    weights[0].grad = torch.ones(2)
    made.step()
    other = optimizer(weights[1:] if "parameter" in said else weights[1:2], change(text))
    with pytest.raises(StepsizeError, match=said):
        other.load_state_dict(made.state_dict())
    assert (other.scheduler.last_epoch, len(other.state)) == (0, 0)


@pytest.mark.parametrize("text", [*SAVED, "sgd() | 0.1 | spam()"])
def test_going_back_to_the_beginning_forgets_what_clips_saw(text):
    ends = []
    weight = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    made = optimizer([weight], text.replace("zclip()", "percentile(50, history=3)"))
    begin = copy.deepcopy(made.state_dict())
    for _ in range(2):
        made.load_state_dict(begin)
        weight.data.zero_()
        for size in (1.0, 2.0, 9.0, 2.0):
            weight.grad = torch.full_like(weight, size)
            made.step()
        ends.append(weight.tolist())
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    "text", ["sgd() | 0.1 * polyak()", "sgd() | 0.1 * infrared()", "adam() | 0.1 * linear(0, 1, 9)"]
)
def test_a_checkpoint_of_a_fresh_optimizer_asks_no_controller_and_counts_nothing(text):
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

    module = torch.nn.Linear(2, 1)
    made = optimizer(module.parameters(), text)
    get_optimizer_state_dict(module, made)
    assert made.scheduler.last_epoch == 0
    for one in module.parameters():
        one.grad = torch.ones_like(one)
    made.step(loss=1.0)
    assert made.scheduler.last_epoch == 1


def test_another_expression_that_is_kept_is_shown_what_it_needs():
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    saved = optimizer([weight], "sgd() | clip_rms(9) | 0.1 * polyak()").state_dict()
    made = optimizer([weight], "sgd() | clip_rms(9) | 0.1 * constant()", on_change="keep")
    made.load_state_dict(saved)
    made.step(loss=1.0)
    assert made.param_groups[0]["lr"] == pytest.approx(0.05)  # half of the loss over the slope 2: 0.1 * 0.5
    native = optimizer([weight], "sgd() | 0.1 * constant()", on_change="keep")
    with pytest.raises(StepsizeError, match="never sees"):
        native.scheduler.load_state_dict(saved["schedule"])


def test_a_replaced_expression_is_written_at_once():
    weight = torch.nn.Parameter(torch.ones(2))
    saved = optimizer([weight], "sgd() | clip_rms(9) | 0.1 * constant()").state_dict()
    made = optimizer([weight], "sgd() | clip_rms(9) | 0.1 * constant(0.5)", on_change="replace")
    made.load_state_dict(saved)
    assert made.param_groups[0]["lr"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    "text", ["sgd() | weight_decay(0.5) | 0.1 * infrared()", "sgd() | clip_rms(9) | 0.1 * infrared()"]
)
def test_the_loss_comes_with_the_step_and_with_nothing_else(text):
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], text)
    weight.grad = torch.ones(2)
    with pytest.raises(StepsizeError, match=r"write step\(loss=loss\)"):
        made.scheduler.see(loss=1.0)
    with pytest.raises((StepsizeError, TypeError), match="los"):
        made.step(los=1.0)
    assert (weight.tolist(), made.scheduler.last_epoch) == ([1.0, 1.0], 0)
    made.step(loss=1.0, grad_variance=0.1, loss_of=lambda: 1.0)
    assert made.scheduler.last_epoch == 1


def test_the_graph_of_the_loss_is_let_go():
    import weakref

    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | 0.1 * infrared()")
    loss = (weight**2).sum()
    loss.backward()
    made.step(loss=loss)
    alive = weakref.ref(loss)
    del loss
    assert alive() is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("text", ["sgd() | 1.0", "sgd(momentum=0.9) | 1.0", "adam() | 1.0"])
def test_half_precision_moves_on_a_processor(text, dtype):
    """torch 2.13's fused SGD leaves whole blocks of half-precision elements where they are."""
    weight = torch.nn.Parameter(torch.ones(1000, dtype=dtype))
    made = optimizer([weight], text)
    weight.grad = torch.full_like(weight, 0.5)
    made.step()
    assert (weight != 1).all()
    if "sgd" in text:
        with pytest.raises(StepsizeError, match="no fused SGD that moves half-precision"):
            optimizer([weight], text, fused=True)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda one: optimizer([one], "sgd() | 0.1", on_nonfinite="bogus"), "optimizer: on_nonfinite must be one of"),
        (lambda one: optimizer(one, "sgd() | 0.1"), r"write \[tensor\]"),
    ],
)
def test_wrong_arguments_are_said_in_one_line(call, said):
    with pytest.raises(StepsizeError, match=said):
        call(torch.nn.Parameter(torch.ones(2)))


def test_it_says_what_it_is():
    made = optimizer([torch.nn.Parameter(torch.ones(2))], "adam() | clip(1) | 0.1")
    assert repr(made).startswith("StrategyEngine of adam() | clip(1) | 0.1, 0 updates done\n")


@pytest.mark.parametrize("text", ["clip_norm(1) | adam() | 0.1", "adam() | stable() | 0.1"])
def test_an_error_speaks_of_the_call_that_was_written(text):
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], text)
    weight.grad = torch.tensor([math.nan, 1.0])
    with pytest.raises(StepsizeError, match=r"^optimizer: 1 of 2 elements .*on_nonfinite='skip'"):
        made.step()


def test_the_state_of_torchs_own_optimizer_is_refused():
    weight = torch.nn.Parameter(torch.ones(2))
    own = torch.optim.Adam([weight], lr=0.1)
    weight.grad = torch.ones(2)
    own.step()
    made = optimizer([weight], "adam() | stable() | 0.1")
    with pytest.raises(StepsizeError, match="the state is that of another optimizer, not of adam"):
        made.load_state_dict(own.state_dict())
    made.step()


def test_complex_parameters_are_refused_in_the_name_of_what_was_written():
    with pytest.raises(StepsizeError, match=r"^optimizer: .*is complex"):
        optimizer([torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))], "adam() | 0.1")
