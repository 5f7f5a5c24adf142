"""The words of a recording, which whoever writes one and whoever reads it share; docs/record.md explains each."""

from __future__ import annotations

KIND = "stepsize recording"
VERSION = 2  # the rows of version 1 had no head; what it knew of the whole run stood in the first of them
VALIDATED = "val_loss"
METRIC = "metric/"
RATE = "lr/"
KNOB = "knob/"
GRADIENT = "grad_norm/"
UPDATE = "update/"
PLAIN_KNOBS = ("momentum",)  # hyper-parameters that are known by their name alone


def knob(field: str, group: str = "") -> str:
    """The column of a hyper-parameter that moves.

    >>> knob("momentum"), knob("betas.0", "head")
    ('momentum', 'knob/betas.0/head')
    """
    name = field if field in PLAIN_KNOBS else KNOB + field
    return f"{name}/{group}" if group else name
