"""Clips on torch optimizers: gradients that are sparse, complex or scaled."""

from __future__ import annotations

import pytest
import torch

from clipped import BOTH, assert_near, twin_clip, twin_clip_norm, values
from stepsize import StepsizeError, clip
from stepsize.adapters.torch.clips.hung import clip_gradients, clip_update
from stepsize.adapters.torch.clips.norms import grad_norm


@pytest.mark.parametrize("clips", ["clip(0.5)", "clip_norm(1)"])
@pytest.mark.parametrize("answer", ["raise", "zero"])
def test_sparse_gradients_are_clipped_by_their_entries(clips, answer, way):
    found = []
    for sparse in (True, False):
        table = torch.nn.Embedding(5, 2, sparse=sparse, dtype=torch.float64)
        table.weight.data.fill_(1.0)
        optimizer = torch.optim.SGD(table.parameters(), lr=1.0)
        clip_gradients(optimizer, clips, on_nonfinite=answer)
        (table(torch.tensor([0, 3, 3])) * torch.tensor([1.0, 2.0])).sum().backward()
        assert table.weight.grad.is_sparse is sparse
        optimizer.step()
        found.append([table.weight])
    assert_near(*found)


def test_sparse_gradients_and_other_clips():
    table = torch.nn.Embedding(5, 2, sparse=True)
    optimizer = torch.optim.SparseAdam(list(table.parameters()), lr=1.0)
    clip_update(optimizer, (clip(0.01), twin_clip_norm(10)))
    old = values(table.parameters())
    table(torch.tensor([1, 2])).sum().backward()
    optimizer.step()
    assert (table.weight - old[0]).abs().max().item() == pytest.approx(0.01, rel=1e-4)
    clip_gradients(optimizer, twin_clip(1))
    with pytest.raises(StepsizeError, match=r"is sparse, which twin_clip\(1\) cannot bound: write clip"):
        optimizer.step()


@pytest.mark.parametrize("attach", BOTH)
def test_complex_parameters_are_refused(attach):
    whole = torch.nn.Parameter(torch.zeros(2, dtype=torch.complex64))
    with pytest.raises(StepsizeError, match=r"parameter 0 of group 0, shape \(2,\) is complex.*view_as_real"):
        attach(torch.optim.Adam([whole]), "clip(1)")
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.Adam([weight])
    attach(optimizer, "clip(1)")
    optimizer.add_param_group({"params": [whole]})
    with pytest.raises(StepsizeError, match="parameter 0 of group 1"):
        optimizer.step()
    whole.grad = torch.tensor([3j, 4 + 0j])
    assert float(grad_norm([whole])) == pytest.approx(5)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("unscaled", [False, True])
@pytest.mark.parametrize("attach", BOTH)
def test_scaled_gradients_are_clipped_unscaled(attach, unscaled, fused, way):
    found = []
    for scaled in (False, True):
        weight = torch.nn.Parameter(torch.arange(4.0))
        optimizer = torch.optim.SGD([weight], lr=1.0, momentum=0.5, fused=fused)
        attach(optimizer, "clip_norm(3) | clip(2)")
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=scaled)
        for _ in range(3):
            optimizer.zero_grad()
            scaler.scale((weight**2).sum()).backward()
            if unscaled:
                scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
        found.append([weight])
    assert_near(*found, rel=1e-6)


@pytest.mark.parametrize("answer", ["raise", "skip", "zero", "ignore"])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("attach", BOTH)
def test_an_overflow_of_the_scaler_is_the_scalers_to_skip(attach, fused, answer):
    weight = torch.nn.Parameter(torch.ones(4))
    optimizer = torch.optim.Adam([weight], lr=0.1, fused=fused)
    attach(optimizer, "clip_norm(3)", on_nonfinite=answer)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    scaler.scale((weight * 8).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert weight.tolist() == [1] * 4
    assert scaler.get_scale() == 2.0**126
    assert not hasattr(optimizer, "grad_scale")


class Unscaling(torch.optim.SGD):
    _step_supports_amp_scaling = True

    def step(self, closure=None, grad_scaler=None):
        return super().step(closure)


def test_an_optimizer_that_unscales_by_itself_is_refused():
    weight = torch.nn.Parameter(torch.ones(4))
    optimizer = Unscaling([weight], lr=0.1)
    clip_gradients(optimizer, "clip_norm(3)")
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(weight.sum()).backward()
    with (
        pytest.warns(FutureWarning, match="GradScaler"),
        pytest.raises(StepsizeError, match=r"grad_scaler=GradScaler.*unscale_\(optimizer\)"),
    ):
        scaler.step(optimizer)
