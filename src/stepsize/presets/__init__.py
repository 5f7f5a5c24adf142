"""Each library's own schedules under its own names: `presets.torch.StepLR(30)` is an expression like any other.

A preset takes the arguments of the library's function (no optimizer) and returns a factor, or a rate where the library
takes an absolute rate. It gives the library's value at every update t, counted from 0, past its end included; a
docstring says so where the library raises there, or turns negative or complex, and what the preset does instead.
`stepsize.presets.torch` and its neighbours import nothing of the library they are named after.

>>> from stepsize import presets
>>> presets.torch.StepLR(30)
staircase(0.1, 30)
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "composer",
    "fairseq",
    "fastai",
    "fvcore",
    "keras",
    "megatron",
    "mmengine",
    "olmo",
    "optax",
    "pytorch_optimizer",
    "pytorch_warmup",
    "timm",
    "torch",
    "torchtitan",
    "transformers",
]


def __getattr__(name: str) -> ModuleType:
    """Import the presets of a library when they are asked for."""
    if name not in __all__:
        raise AttributeError(f"stepsize.presets has no {name!r}: there are {', '.join(__all__)}")
    return import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return __all__
