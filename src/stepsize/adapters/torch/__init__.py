"""Any strategy in PyTorch: on any optimizer, in any loop."""

from .feedback import PlateauScheduler
from .scheduler import Scheduler

__all__ = ["PlateauScheduler", "Scheduler"]
