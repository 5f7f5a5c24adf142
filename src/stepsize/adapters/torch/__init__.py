"""Any strategy in PyTorch: on any optimizer, in any loop."""

from .clips import clip_gradients, clip_update
from .feedback import PlateauScheduler
from .from_torch import from_torch
from .norms import grad_norm
from .optimizer import Strategy, optimizer
from .preflight import Preflight, preflight
from .problem import problem
from .scheduler import Scheduler

__all__ = [
    "PlateauScheduler",
    "Preflight",
    "Scheduler",
    "Strategy",
    "clip_gradients",
    "clip_update",
    "from_torch",
    "grad_norm",
    "optimizer",
    "preflight",
    "problem",
]
