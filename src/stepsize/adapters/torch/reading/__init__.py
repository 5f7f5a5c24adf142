"""torch's own schedulers, read as expressions.

from_torch  the expression with a scheduler's values at every step
cycles      OneCycleLR and CyclicLR
replayed    what has no closed form, run again on an optimizer that trains nothing
"""
