"""Where the command line trains: here, in processes, or on a cluster."""

from __future__ import annotations

from pathlib import Path

from ..lab.compare import here
from ..lab.data.sources import IN_FILE
from ..lab.places.base import Place
from ..lab.places.recipe import Recipe
from ..lab.workload import Workload
from .bundled import workload


def place_for(
    given: Workload, data: str, target: str | None, task: str | None, jobs: int, cluster: str | None
) -> Place:
    """The place that was asked for; workers make the problem themselves, of the same data."""
    if cluster is not None:
        from ..lab.places.cluster import Cluster

        return Cluster(_recipe(_absolute(data), target, task), given.fingerprint, cluster)
    if jobs > 1:
        from ..lab.places.processes import Processes

        return Processes(_recipe(data, target, task), given.fingerprint, jobs)
    return here(given)


def _recipe(data: str, target: str | None, task: str | None) -> Recipe:
    return Recipe(workload, (data,), {"target": target, "task": task})


def _absolute(data: str) -> str:
    """The same data for a worker in another folder: a file by its whole path."""
    found = IN_FILE.fullmatch(data)
    if found is not None:
        return f"{Path(found['file']).resolve()}:{found['function'] or ''}"
    return str(Path(data).resolve()) if Path(data).is_file() else data
