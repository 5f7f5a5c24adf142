"""What may be written as a clip on a torch optimizer, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch

from clipped import BOTH, OPTIMIZERS, as_read, assert_bits, parameters
from stepsize import StepsizeError, clip, clip_norm, parse


def test_what_clips_may_be():
    written = "clip_norm(1) | clip(0.01)"
    expected = (clip_norm(1), clip(0.01))
    assert as_read(written) == expected
    assert as_read(parse(written)) == expected
    assert as_read(["clip_norm(1)", clip(0.01)]) == expected
    assert as_read(clip(1)) == (clip(1),)


@pytest.mark.parametrize("attach", BOTH)
def test_no_clips_only_look_at_the_gradients(attach):
    params, free = parameters(), parameters()
    optimizer, other = (OPTIMIZERS["Adam"](one) for one in (params, free))
    clipping = attach(optimizer, (), on_nonfinite="skip")
    optimizer.step()
    other.step()
    assert_bits(params, free)
    params[0].grad[0, 0] = math.nan
    optimizer.step()
    assert clipping.skipped == 1
    assert_bits(params, free)


@pytest.mark.parametrize("attach", BOTH)
@pytest.mark.parametrize(
    "wrong", [0.1, "0.1", None, (clip(1), None), "sgd() | 0.1 | clip(1)", "weight_decay(0.1)", "cosine()", clip]
)
def test_what_is_no_clip_is_refused(attach, wrong):
    with pytest.raises(StepsizeError, match=r'takes clips, not .*: write "clip\(0\.01\)" or') as caught:
        attach(torch.optim.SGD(parameters(), lr=1.0), wrong)
    assert "\n" not in str(caught.value)
    with pytest.raises(StepsizeError):
        attach(torch.optim.SGD(parameters(), lr=1.0), "clip(-1)")


@pytest.mark.parametrize("attach", BOTH)
def test_other_wrong_arguments(attach):
    with pytest.raises(StepsizeError, match=r"works on a torch\.optim\.Optimizer, not Linear"):
        attach(torch.nn.Linear(2, 2), "clip(1)")
    with pytest.raises(StepsizeError, match="on_nonfinite must be one of raise, skip, zero, ignore, not 'warn'"):
        attach(torch.optim.SGD(parameters(), lr=1.0), "clip(1)", on_nonfinite="warn")


class Wrapper(torch.optim.Optimizer):
    """As accelerate's: an Optimizer by name, with the one that steps inside."""

    def __init__(self, optimizer):
        self.optimizer = optimizer


@pytest.mark.parametrize("attach", BOTH)
def test_the_optimizer_inside_a_wrapper_is_clipped(attach):
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    attach(Wrapper(optimizer), "clip(0.01)")
    weight.grad = torch.ones(2)
    optimizer.step()
    assert weight.tolist() == pytest.approx([-0.01, -0.01])
