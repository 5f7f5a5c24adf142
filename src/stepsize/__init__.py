"""stepsize decides how far each gradient step goes: any learning-rate strategy as one expression."""

from __future__ import annotations

from importlib import import_module

from .vocabulary import WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import problems as problems
    from ._errors import LengthError as LengthError
    from ._errors import ParseError as ParseError
    from ._errors import StepsizeError as StepsizeError
    from ._value import field as field
    from .as_json import from_json as from_json
    from .as_json import to_json as to_json
    from .clipping.adagc import adagc as adagc
    from .clipping.decay import weight_decay as weight_decay
    from .clipping.norm import clip_norm as clip_norm
    from .clipping.percentile import percentile as percentile
    from .clipping.rms import clip_rms as clip_rms
    from .clipping.spam import spam as spam
    from .clipping.stable import stable as stable
    from .clipping.trust import trust as trust
    from .clipping.unitwise import unitwise as unitwise
    from .clipping.value import clip as clip
    from .clipping.zclip import zclip as zclip
    from .controllers.adgd import adgd as adgd
    from .controllers.armijo import armijo as armijo
    from .controllers.barzilai_borwein import barzilai_borwein as barzilai_borwein
    from .controllers.bold_driver import bold_driver as bold_driver
    from .controllers.distance import distance as distance
    from .controllers.gradient_noise import gradient_noise as gradient_noise
    from .controllers.greedy import greedy as greedy
    from .controllers.hypergradient import hypergradient as hypergradient
    from .controllers.infrared import infrared as infrared
    from .controllers.newbob import newbob as newbob
    from .controllers.plateau import plateau as plateau
    from .controllers.polyak import polyak as polyak
    from .controllers.robust_infrared import robust_infrared as robust_infrared
    from .controllers.spike import spike as spike
    from .descents import descent as descent
    from .lab.runs.descend import Run as Run
    from .lab.runs.descend import descend as descend
    from .lab.runs.descend import descend_many as descend_many
    from .lab.tuner.given import trial as trial
    from .lab.tuner.tuner import Tuner as Tuner
    from .observed import seen as seen
    from .rules.adagrad import adagrad as adagrad
    from .rules.adam import adam as adam
    from .rules.adam import adamw as adamw
    from .rules.rmsprop import rmsprop as rmsprop
    from .rules.sgd import sgd as sgd
    from .schedules.arithmetic import maximum as maximum
    from .schedules.arithmetic import minimum as minimum
    from .schedules.arithmetic import plus as plus
    from .schedules.combine import clamp as clamp
    from .schedules.combine import product as product
    from .schedules.combine import then as then
    from .schedules.cooldown import cooldown as cooldown
    from .schedules.decays import anneal as anneal
    from .schedules.decays import inverse_time as inverse_time
    from .schedules.decays import polynomial as polynomial
    from .schedules.decays import power_law as power_law
    from .schedules.decays import rex as rex
    from .schedules.decays import tanh_decay as tanh_decay
    from .schedules.formulas import formula as formula
    from .schedules.plan import plan as plan
    from .schedules.rate import rate as rate
    from .schedules.recipes import chebyshev as chebyshev
    from .schedules.recipes import cyclic as cyclic
    from .schedules.recipes import inverse_sqrt as inverse_sqrt
    from .schedules.recipes import multistep as multistep
    from .schedules.recipes import natural_exponential as natural_exponential
    from .schedules.recipes import noam as noam
    from .schedules.recipes import onecycle as onecycle
    from .schedules.recipes import onecycle_momentum as onecycle_momentum
    from .schedules.recipes import range_test as range_test
    from .schedules.recipes import sgdr as sgdr
    from .schedules.recipes import untuned_exponential as untuned_exponential
    from .schedules.recipes import untuned_linear as untuned_linear
    from .schedules.recipes import wsd as wsd
    from .schedules.recipes import wsds as wsds
    from .schedules.saturation import rectification as rectification
    from .schedules.saturation import saturation as saturation
    from .schedules.shapes import constant as constant
    from .schedules.shapes import cosine as cosine
    from .schedules.shapes import exponential as exponential
    from .schedules.shapes import linear as linear
    from .schedules.shapes import stages as stages
    from .schedules.shapes import staircase as staircase
    from .schedules.shapes import warmup as warmup
    from .schedules.tables import noise as noise
    from .schedules.tables import piecewise as piecewise
    from .schedules.tables import table as table
    from .schedules.time import repeat as repeat
    from .schedules.time import reverse as reverse
    from .schedules.time import shift as shift
    from .schedules.time import stretch as stretch
    from .schedules.warp import warp as warp
    from .text import parse as parse

__version__ = "0.2.0"

_ELSEWHERE = {
    "LengthError": "_errors",
    "ParseError": "_errors",
    "Run": "lab.runs.descend",
    "StepsizeError": "_errors",
    "Tuner": "lab.tuner.tuner",
    "descend": "lab.runs.descend",
    "descend_many": "lab.runs.descend",
    "field": "_value",
    "from_json": "as_json",
    "parse": "text",
    "seen": "observed",
    "to_json": "as_json",
    "trial": "lab.tuner.given",
}

__all__ = sorted([*WORDS, *_ELSEWHERE, "problems"])


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that `import stepsize` loads nothing heavy."""
    if name == "problems":
        return import_module(".problems", __name__)
    module = WORDS.get(name) or _ELSEWHERE.get(name)
    if module is None:
        raise AttributeError(f"stepsize has no {name!r}")
    value = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
