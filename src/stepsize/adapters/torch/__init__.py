"""Any strategy in PyTorch: on any optimizer, in any loop."""

from .clips import clip_gradients, clip_update
from .feedback import PlateauScheduler
from .from_torch import from_torch
from .halves import backward_halves
from .norms import grad_norm
from .optimizer import optimizer
from .preflight import Preflight, preflight
from .problem import problem
from .recorder import Recorder
from .scheduler import Scheduler
from .strategy import Strategy

__all__ = [
    "PlateauScheduler",
    "Preflight",
    "Recorder",
    "Scheduler",
    "Strategy",
    "backward_halves",
    "clip_gradients",
    "clip_update",
    "from_torch",
    "grad_norm",
    "optimizer",
    "preflight",
    "problem",
]
