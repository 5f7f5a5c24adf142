"""Judging: which strategy ended lower, by how much and how sure, from losses by rate and seed."""

from .column import Column
from .judge import Judgement, judge
from .pairs import Pair
from .runs import Runs
from .strategy import Judged, both, judged
from .student import Estimate
from .verdict import verdict

__all__ = ["Column", "Estimate", "Judged", "Judgement", "Pair", "Runs", "both", "judge", "judged", "verdict"]
