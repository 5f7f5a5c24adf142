"""Stored values: what a paused trial needs, as a file of JSON and raw arrays that can hold no code."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from typing import Any

import numpy as np

from ..._errors import StepsizeError
from ..._space import namespace

MAGIC = b"stepsize stored 1\n"
DIGEST = 32  # bytes of SHA-256 over all that follows
LENGTH = 8  # bytes that say how long the JSON is
PLAIN = "biufcSUmM"  # kinds of dtype whose bytes are all there is
GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
# what a description that is none raises
BROKEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, MemoryError)


def to_bytes(value: Any) -> bytes:
    """A value as bytes that `from_bytes` reads.

    A value is None, a bool, a number, a text, an array of NumPy of any plain dtype, a tensor of torch, a generator of
    random numbers of NumPy, or a dict with texts for keys, a tuple, a list or a named tuple of such. Named tuples of
    stepsize's own come back as what they are, others as plain tuples. Anything else is a StepsizeError.

    >>> from_bytes(to_bytes({"rate": float("inf"), "left": np.arange(2)}))
    {'rate': inf, 'left': array([0, 1])}
    """
    chunks: list[bytes] = []
    told = json.dumps(_Writer(chunks).told(value), ensure_ascii=False).encode("utf-8", "surrogatepass")
    body = b"".join([len(told).to_bytes(LENGTH, "little"), told, *chunks])
    return MAGIC + hashlib.sha256(body).digest() + body


def from_bytes(data: bytes, device: Any = None) -> Any:
    """The value that `to_bytes` made; tensors are put on `device` (None: that of the processor).

    Bytes that are cut, changed or something else are a StepsizeError of one line. Nothing that stands in them is run
    or imported.
    """
    if data[: len(MAGIC)] != MAGIC:
        known = data[: len(MAGIC) - 2] == MAGIC[:-2]
        raise StepsizeError(
            "stored state: it was written by another version of stepsize: begin this trial anew, or use that version"
            if known
            else "stored state: this is no stored state: begin this trial anew"
        )
    digest, body = data[len(MAGIC) :][:DIGEST], data[len(MAGIC) + DIGEST :]
    if hashlib.sha256(body).digest() != digest:
        raise StepsizeError("stored state: it is damaged or cut off: begin this trial anew")
    try:
        end = LENGTH + int.from_bytes(body[:LENGTH], "little")
        told = json.loads(body[LENGTH:end].decode("utf-8", "surrogatepass"))
        return _Reader(memoryview(body)[end:], device).value(told)
    except BROKEN:
        raise StepsizeError("stored state: this is no stored state: begin this trial anew") from None


class _Writer:
    """Turns values into JSON; the bytes of arrays go into chunks, in order."""

    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks, self.end = chunks, 0

    def told(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if kind is dict and all(type(name) is str for name in value):
            return {"dict": [[name, self.told(one)] for name, one in value.items()]}
        if kind is list:
            return {"list": [self.told(one) for one in value]}
        if isinstance(value, tuple):
            named = {"named": f"{kind.__module__}:{kind.__qualname__}"} if _is_own(kind) else {}
            return {**named, "tuple": [self.told(one) for one in value]}
        return self._of_arrays(value)

    def _of_arrays(self, value: Any) -> Any:
        if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in PLAIN:
            return {"scalar" if isinstance(value, np.generic) else "array": self._array(np.asarray(value))}
        if isinstance(value, np.random.Generator):
            state = value.bit_generator.state
            if state["bit_generator"] in GENERATORS:
                return {"generator": self.told(state)}
        if _is_tensor(value):
            torch = namespace(value)
            raw = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
            return {"tensor": [str(value.dtype).partition(".")[2], list(value.shape), self._array(raw)]}
        raise StepsizeError(f"stored state: a {type(value).__name__} cannot be stored: keep numbers, texts and arrays")

    def _array(self, array: Any) -> Any:
        raw = np.ascontiguousarray(array).tobytes()
        self.chunks.append(raw)
        self.end += len(raw)
        return [array.dtype.str, list(array.shape), self.end - len(raw)]


class _Reader:
    """Makes values of JSON and the bytes of their arrays; an error of `BROKEN` says that it is none."""

    def __init__(self, chunks: memoryview, device: Any) -> None:
        self.chunks, self.device = chunks, device

    def value(self, told: Any) -> Any:
        if not isinstance(told, dict):
            if isinstance(told, list):
                raise TypeError("a list alone is no value")
            return told
        ((kind, given),) = [pair for pair in told.items() if pair[0] != "named"]
        if kind == "tuple":
            values = [self.value(one) for one in given]
            return _own(told["named"])(*values) if "named" in told else tuple(values)
        if kind == "dict":
            return {_text(name): self.value(one) for name, one in given}
        if kind == "list":
            return [self.value(one) for one in given]
        return getattr(self, f"_{kind}")(given) if kind in ("array", "scalar", "generator", "tensor") else _unknown()

    def _array(self, given: Any) -> Any:
        name, shape, begin = given
        dtype, shape = np.dtype(_text(name)), tuple(_count(one) for one in shape)
        if dtype.kind not in PLAIN:
            raise TypeError("this dtype is not stored")
        raw = self.chunks[_count(begin) :][: math.prod(shape) * dtype.itemsize]
        if dtype.itemsize == 0 or not raw:
            return np.zeros(shape, dtype) if len(raw) == math.prod(shape) * dtype.itemsize else _unknown()
        return np.frombuffer(raw, dtype).reshape(shape).copy()

    def _scalar(self, given: Any) -> Any:
        return self._array(given)[()]

    def _generator(self, given: Any) -> Any:
        state = self.value(given)
        if state["bit_generator"] not in GENERATORS:
            raise ValueError("an unknown generator")
        bits = getattr(np.random, state["bit_generator"])()
        bits.state = state
        return np.random.Generator(bits)

    def _tensor(self, given: Any) -> Any:
        name, shape, raw = given
        torch = sys.modules.get("torch")
        if torch is None:
            raise StepsizeError("stored state: it holds tensors of torch: import torch first")
        dtype = getattr(torch, _text(name))
        if not isinstance(dtype, torch.dtype):
            raise TypeError("no dtype of torch")
        told, shape = self._array(raw), tuple(_count(one) for one in shape)
        if not told.size and 0 in shape:
            return torch.zeros(shape, dtype=dtype, device=self.device)
        return torch.from_numpy(told.view(np.uint8)).view(dtype).reshape(shape).to(self.device or "cpu")


def _is_own(kind: type) -> bool:
    """Whether it is a named tuple of stepsize's own, which its name finds again."""
    return hasattr(kind, "_fields") and _found(kind.__module__, kind.__qualname__) is kind


def _own(name: Any) -> Any:
    """The named tuple of stepsize's own that is called so, of a module that is in use already."""
    module, _, kind = _text(name).partition(":")
    found = _found(module, kind)
    if not (isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields")):
        raise TypeError("no named tuple of stepsize")
    return found


def _found(module: str, kind: str) -> Any:
    own = module.partition(".")[0] == __name__.partition(".")[0]
    return vars(sys.modules[module]).get(kind) if own and module in sys.modules else None


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("this is no text")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("this is no count")
    return value


def _unknown() -> Any:
    raise ValueError("this is no stored value")
