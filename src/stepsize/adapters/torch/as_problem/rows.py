"""Rows of data for a torch problem: arrays, tensors or a map-style dataset as tensors with one first axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, TensorDataset, default_collate

from ...._errors import StepsizeError

INSTEAD = "write (inputs, targets) with one row of each per example"


def read_rows(data: object) -> tuple[Tensor, ...]:
    """The inputs and, last, the targets: tensors of one length whose real numbers are all finite."""
    parts = _parts(data)
    if len(parts) < 2:
        raise StepsizeError(f"problem: data must hold inputs and targets, not {len(parts)} array: {INSTEAD}")
    names = [f"input {i}" for i in range(1, len(parts))] if len(parts) > 2 else ["inputs"]
    named = {name: _tensor(name, one) for name, one in zip([*names, "targets"], parts, strict=True)}
    lengths = {name: len(one) for name, one in named.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise StepsizeError(f"problem: all parts of data must have equally many rows, not {told}")
    if not lengths["targets"]:
        raise StepsizeError("problem: data must have at least 1 row, not 0")
    return tuple(named.values())


def _parts(data: object) -> list[Any]:
    if isinstance(data, TensorDataset):
        return list(data.tensors)
    if isinstance(data, (tuple, list)):
        return list(data)
    if isinstance(data, IterableDataset) or not (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
        raise StepsizeError(f"problem: data must be arrays or a map-style dataset, not {_kind(data)}: {INSTEAD}")
    if isinstance(data, (np.ndarray, Tensor, dict, str)):
        raise StepsizeError(f"problem: data must hold inputs and targets, not one {_kind(data)}: {INSTEAD}")
    return _collated(data)


def _collated(data: Any) -> list[Any]:
    """A map-style dataset, read once; its examples must be tuples (input, …, target)."""
    try:
        together = default_collate([data[i] for i in range(len(data))]) if len(data) else []
    except (TypeError, RuntimeError, ValueError) as error:
        raise StepsizeError(
            f"problem: the dataset cannot be put into arrays ({_line(error)}): give examples of one shape, as tuples "
            "(input, …, target) of numbers"
        ) from error
    if not isinstance(together, (tuple, list)) or not all(isinstance(one, Tensor) for one in together):
        raise StepsizeError(
            f"problem: the examples of a dataset must be tuples (input, …, target) of numbers, not {_kind(data[0])}"
        )
    return list(together)


def _tensor(name: str, part: Any) -> Tensor:
    """One part as a tensor; NumPy's memory is shared where torch can."""
    try:
        found = part.detach() if isinstance(part, Tensor) else torch.as_tensor(_for_torch(np.asarray(part)))
    except (TypeError, ValueError, RuntimeError) as error:
        raise StepsizeError(f"problem: {name} must hold numbers in rows ({_line(error)})") from error
    if found.ndim == 0:
        raise StepsizeError(f"problem: {name} must have rows, not one number")
    if (found.is_floating_point() or found.is_complex()) and not torch.isfinite(found).all():
        raise StepsizeError(f"problem: {name} has NaN or infinite values; fill or drop them first")
    return found


def _for_torch(array: Any) -> Any:
    """The array as torch takes it without a warning: in order, writable, of a type that torch indexes with."""
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        return array.astype(np.int64)
    array = np.asarray(array, order="C")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array if array.flags.writeable else array.copy()


def placed(part: Tensor, like: Tensor) -> Tensor:
    """All rows on the device of `like`, real numbers in its dtype; whole numbers as they are, which may be bytes."""
    return part.to(like.device, like.dtype if part.is_floating_point() else part.dtype)


def fitted(part: Tensor, like: Tensor) -> Tensor:
    """Rows on the device of `like`: real numbers in its dtype, whole numbers as int64, which torch indexes with."""
    whole = not part.is_floating_point() and part.dtype is not torch.bool and not part.is_complex()
    found = placed(part, like)
    return found.to(torch.int64) if whole else found


def told(tensors: tuple[Any, ...]) -> str:
    """Shapes and dtypes, for an error."""
    return ", ".join(
        f"{tuple(one.shape)} {str(one.dtype).removeprefix('torch.')}" if isinstance(one, Tensor) else _kind(one)
        for one in tensors
    )


def attempt(what: str, given: tuple[Any, ...], call: Callable[[], Any]) -> Any:
    """What a call of the user's code returns; what it raises becomes one line with the shapes that it was given."""
    try:
        return call()
    except StepsizeError:
        raise
    except Exception as error:
        raise StepsizeError(
            f"problem: {what} raised {type(error).__name__}: {_line(error)}"
            + (f"; given {told(given)}" if given else "")
        ) from error


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]


def _kind(one: object) -> str:
    return f"{type(one).__name__}"
