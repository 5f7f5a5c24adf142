"""The picture of a range test: the losses by rate, what they were smoothed to, and each rule's rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .._language import heard, say
from ..course.swept import Swept
from .drawing import drawing
from .figures import _dress, _line, _log, save
from .palette import colour

from matplotlib.figure import Figure  # isort: skip - after drawing, which says what to install


def save_sweep(told: Swept, path: Path) -> Path:
    """Write the picture of a range test as PNG, SVG or PDF, by the ending of its name; return the path.

    Dots are losses, the line the smoothed ones, which end where the sweep broke; the band is what rules and noise leave
    open. Losses far above the start are cut off.
    """
    found, whole = told.found, np.isfinite(told.losses)
    with drawing():
        figure = Figure(figsize=(8, 4.6), layout="constrained")
        axes = figure.subplots()
        if found.low is not None and found.high is not None:
            axes.axvspan(found.low, found.high, color=colour(1), alpha=0.1, linewidth=0)
        axes.plot(
            told.rates[whole], told.losses[whole], ".", color="#9aa2ac", markersize=3, label=say("loss of a batch")
        )
        smoothed = found.smoothed
        axes.plot(told.rates[: len(smoothed)], smoothed, color=colour(0), linewidth=1.6, label=say("smoothed"))
        for i, (name, rate) in enumerate(told.rules.items(), start=1):
            axes.axvline(rate, **_line(i, 1.2), label=f"{name}: {rate:.2g}")
        _log(axes, "x", (float(told.rates[0]), float(told.rates[-1])))
        axes.set_xlim(float(told.rates[0]), float(told.rates[-1]))
        if len(smoothed):
            axes.set_ylim(*_shown(float(smoothed.min()), float(smoothed[0])))
        _dress(axes, say("rate"), say("loss"))
        about = heard(told.about)
        axes.set_title(about if found.rate is not None else f"{about}\n{heard(found.why)}", parse_math=False)
        figure.legend(loc="outside lower center", frameon=False, ncols=3, fontsize="small", handlelength=3.2)
        save(figure, path)
    return path


def _shown(lowest: float, start: float) -> tuple[float, float]:
    """From a little below the lowest smoothed loss to as far above the start as it fell."""
    room = max(start - lowest, 0.05 * abs(start), 1e-9)
    return lowest - 0.25 * room, start + room
