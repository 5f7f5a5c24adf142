"""Lengths of gradients and updates over all parameters, wherever they lie: in pieces, on devices, over processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from operator import is_
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

_ROW = 1024  # float32 sums of a thousand squares are right to 1e-6, of ten million to 1e-2
_FEW = 2**14  # elements up to which such a sum needs no rows
_SMALL = 2**17  # elements at a time: temporary pieces that stay in a processor's cache
_LARGE = 2**24  # the same on an accelerator, where a launch costs more than a pass
_SURE = 1e-10  # squares of float32 vanish below 1e-19: beside a length above this they do not count
_PLAIN = (Tensor, torch.nn.Parameter)
_MEMBERS = "_stepsize_members"  # torch neither saves nor copies what an optimizer holds under a name of its own
HALVES = (torch.float16, torch.bfloat16)


class Space(NamedTuple):
    """What tensors that are measured together share: the device, the type, and the processes they lie on."""

    device: torch.device
    dtype: torch.dtype
    mesh: Any
    sharded: tuple[bool, ...]


def grad_norm(params: Tensor | Iterable[Tensor]) -> Tensor:
    """The length of the gradient of all parameters together, as a 0-dim tensor.

    Formula: ‖g‖ = √Σ g², summed without overflow in float64 (on MPS in float32). Use it to watch a run or to feed a
    controller; nothing is read back from an accelerator until you read the number. `params` are tensors whose `.grad`
    is measured, None is left out; without any gradient it is 0. NaN or infinity where a gradient has one.

    Sharded gradients (DTensor: FSDP2, tensor parallel) are summed over their processes, so every process must call it
    and gets the whole length; `.item()` of torch's own norm of a DTensor is the length of the local part. Plain
    tensors are taken as whole.

    >>> weight = torch.zeros(2)
    >>> weight.grad = torch.tensor([3e30, 4e30])
    >>> print(f"{grad_norm([weight]).item():.3g}")
    5e+30
    """
    tensors = [params] if isinstance(params, Tensor) else list(params)
    grads = [settled(one.grad) for one in tensors if one.grad is not None]
    with torch.no_grad():
        return length_of(torch.view_as_real(one) if one.is_complex() else one for one in grads)


def length_of(tensors: Iterable[Tensor]) -> Tensor:
    """The length of all tensors together."""
    return length_in(by_space(tensors))


def length_in(spaces: dict[Space, list[Tensor]]) -> Tensor:
    """The length of all tensors together, whose local parts are given."""
    return length({space: partial(_pieces, found) for space, found in spaces.items()})


def lengths(tensors: list[Tensor]) -> list[float]:
    """The length of each tensor on a processor, read back together; rows of a thousand elements keep float32 exact."""
    found = [0.0] * len(tensors)
    few = [i for i, one in enumerate(tensors) if one.numel() <= _FEW]
    if few:
        quick = torch._foreach_norm([wide(tensors[i]) for i in few])
        for i, length in zip(few, torch.stack(quick).tolist(), strict=True):
            found[i] = length
    for i, one in enumerate(tensors):
        if one.numel() > _FEW:
            found[i] = float(_quick_squares([[flat(one).reshape(-1)]]).sqrt())
        if not (_SURE < found[i] < math.inf or math.isnan(found[i])):
            found[i] = float(_scaled(space_of(one), partial(_alone, one)))
    return found


class Lengths:
    """The lengths of tensors that come in pieces, read back once in the end."""

    def __init__(self, count: int) -> None:
        self._places: list[int] = []
        self._norms: list[Tensor] = []
        self._count = count

    def add(self, places: list[int], pieces: list[Tensor]) -> None:
        """One slice of a tensor, or several tensors whole; they may be written over afterwards."""
        if len(pieces) > 1 or pieces[0].numel() <= _FEW:
            norms = torch.stack(torch._foreach_norm(pieces))
            self._places += places
        else:
            even = pieces[0].numel() // _ROW * _ROW
            norms = torch.linalg.vector_norm(pieces[0][:even].view(-1, _ROW), dim=1)
            if even < pieces[0].numel():
                norms = torch.cat((norms, torch.linalg.vector_norm(pieces[0][even:]).view(1)))
            self._places += places * len(norms)
        least, most = (float(one) for one in torch.aminmax(norms if len(pieces) > 1 else norms.max().view(1)))
        if least <= _SURE or most == math.inf:
            exact = torch.tensor(lengths(pieces), dtype=torch.float64)
            del self._places[-len(norms) :]
            self._places += places
            norms = exact
        self._norms.append(norms.double())

    def add_squares(self, places: list[int], squares: Tensor, sizes: list[int]) -> bool:
        """The same of pieces in a row whose elements are squared already; False where a sum is no number."""
        if len(sizes) == 1:
            sums = squares.sum().double().view(1)
        else:
            sums = torch.segment_reduce(squares, "sum", lengths=torch.tensor(sizes), unsafe=True).double()
        if not math.isfinite(float(sums.sum())):
            return False
        self._places += places
        self._norms.append(sums.sqrt_())
        return True

    def read(self) -> list[float]:
        """The length of each tensor."""
        if not self._norms:
            return [0.0] * self._count
        norms, places = torch.cat(self._norms), torch.tensor(self._places)
        peak = _scale(norms.max())
        squares = torch.zeros(self._count, dtype=torch.float64).index_add_(0, places, (norms / peak).square())
        return (squares.sqrt() * peak).tolist()


def _alone(one: Tensor) -> list[list[Tensor]]:
    return [[one]]


def _pieces(tensors: list[Tensor]) -> list[list[Tensor]]:
    """As `length` wants them; on a processor the small ones together, the large ones in rows."""
    if not reads_free(tensors[0].device):
        return [tensors]
    few = [one for one in tensors if 0 < one.numel() <= _FEW]
    large = [flat(one).reshape(-1) for one in tensors if one.numel() > _FEW]
    return ([few] if few else []) + [[piece] for one in large for piece in torch.split(one, _LARGE)]


def as_sharded(tensor: Tensor) -> Any:
    """The tensor where it is one part of a whole over processes (a DTensor), else None."""
    return tensor if type(tensor) not in _PLAIN and hasattr(tensor, "full_tensor") else None


def settled(grad: Tensor) -> Tensor:
    """The gradient in a form whose parts can be bounded: sparse entries summed, sums over processes done."""
    if grad.is_sparse:
        return grad.coalesce()
    sharded = as_sharded(grad)
    if sharded is None or not any(one.is_partial() for one in sharded.placements):
        return grad
    from torch.distributed.tensor import Replicate

    placements = [Replicate() if one.is_partial() else one for one in sharded.placements]
    return sharded.redistribute(placements=placements)  # type: ignore[no-any-return]


def local(tensor: Tensor) -> Tensor:
    """What of it lies in this process, as a tensor on the same memory; of a sparse one its entries."""
    sharded = as_sharded(tensor)
    here: Tensor = tensor if sharded is None else sharded.to_local()
    return here._values() if here.is_sparse else here


def by_space(tensors: Iterable[Tensor]) -> dict[Space, list[Tensor]]:
    """The local parts, by what they share."""
    found: dict[Space, list[Tensor]] = {}
    dtype = device = members = None  # of the last one: thousands of tensors mostly lie alike
    for one in tensors:
        if members is None or type(one) not in _PLAIN or one.dtype is not dtype or one.device != device:
            space = space_of(one)
            members = found.setdefault(space, [])
            dtype, device = (one.dtype, one.device) if space.mesh is None else (None, None)
        members.append(local(one) if type(one) not in _PLAIN or one.layout is not torch.strided else one)
    return found


def space_of(tensor: Tensor) -> Space:
    """Where a tensor lies."""
    sharded = as_sharded(tensor)
    if sharded is None:
        return Space(tensor.device, tensor.dtype, None, ())
    split = tuple(not one.is_replicate() for one in sharded.placements)
    return Space(tensor.device, tensor.dtype, sharded.device_mesh, split)


def whole(value: Tensor, space: Space, how: str) -> Tensor:
    """A number of the local parts made one of the whole: "sum" or "max" over the processes that share the tensors."""
    if not any(space.sharded):
        return value
    from torch.distributed.tensor import DTensor, Partial, Replicate

    placements = [Partial(how) if one else Replicate() for one in space.sharded]
    return DTensor.from_local(value, space.mesh, placements, run_check=False).full_tensor()


def reads_free(device: torch.device) -> bool:
    """True where reading a number back waits for nothing."""
    return device.type == "cpu"


def wide(tensor: Tensor) -> Tensor:
    """The tensor in float32 where it is in half precision."""
    return tensor.float() if tensor.dtype in HALVES else tensor


def flat(tensor: Tensor) -> Tensor:
    """The same memory as one row; a tensor with gaps in memory stays as it is."""
    if not tensor.is_contiguous():
        order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
        dense = tensor.permute(order)
        return dense.view(-1) if dense.is_contiguous() else tensor
    return tensor.view(-1)


def joined(pieces: list[Tensor]) -> Tensor:
    """The pieces as one tensor: itself where there is one, else a copy."""
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)


Pieces = Callable[[], Iterable[list[Tensor]]]


def length(parts: dict[Space, Pieces]) -> Tensor:
    """The length of everything that the callables yield, some tensors at a time; each may be asked twice."""
    lengths = [_length_here(space, pieces) for space, pieces in parts.items()]
    if not lengths:
        return torch.zeros((), dtype=torch.float64)
    if len(lengths) == 1:
        return lengths[0]
    device = next((one.device for one in lengths if not reads_free(one.device)), lengths[0].device)
    together = torch.stack([one.to(device, non_blocking=True) for one in lengths])
    scale = _scale(together.max())
    total: Tensor = torch.linalg.vector_norm(together / scale) * scale
    return total


def _length_here(space: Space, pieces: Pieces) -> Tensor:
    """Quick in float32 where the answer can be looked at; else in float64, or scaled by the largest element."""
    if reads_free(space.device):
        quick = whole(_quick_squares(pieces()), space, "sum").sqrt()
        found = float(quick)
        return quick if _SURE < found < math.inf or math.isnan(found) else _scaled(space, pieces)
    if space.dtype == torch.float64 or space.device.type == "mps":
        return _scaled(space, pieces)
    norms = [one.view(1) for some in pieces() for one in torch._foreach_norm(some, 2, dtype=torch.float64)]
    return whole(_total(norms, space), space, "sum").sqrt()


def _quick_squares(pieces: Iterable[list[Tensor]]) -> Tensor:
    norms: list[Tensor] = []
    for some in pieces:
        if len(some) > 1 or some[0].numel() <= _FEW:
            norms.append(torch.stack(torch._foreach_norm([wide(one) for one in some])))
            continue
        row = wide(some[0]).reshape(-1)
        even = row.numel() // _ROW * _ROW
        if even:
            norms.append(torch.linalg.vector_norm(row[:even].view(-1, _ROW), dim=1))
        if even < row.numel():
            norms.append(torch.linalg.vector_norm(row[even:]).view(1))
    return joined(norms).double().square().sum() if norms else torch.zeros((), dtype=torch.float64)


def _scaled(space: Space, pieces: Pieces) -> Tensor:
    """Divided by the largest element, so that squares neither overflow nor vanish: two passes."""
    kind = _widest(space)
    peaks = [one.abs().max() for some in pieces() for one in some if one.numel()]
    peak = torch.stack(peaks).max().to(kind) if peaks else torch.zeros((), dtype=kind, device=space.device)
    scale = _scale(whole(peak, space, "max"))
    norms = [torch.linalg.vector_norm(one.to(kind) / scale).view(1) for some in pieces() for one in some]
    return scale * whole(_total(norms, space), space, "sum").sqrt()


def _total(norms: list[Tensor], space: Space) -> Tensor:
    kind = _widest(space)
    return torch.cat(norms).to(kind).square().sum() if norms else torch.zeros((), dtype=kind, device=space.device)


def _scale(peak: Tensor) -> Tensor:
    return torch.where((peak > 0) & peak.isfinite(), peak, torch.ones_like(peak))


def _widest(space: Space) -> torch.dtype:
    return torch.float32 if space.device.type == "mps" else torch.float64


class Member(NamedTuple):
    """A parameter and its place in the optimizer."""

    param: Tensor
    group: dict[str, Any]
    place: tuple[int, int]

    def name(self) -> str:
        """The parameter's name, or where it stands."""
        which, index = self.place
        names = self.group.get("param_names")
        return names[index] if names else f"parameter {index} of group {which}, shape {tuple(self.param.shape)}"


def _same(some: list[Any], others: list[Any]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))


def members_of(optimizer: Optimizer) -> list[Member]:
    """All parameters of all groups, as they are now: the same list as long as they are the same."""
    kept: tuple[list[dict[str, Any]], list[Tensor], list[Member]] | None = vars(optimizer).get(_MEMBERS)
    groups = optimizer.param_groups
    now = [param for group in groups for param in group["params"]]
    if kept is not None and _same(kept[0], groups) and _same(kept[1], now):
        return kept[2]
    made = [
        Member(param, group, (which, index))
        for which, group in enumerate(groups)
        for index, param in enumerate(group["params"])
    ]
    vars(optimizer)[_MEMBERS] = list(groups), now, made
    return made


def tensors_of(params: Tensor | Iterable[Any]) -> list[Tensor]:
    """The tensors of what an optimizer takes as parameters: tensors, (name, tensor) pairs, or groups of either."""
    found: list[Tensor] = []
    for one in [params] if isinstance(params, Tensor) else params:
        several = one["params"] if isinstance(one, dict) else [one]
        found += [each[1] if isinstance(each, tuple) else each for each in several]
    return found
