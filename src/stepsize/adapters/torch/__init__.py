"""Any strategy in PyTorch: on any optimizer, in any loop."""

from .as_problem.problem import problem
from .clips.hung import clip_gradients, clip_update
from .clips.norms import grad_norm
from .plateau import PlateauScheduler
from .preflight import Preflight, preflight
from .reading.from_torch import from_torch
from .recorder import Recorder
from .scheduler import Scheduler
from .strategy.base import Strategy
from .strategy.halves import backward_halves
from .strategy.optimizer import optimizer

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
