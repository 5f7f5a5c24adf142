"""Strategies in torch keep the contract of torch's default kernels, and one measurement a step serves all who ask."""

import copy
import json
import math

import pytest
import torch

from stepsize import StepsizeError, parse
from stepsize.adapters.torch import Recorder, clip_gradients, clip_update, optimizer
from stepsize.adapters.torch.clips import measured, norms
from stepsize.adapters.torch.clips.numbers import factor_for
from stepsize.adapters.torch.recorder import layers
from stepsize.adapters.torch.strategy import inert

LINES = [
    "sgd() | 0.1",
    "sgd(momentum=0.9) | 0.1",
    "sgd(momentum=0.9, dampening=0.5) | 0.1 | clip(0.05)",
    "sgd(momentum=0.9, nesterov=True) | weight_decay(0.1) | 0.1 | clip(0.05)",
    "weight_decay(0.1) | sgd(momentum=0.5) | 0.1 | clip(0.03) | clip(0.04)",
    "adam() | 0.1",
    "adam() | 0.05 | clip(0.01)",
    "adamw(weight_decay=0.5) | 0.05 | clip(0.01)",
    "adam() | 0.05 | clip_norm(0.1) | clip(0.02)",
    "rmsprop() | weight_decay(0.1) | 0.05 | clip(0.01)",
    "adagrad() | 0.1 | clip_rms(0.05)",
    "adagrad() | 0.1 | adagc(warm_up=2, max=0.1)",
    "sgd() | 0.1 | zclip(warm_up=2) | spam(2, warm_up=1)",
    "adam() | stable() | weight_decay(0.1) | 0.05",
    "adam() | clip_rms(0.5) | trust() | 0.05",
    "unitwise(0.1) | adam() | clip(0.3) | 0.05 | clip_norm(0.02)",
    "sgd() | clip_rms(0.5) | 0.05 * polyak()",
    "zclip(warm_up=2) | adam() | trust() | 0.1 * polyak()",
]
STAGED = ("stable", "trust", "unitwise", "polyak")  # of which torch's kernels compute a part at most
SHAPES = [(3, 4), (7,), (), (2, 3, 2)]


def made_of(text, dtype=torch.float64, shapes=SHAPES, groups=False, **options):
    random = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(one, generator=random, dtype=torch.float64).to(dtype)) for one in shapes]
    given = [{"params": params[:2]}, {"params": params[2:], "lr": 0.02}] if groups else params
    return params, optimizer(given, text, **options)


def give(params, seed, missing=()):
    random = torch.Generator().manual_seed(100 + seed)
    for i, one in enumerate(params):
        grad = 3 * torch.randn(one.shape, generator=random, dtype=torch.float64)
        one.grad = None if i in missing else grad.to(one.dtype)


def walked(text, late=(), **how):
    """Five steps, in the first two of which the `late` parameters have no gradient."""
    params, made = made_of(text, **how)
    for seed in range(5):
        give(params, seed, late if seed < 2 else ())
        made.step(loss=1.0)
    return params


def general(monkeypatch):
    """The slow way for everything: no tiles, no numbers, no bound that leaves a clip out."""
    from stepsize.adapters.torch.clips import hung
    from stepsize.adapters.torch.strategy import bounding, fused, staged

    monkeypatch.setattr(hung, "reaches", lambda *given: False)
    monkeypatch.setattr(bounding.Bounding, "reaches", lambda *given: False)
    monkeypatch.setattr(fused, "farthest", lambda *given: math.inf)
    monkeypatch.setattr(staged, "fits", lambda *given: False)


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("how", [{}, {"late": (1, 3)}, {"groups": True}, {"dtype": torch.float32}], ids=str)
@pytest.mark.parametrize("small", [False, True])
def test_the_quick_ways_give_the_numbers_of_the_general_one(text, how, small, monkeypatch):
    if small:  # tiles of five elements
        monkeypatch.setattr(norms, "_SMALL", 5)
        monkeypatch.setattr(norms, "_FEW", 2)
        monkeypatch.setattr(norms, "_ROW", 3)
    quick = walked(text, **how)
    general(monkeypatch)
    tight = {"rtol": 1e-9, "atol": 1e-12} if how.get("dtype") is None else {"rtol": 3e-6, "atol": 1e-6}
    for one, other in zip(quick, walked(text, **how), strict=True):
        torch.testing.assert_close(one, other, **tight)


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("how", [{"foreach": True}, {"fused": False, "foreach": False}], ids=str)
def test_a_late_gradient_moves_as_under_torchs_default(text, how):
    if any(word in text for word in STAGED):
        how = {}  # none of torch's kernels can be chosen
    for one, other in zip(walked(text, (0, 2)), walked(text, (0, 2), **how), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("text", LINES)
def test_a_gradient_that_lies_otherwise_in_memory_is_the_same_gradient(text):
    """torch's own fused kernels pair elements by their place in memory, and are wrong here without a word."""
    moved = []
    for turned in (True, False):
        torch.manual_seed(0)
        start = torch.randn(4, 3, dtype=torch.float64).t()
        weight = torch.nn.Parameter(start if turned else start.contiguous())
        made = optimizer([weight], text)
        for _ in range(2):
            weight.grad = torch.randn(3, 4, dtype=torch.float64)
            made.step(loss=1.0) if made.scheduler.needs else made.step()
        moved.append(weight.detach())
    torch.testing.assert_close(*moved, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("text", LINES)
def test_a_graph_from_before_the_step_is_out_of_date(text):
    weight = torch.nn.Parameter(torch.ones(3))
    made = optimizer([weight], text)
    old = (weight**2).sum()
    weight.grad = torch.ones(3)
    made.step(loss=1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        old.backward()


@pytest.mark.parametrize("text", [*LINES, "zclip() | adam() | 0.1", "spam() | sgd() | 0.1", "adagc() | adam() | 0.1"])
def test_no_gradient_at_all_is_an_update_of_nothing(text):
    params, made = made_of(text)
    made.step(loss=1.0)
    assert made.scheduler.last_epoch == 1
    params[0].requires_grad_(False)
    give(params, 1, missing=(0,))
    before = params[0].detach().clone()
    made.step(loss=1.0)
    assert torch.equal(params[0], before)
    assert not torch.equal(params[1], made_of(text)[0][1])


@pytest.mark.parametrize("clips", ["zclip()", "percentile()", "adagc()", "spam()", "unitwise()", "clip_rms()"])
@pytest.mark.parametrize("attach", [clip_gradients, clip_update])
def test_hung_clips_take_an_empty_step(attach, clips):
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    sgd = torch.optim.SGD([frozen], lr=0.1)
    attach(sgd, clips)
    sgd.step()
    assert frozen.tolist() == [1, 1]


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_goes_the_careful_way(text, dtype):
    if dtype == torch.float16 and any(word in text for word in STAGED):
        with pytest.raises(StepsizeError, match="is in float16, whose squares overflow"):
            walked(text, dtype=dtype)
        return
    exact = walked(text)
    for one, other in zip(walked(text, dtype=dtype), exact, strict=True):
        assert one.dtype == dtype
        torch.testing.assert_close(one.double(), other, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("text", ["clip_norm(1) | adam() | 0.1 | clip(0.05)", "clip_norm(1) | adam() | stable() | 0.1"])
def test_a_hook_of_the_script_sees_the_gradients_as_they_came(text):
    """Whenever it was hung, and what it makes of them is checked and clipped; after the step it sees the next rate."""
    params, made = made_of(text)
    seen = []
    handle = made.register_step_pre_hook(lambda *given: seen.append(params[0].grad.norm().item()))

    def ruin(*given):
        if len(seen) == 2:
            params[0].grad.fill_(math.nan)

    made.register_step_pre_hook(ruin)
    made.register_step_post_hook(lambda *given: seen.append(made.scheduler.last_epoch))
    give(params, 0)
    came = params[0].grad.norm().item()
    made.step()
    assert seen == [came, 1]
    handle.remove()
    with pytest.raises(StepsizeError, match="are NaN or infinite"):
        made.step()


# One measurement.


def test_one_step_measures_the_gradient_once(monkeypatch, tmp_path):
    from stepsize.controllers.infrared import infrared

    passes, reads = [], []
    monkeypatch.setattr(infrared, "needs", ("loss", "grad_norm"))
    whole, lengths = norms._length_here, norms.lengths
    monkeypatch.setattr(norms, "_length_here", lambda *given: passes.append("whole") or whole(*given))
    for module in (norms, layers):
        monkeypatch.setattr(module, "lengths", lambda *given: passes.append("each") or lengths(*given))
    shown = infrared.step
    monkeypatch.setattr(
        infrared, "step", lambda self, state, now: reads.append(now.grad_norm) or shown(self, state, now)
    )
    for text in ("clip_norm(1) | sgd() | 0.1 * infrared()", "sgd() | 0.1 * infrared() | clip(0.1)"):
        params, made = made_of(text)
        with Recorder(made, tmp_path / f"{len(reads)}.jsonl") as recorder:
            for seed in range(2):
                give(params, seed)
                length = math.sqrt(sum(float((one.grad**2).sum()) for one in params))
                passes.clear()
                made.step(loss=1.0)
                recorder.step(1.0)
                # by the Recorder, and the clip takes it from there; the first row has the update and the weights too
                assert passes == ["each"] * (3 if seed == 0 else 1)
                assert reads[-1] == pytest.approx(length)


def test_what_was_written_into_a_gradient_is_measured_again():
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, 4.0])
    known = measured.measured(torch.optim.SGD([weight]))
    assert known.number([weight.grad]) == 5
    weight.grad.mul_(2)
    assert known.known([weight.grad]) is None
    assert known.number([weight.grad]) == 10
    other = weight.grad.clone() / 2
    assert known.number([other]) == 5


def test_layers_and_the_whole_are_one_pass(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2), torch.nn.Linear(2, 1))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(sgd, tmp_path / "run.jsonl", model) as recorder:
        model(torch.ones(4, 3) * torch.arange(4.0)[:, None]).square().sum().backward()
        sgd.step()
        recorder.step(1.0)
    whole = math.sqrt(sum(float((one.grad**2).sum()) for one in model.parameters()))
    row = json.loads((tmp_path / "run.jsonl").read_text().splitlines()[1])
    assert row["grad_norm"] == pytest.approx(whole)
    assert sorted(name for name in row if name.startswith("grad_norm")) == ["grad_norm", "grad_norm/0", "grad_norm/2"]


# Numbers and bounds.


@pytest.mark.parametrize(
    "text", ["clip_norm(1)", "zclip()", "zclip(1, max=None, warm_up=3)", "percentile(30, history=7)"]
)
def test_a_length_as_a_number_does_what_the_array_does(text):
    clip, one, other = parse(text), None, None
    one = other = clip.init({})
    for length in [1.0, 2.0, 0.5, 1.5, 30.0, 0.0, math.nan, math.inf, 1e300, 1e-300, 2.0, 3.0, 1.0] * 3:
        array = {"": torch.tensor([length], dtype=torch.float64)}
        limited, share, one = clip.step(array, {}, one, {"grads": array, "rules": {}})
        factor, limits, other = factor_for(clip, length, other)
        assert limits == bool(share)
        torch.testing.assert_close(limited[""].item(), factor * length, rtol=1e-15, atol=0, equal_nan=True)
        for name, kept in one.items():
            assert [float(each) for each in (kept if isinstance(kept, tuple) else (kept,))] == list(
                other[name] if isinstance(other[name], tuple) else (other[name],)
            )


@pytest.mark.parametrize(
    ("beta1", "beta2"), [(0.9, 0.999), (0.9, 0.95), (0.5, 0.9), (0.0, 0.9), (0.8, 0.65), (0.0, 0.0)]
)
def test_no_gradients_lead_adam_further_than_its_reach(beta1, beta2):
    """The worst are those that Cauchy and Schwarz name: each β1/β2 of the one after it."""
    most, steps = inert.reach(beta1, beta2), 400
    for grow in (beta2 / beta1 if beta1 else 10.0, 1.0, 2.0, 1e3):
        weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        made = torch.optim.Adam([weight], lr=1.0, betas=(beta1, beta2), eps=0.0, fused=True)
        for t in range(steps):
            weight.grad = torch.full((1,), grow ** max(t - steps + 300, 0), dtype=torch.float64)
            if not weight.grad.isfinite() or weight.grad > 1e150:
                break
            old = weight.item()
            made.step()
            assert abs(weight.item() - old) <= most
    assert most == pytest.approx({(0.9, 0.999): 7.27 * 1.005, (0.9, 0.95): 1.171}.get((beta1, beta2), most), rel=2e-3)


def test_where_adam_has_no_reach():
    assert inert.reach(0.9, 0.8) == math.inf


class Snapshots:
    """Counts steps made around a clip that may act."""

    def __init__(self, monkeypatch):
        from stepsize.adapters.torch.strategy.bounding import Bounding

        self.count, move = 0, Bounding.move

        def counted(*given):
            self.count += 1
            move(*given)

        monkeypatch.setattr(Bounding, "move", counted)


@pytest.mark.parametrize(
    ("text", "acts"),
    [
        ("adam() | 1e-3 | clip(0.01)", 0),
        ("adam() | 1e-3 | clip(0.007)", 3),
        ("adam(beta1=0.9, beta2=0.8) | 1e-3 | clip(0.01)", 3),
        ("adamw(weight_decay=0.1) | 1e-3 | clip(0.01)", 0),
        ("adamw(weight_decay=10) | 1e-3 | clip(0.01)", 3),
        ("adam() | 1e-3 | clip_norm(1) | clip(0.01)", 0),
        ("adam() | 1e-3 | clip_norm(0.001) | clip(0.01)", 3),
        ("sgd() | 1e-3 | clip(1)", 0),
        ("sgd(momentum=0.9) | 1e-3 | clip(1)", 3),
        ("rmsprop() | 1e-3 | clip(1)", 0),
    ],
)
def test_a_clip_that_cannot_act_is_left_out(text, acts, monkeypatch):
    found = Snapshots(monkeypatch)
    params, made = made_of(text)
    for seed in range(3):
        give(params, seed)
        made.step()
    assert found.count == acts


def test_a_rate_of_a_groups_own_and_changed_betas_are_seen(monkeypatch):
    found = Snapshots(monkeypatch)
    params, made = made_of("adam() | 1e-3 | clip(0.01)", groups=True)
    give(params, 0)
    made.step()
    assert found.count == 1  # the second group's rate is 0.02
    params, made = made_of("adam() | 1e-3 | clip(0.01)")
    for betas in ((0.9, 0.999), (0.9, 0.9), (0.9, 0.999)):
        made.param_groups[0]["betas"] = betas
        give(params, 0)
        made.step()
    assert found.count == 3  # what the second step remembers, the third has too
    weight = torch.nn.Parameter(torch.zeros(2))
    made = optimizer([{"params": [weight], "lr": torch.tensor(5.0)}], "adam() | 1e-3 | clip(0.01)")
    weight.grad = torch.tensor([1.0, -1.0])
    made.step()
    assert weight.tolist() == pytest.approx([-0.01, 0.01])


def test_a_decay_is_measured_where_it_is_now():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "adamw(weight_decay=0.1) | 1e-3 | clip(0.01)")
    weight.grad = torch.ones(2)
    made.step()
    weight.data.fill_(1e6)
    made.step()
    assert weight.tolist() == pytest.approx([1e6 - 0.01] * 2, abs=0.1)


# Memory that was saved.


def broken(state):
    """Every way to damage one place of a saved state."""
    if isinstance(state, dict):
        for key, one in state.items():
            yield {name: kept for name, kept in state.items() if name != key}
            for odd in (None, "x", [], torch.ones(3, 5), -1):
                yield {**state, key: odd}
            for worse in broken(one):
                yield {**state, key: worse}
    elif isinstance(state, list):
        yield state[:-1]
        for i, one in enumerate(state):
            for worse in broken(one):
                yield [*state[:i], worse, *state[i + 1 :]]


@pytest.mark.parametrize(
    "text", ["zclip() | adam() | 0.1", "sgd() | 0.1 | adagc()", "spam() | adam() | clip_rms() | 0.1"]
)
def test_a_damaged_state_is_refused_whole_or_works(text):
    params, made = made_of(text)
    give(params, 0)
    made.step()
    saved = made.state_dict()
    saved = {key: one for key, one in saved.items() if key != "schedule"}
    refused = []
    for damaged in broken(saved):
        params, other = made_of(text)
        before = copy.deepcopy(other.state_dict())
        try:
            other.load_state_dict(damaged)
        except StepsizeError as error:
            refused.append(str(error))
            assert str(other.state_dict()) == str(before)
        give(params, 1)
        try:
            other.step()
        except Exception:
            print("DAMAGED", damaged)
            raise
    assert len(refused) > 20
    assert not any("\n" in one for one in refused)


# What is handed over.


@pytest.mark.parametrize("text", ["sgd() | 0.1", "adam() | stable() | 0.1"])
@pytest.mark.parametrize(
    ("params", "said"),
    [
        (lambda one: [{"param": [one]}], 'a group has no "params"'),
        (lambda one: [{}], 'a group has no "params"'),
        (lambda one: {one}, "must be in order, which a set is not"),
        (lambda one: [{"params": {one}}], "must be in order, which a set is not"),
        (lambda one: [{"params": 3}], "the params of a group must be parameters, not 3"),
        (lambda one: [{"params": [one, "w"]}], "the params of a group must be parameters"),
        (lambda one: [{"params": [("w", one), one]}], "must all have names or none"),
        (lambda one: [("w", 3)], "params must be parameters"),
        (lambda one: [("w",)], "params must be parameters"),
        (lambda one: [one, {"params": [one]}], "must be all groups or none"),
        (lambda one: {"params": [one]}, r"write \[group\]"),
        (lambda one: [one * 2], "was computed"),
    ],
)
def test_what_holds_no_parameters_is_said_in_one_line(params, said, text):
    with pytest.raises(StepsizeError, match=said) as caught:
        optimizer(params(torch.nn.Parameter(torch.ones(2))), text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["sgd() | 0.1", "adam() | stable() | 0.1"])
def test_a_group_that_is_added_is_read_alike(text):
    made = optimizer([torch.nn.Parameter(torch.ones(2))], text)
    with pytest.raises(StepsizeError, match='a group has no "params"'):
        made.add_param_group({"param": [torch.nn.Parameter(torch.ones(2))]})
    assert len(made.param_groups) == 1
