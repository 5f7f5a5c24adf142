"""Any strategy in PyTorch: on any optimizer, in any loop."""

from .feedback import PlateauScheduler
from .preflight import Preflight, preflight
from .scheduler import Scheduler

__all__ = ["PlateauScheduler", "Preflight", "Scheduler", "preflight"]
