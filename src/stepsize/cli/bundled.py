"""The tasks that the command line brings: torch models on bundled data; torch is imported when one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from .._errors import StepsizeError
from .._language import say
from ..lab.data.sources import workload as named
from ..lab.workload import Workload, fingerprint, sized


def workload(data: str, *, target: str | None = None, task: str | None = None) -> Workload:
    """What DATA names on the command line: what the lab knows, or a bundled torch task."""
    return named(data, target=target, task=task, tasks=TORCH_TASKS)


def _torch_task(name: str) -> Workload:
    try:
        from ..adapters.torch.as_problem.tasks import TASKS, description
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "torch":
            raise
        raise StepsizeError(say("compare: {name} needs torch: pip install torch", name=name)) from None
    problem, validation, test = TASKS[name]()
    told = description(name)
    return Workload(
        name=name,
        problem=problem,
        validation=validation,
        test=test,
        model=sized(told, problem),
        fingerprint=fingerprint([told.encode()], problem),
        packages=("torch", "scikit-learn"),
    )


TORCH_TASKS: Mapping[str, Callable[[], Workload]] = MappingProxyType(
    {name: partial(_torch_task, name) for name in ("digits-cnn", "digits-mlp", "topics-transformer")}
)
"""Named here, because nothing may import torch to know their names."""
