"""A strategy with `compile=True`: the numbers, the state and the answers of the ordinary one.

Most run the kernel's text as torch has traced it, without its compiler (`traced`); a few small ones are compiled. The
compiled numbers differ by rounding: in float32 within 2e-6 of an element after six updates, as sums have another order.
"""

import copy
import gc
import json
import os
import pickle
import shutil
import weakref

import pytest
import torch
import torch._dynamo

from looped import CLIPPED, CONTROLLED
from stepsize import StepsizeError, parse
from stepsize.adapters.torch import Recorder, optimizer
from stepsize.descents import Rule

SHAPES = [(5, 3), (7,), (2, 3, 4), (0,), (1,), (1,)]
POINTWISE = [
    "sgd() | 1e-2 * cosine() | clip(1e-3)",
    "clip_norm(1) | sgd(momentum=0.9, nesterov=True) | 1e-2 | clip(3e-3)",
    "weight_decay(0.1) | sgd(momentum=0.9, dampening=0.5) | 1e-2 | clip(3e-3)",
    "adam() | 1e-2 * cosine() | clip(8e-3)",
    "adamw(weight_decay=0.1) | 1e-2 | clip(8e-3)",
    "sgd() | weight_decay(0.1) | 1e-2 | clip(3e-3)",
    "adagrad(initial=0.1) | 1e-2 | clip(8e-3)",
    "rmsprop(momentum=0.9, centered=True) | 1e-2 | clip(8e-3)",
    "adam() | clip(1) | weight_decay(0.1) | 1e-2",
    "rmsprop(eps_in_root=True, initial=1) | 1e-2",
]
WHOLE = [
    "sgd(momentum=0.9) | weight_decay(0.1) | 1e-2 | unitwise(0.002)",
    "zclip(warm_up=3) | adam() | stable() | unitwise() | 1e-2 | clip(8e-3)",
    "adam() | 1e-2 * spike() | spam(2, warm_up=1) | adagc(1.05, max=0.01, warm_up=2)",
    "adam() | trust() | unitwise() | 1e-2 | percentile(0.01)",
]


@pytest.fixture
def traced(monkeypatch):
    """The kernel as it is traced; how many there are."""
    made, look = [], torch._dynamo.lookup_backend

    def backend(name):
        if name == "inductor":
            made.append(name)
        return look("eager")

    monkeypatch.setattr(torch._dynamo, "lookup_backend", backend)
    return made


def trained(text, steps=6, late=False, begin=0, made=None, dtype=torch.float32, **options):
    """Parameters of all kinds, in groups, after some updates; two of them, if `late`, without gradients at first."""
    random = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(one, generator=random, dtype=dtype)) for one in SHAPES]
    params[2].data = params[2].data.transpose(0, 2)  # lies otherwise in memory
    if made is None:
        groups = [{"params": params[:2], "lr": 0.02}, {"params": params[2:]}]
        made = optimizer(groups, text, total_steps=50, **options)
    else:
        params = [one for group in made.param_groups for one in group["params"]]
    for t in range(steps):
        grads = [torch.randn(one.shape, generator=random, dtype=dtype) * (10 if t % 3 == 2 else 1) for one in params]
        if t < begin:
            continue
        for i, (one, grad) in enumerate(zip(params, grads, strict=True)):
            one.grad = None if late and i in (1, 4) and t % 3 == 0 else torch.empty_like(one).copy_(grad)
        made.step(**({"loss": 1.0 + 0.1 * t} if "loss" in made.strategy.needs else {}))
    return torch.cat([one.detach().reshape(-1) for one in params]), made


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("text", POINTWISE)
def test_one_kernel_moves_rows_of_all_parameters(text, late, traced):
    found, made = trained(text, late=late, compile=True)
    expected, ordinary = trained(text, late=late)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-6)
    assert type(made) is type(ordinary)
    assert len(traced) == 1 if not late else len(traced) <= 2  # a second one where counts differ


@pytest.mark.parametrize("text", WHOLE)
def test_other_stages_have_a_kernel_for_each_list_that_moves(text, traced):
    found, _ = trained(text, compile=True)
    torch.testing.assert_close(found, trained(text)[0], rtol=0, atol=2e-6)
    assert len(traced) == 1
    found, _ = trained(text, late=True, compile=True)
    torch.testing.assert_close(found, trained(text, late=True)[0], rtol=0, atol=2e-6)
    assert len(traced) == (4 if "adagc" in text else 3)  # whose memory grows as parameters come in


def test_beyond_four_lists_steps_go_the_ordinary_way(traced):
    params = [torch.nn.Parameter(torch.ones(2)) for _ in range(6)]
    made = optimizer(params, "sgd() | unitwise(100) | 0.1", compile=True)
    for count in range(1, 7):
        for one in params[:count]:
            one.grad = torch.ones(2)
        made.step()
    assert len(traced) == 4
    assert [round(float(one[0].detach()), 6) for one in params] == [0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


@pytest.mark.parametrize("text", CLIPPED[::3])
def test_every_clip_of_the_vocabulary(text, traced):
    """Some stay as they are; all give the same numbers."""
    found, made = trained(text, dtype=torch.float64, compile=True)
    torch.testing.assert_close(found, trained(text, dtype=torch.float64)[0], rtol=1e-6, atol=1e-7)
    assert bool(traced) == (made._compiled is not None)


@pytest.mark.parametrize("text", [*POINTWISE[:5], *WHOLE])
def test_states_are_of_one_form_and_either_kind_goes_on_from_the_other(text, traced):
    straight = trained(text)[0]
    for first in (False, True):
        _, made = trained(text, steps=3, compile=first)
        _, other = trained(text, steps=0, compile=not first)
        _, alike = trained(text, steps=3, compile=not first)
        assert form(made.state_dict()) == form(alike.state_dict())
        other.load_state_dict(copy.deepcopy(made.state_dict()))
        for into, out_of in zip(params_of(other), params_of(made), strict=True):
            into.data.copy_(out_of.detach())
        torch.testing.assert_close(trained(text, begin=3, made=other)[0], straight, rtol=0, atol=2e-6)


def params_of(made):
    return [one for group in made.param_groups for one in group["params"]]


def form(state):
    """A state without its numbers; torch's plain SGD may or may not write down that it has no momentum."""
    if isinstance(state, dict):
        return {key: form(one) for key, one in state.items() if one is not None and form(one) != {}}
    if isinstance(state, (list, tuple)):
        return [form(one) for one in state]
    return (tuple(state.shape), state.dtype) if isinstance(state, torch.Tensor) and state.dim() else "number"


@pytest.mark.parametrize("text", [POINTWISE[3], WHOLE[1]])
def test_copies_go_on_alike(text, traced):
    straight = trained(text, compile=True)[0]
    for copied in (copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))):
        _, made = trained(text, steps=3, compile=True)
        before = len(traced)
        again = copied(made)
        assert torch.equal(trained(text, begin=3, made=again)[0], straight)
        assert len(traced) > before  # it is compiled, too


@pytest.mark.parametrize("text", [POINTWISE[3], WHOLE[0], WHOLE[1]])
def test_the_answers_to_what_is_not_finite(text, traced):
    for answer in ("skip", "zero", "raise"):
        found = []
        for compiled in (True, False):
            _, made = trained(text, steps=2, compile=compiled, on_nonfinite=answer)
            params_of(made)[0].grad[0, 0] = float("nan")
            if answer == "raise":
                with pytest.raises(StepsizeError, match=r"1 of 15 elements of the gradient .* are NaN"):
                    made.step(loss=1.0) if "loss" in made.strategy.needs else made.step()
            else:
                made.step()
            found.append(torch.cat([one.detach().reshape(-1) for one in params_of(made)]))
        torch.testing.assert_close(*found, rtol=0, atol=2e-6)
        assert found[0].isfinite().all()


def test_a_group_with_options_of_its_own_and_a_look_at_shares_go_the_ordinary_way(traced, tmp_path):
    weight, other = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    made = optimizer([{"params": [weight], "betas": (0.5, 0.9)}, {"params": [other]}], POINTWISE[3], 5, compile=True)
    weight.grad = other.grad = torch.ones(3)
    made.step()
    assert not traced
    made = optimizer([weight], "adam() | 0.1 | clip(0.01)", compile=True)
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        made.step()
        recorder.step(1.0)
    assert not traced
    assert json.loads((tmp_path / "run.jsonl").read_text().splitlines()[1])["clipped"] == 1
    made.step()
    assert len(traced) == 1


def test_a_rule_of_ones_own(traced):
    class sign(Rule):
        __slots__ = ()

        def init(self, param):
            return {"mean": 0 * param, "seen": 0}

        def update(self, grad, state, param):
            mean = 0.9 * state["mean"] + 0.1 * grad
            return torch.sign(mean) / (state["seen"] + 1), {"mean": mean, "seen": state["seen"] + 1}

    made = sign() | 0.1
    torch.testing.assert_close(trained(made, compile=True)[0], trained(made)[0], rtol=0, atol=2e-6)
    assert len(traced) == 1


@pytest.mark.parametrize("text", [one for one in CONTROLLED if one.startswith("sgd")])
def test_controllers_decide_or_are_refused(text, traced):
    if not parse(text).needs <= {"loss", "metric", "grad_norm"}:
        with pytest.raises(StepsizeError, match=r"a compiled update has no middle|needs the grad_variance"):
            trained(text, compile=True)
        return
    torch.testing.assert_close(trained(text, compile=True)[0], trained(text)[0], rtol=1e-6, atol=1e-6)
    assert len(traced) == 1


def test_what_cannot_be_compiled_is_said_in_one_line(monkeypatch):
    weight = torch.nn.Parameter(torch.ones(2))
    with pytest.raises(StepsizeError, match=r"looks at the loss_at.*write compile=False for sgd\(\) \| 0.1 \* armijo"):
        optimizer([weight], "sgd() | 0.1 * armijo()", compile=True)
    with pytest.raises(StepsizeError, match=r"float32 or float64 on a processor, not torch.bfloat16 on cpu"):
        optimizer([torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))], "sgd() | 0.1", compile=True)
    with pytest.raises(StepsizeError, match="compile must be True or False"):
        optimizer([weight], "sgd() | 0.1", compile=1)

    class opaque(Rule):
        __slots__ = ()
        traceable = False

    with pytest.raises(StepsizeError, match="says that it cannot be traced"):
        optimizer([weight], opaque() | 0.1, compile=True)

    def broken(name):
        def compiler(graph, examples):
            raise RuntimeError("g++: command not found")

        return compiler

    monkeypatch.setattr(torch._dynamo, "lookup_backend", broken)
    made = optimizer([weight], "sgd() | 0.1 | clip(0.01)", compile=True)
    weight.grad = torch.ones(2)
    with pytest.raises(StepsizeError, match=r"torch's compiler failed .*needs a C\+\+ compiler.*write compile=False"):
        made.step()
    assert weight.tolist() == [1.0, 1.0]


def test_a_graph_from_before_the_step_is_out_of_date(traced):
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | 0.1 | clip(0.01)", compile=True)
    loss = (weight**2).sum()
    weight.grad = torch.ones(2)
    made.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.skipif(not shutil.which(os.environ.get("CXX", "g++")), reason="torch's compiler needs g++")
@pytest.mark.parametrize("text", [POINTWISE[3], WHOLE[1]])
def test_the_compiled_numbers_and_one_graph_for_life(text):
    """With torch's compiler: rates, counts and memory move on, and nothing is compiled again."""
    from torch._dynamo.utils import counters

    before = counters["stats"]["unique_graphs"]
    found, made = trained(text, compile=True)
    torch.testing.assert_close(found, trained(text)[0], rtol=0, atol=2e-6)
    trained(text, steps=12, begin=6, made=made)
    assert counters["stats"]["unique_graphs"] == before + 1


def test_gradients_are_let_go_after_the_step(traced):
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | 0.1 | clip(0.01)", compile=True)
    for _ in range(3):
        weight.grad = torch.ones(2)
        held = weakref.ref(weight.grad)
        made.step()
        weight.grad = None
        gc.collect()
        assert held() is None
