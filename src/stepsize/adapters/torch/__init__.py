"""Any strategy in PyTorch: on any optimizer, in any loop.

scheduler   a course on the groups of an optimizer (plateau: for hosts that hand metrics to nothing else)
knobs       those groups, read and written (together: several numbers in one step)
watch       what is wrong with the loop around (updates: counted; ownership: other writers; bare: unnamed numbers)
preflight   what a host will make of a scheduler
amp, ranks  updates that mixed precision leaves out; what several processes saw, made one
recorder    a run written down (pairing: which loss belongs to which update)
finding     a range test of a loop (kept: what it moves, put back)

strategy/   a whole strategy in one optimizer.step()
clips/      clips on any optimizer
reading/    torch's own schedulers, read as expressions
as_problem/ a module as a problem of the laboratory
as_loop/    any training as trials of the laboratory
"""

from .as_loop.training import training
from .as_problem.problem import problem
from .clips.hung import clip_gradients, clip_update
from .clips.norms import grad_norm
from .finding import find_rate
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
    "find_rate",
    "from_torch",
    "grad_norm",
    "optimizer",
    "preflight",
    "problem",
    "training",
]
