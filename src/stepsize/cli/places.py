"""Where the command line trains: here, in processes, or on a cluster."""

from __future__ import annotations

from ..lab.compare import here
from ..lab.data.sources import placed
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

        return Cluster(recipe_for(data, target, task), given.fingerprint, cluster)
    if jobs > 1:
        from ..lab.places.processes import Processes

        return Processes(recipe_for(data, target, task), given.fingerprint, jobs)
    return here(given)


def recipe_for(data: str, target: str | None, task: str | None) -> Recipe:
    """How a worker makes the problem, also one that runs in another folder."""
    return Recipe(workload, (placed(data),), {"target": target, "task": task})
