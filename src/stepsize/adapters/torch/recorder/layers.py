"""Lengths of gradients, weights and updates, whole and by layer: one pass for both."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ...._errors import StepsizeError
from ..clips.norms import length_of, lengths

_PLAIN = (Tensor, torch.nn.Parameter)
REST = ""  # of what is in no layer


def layers_of(model: torch.nn.Module) -> dict[str, list[Tensor]]:
    """The parameters of each module that has a matrix of its own; shared ones count where they come first."""
    if not isinstance(model, torch.nn.Module):
        raise StepsizeError(f"Recorder: model must be a torch.nn.Module, not {type(model).__name__}")
    found: dict[str, list[Tensor]] = {}
    for name, param in model.named_parameters():
        found.setdefault(name.rpartition(".")[0] or "model", []).append(param)
    return {name: own for name, own in found.items() if any(one.dim() > 1 for one in own)}


def by_layer(layers: Mapping[str, list[Tensor]], tensors: Mapping[Tensor, Tensor]) -> dict[str, Tensor | float]:
    """The length of what belongs to the parameters of each layer, and under "" of all the rest; empty layers miss."""
    left, found = dict(tensors), dict[str, list[Tensor]]()
    for name, params in layers.items():
        own = [left.pop(one) for one in params if one in left]
        if own:
            found[name] = own
    if left:
        found[REST] = list(left.values())
    every = [one for own in found.values() for one in own]
    if all(_is_near(one) for one in every):
        each = iter(lengths(every))
        return {name: together([next(each) for _ in own]) for name, own in found.items()}
    return {name: length_of(own) for name, own in found.items()}


def whole_of(parts: Mapping[str, Tensor | float]) -> Tensor | float:
    """The length of everything whose parts have these lengths."""
    tensors = [one for one in parts.values() if isinstance(one, Tensor)]
    if tensors:
        return length_of(tensors)
    return together([float(one) for one in parts.values()])


def together(found: list[float]) -> float:
    """The length of pieces of these lengths; a NaN in any is one of all."""
    return math.nan if any(map(math.isnan, found)) else math.hypot(*found)


def _is_near(one: Tensor) -> bool:
    """Whether it is a whole tensor of real numbers on a processor, whose length is read without waiting."""
    return type(one) in _PLAIN and one.layout is torch.strided and one.device.type == "cpu" and not one.is_complex()
