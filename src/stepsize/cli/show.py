"""`stepsize show`: the values and curves of expressions, light enough to start at once."""

from __future__ import annotations

import os
import sys

from .._errors import StepsizeError, shown
from .._language import Note, commas, say
from ..lengths import MissingFactError
from ..text import parse
from .output import columns, fail, note, print_json, tell
from .start import DEFAULT_STEPS, is_count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def show(
    texts: tuple[str, ...],
    steps: int | None,
    at: str | None,
    as_json: bool,
    png: str | None,
    svg: str | None,
    **units: float | None,
) -> int:
    """Print, draw or save the curves of some expressions; returns the exit code.

    With a controller inside, the curve is what it is while the controller answers 1; a line says so. `steps` are the
    updates of the run, None where nobody said how many: then a thousand are shown, and nothing is said of how the
    schedule suits the run.
    """
    given, steps = steps is not None, DEFAULT_STEPS if steps is None else steps
    try:
        curves = [curve for text in texts for curve in _curves(text, steps, units, given)]
        places = list(range(steps)) if as_json and at is None else _places(at, steps)
        values = [[(t, _finite(text, function(t), t)) for t in places] for text, _, function, _ in curves]
        pictures = [picture(path, ending) for path, ending in ((png, ".png"), (svg, ".svg")) if path is not None]
        for path in pictures:
            _save(path, curves, steps)
    except StepsizeError as error:
        from .typed import whole

        return fail(whole("show", texts) or told(error))
    if as_json:
        for (text, _, _, remark), pairs in zip(curves, values, strict=True):
            print_json({"text": text, "steps": steps, "values": pairs} | ({"note": remark} if remark else {}))
    elif at is not None:
        for (text, _, _, remark), pairs in zip(curves, values, strict=True):
            print(text)
            for t, value in pairs:
                print(f"  {t:>8}  {value:.10g}")
            if remark:
                note(remark)
    elif png is None and svg is None:
        _draw(curves, steps)
        for remark in dict.fromkeys(remark for _, _, _, remark in curves if remark):
            note(remark)
    return 0


def _draw(curves: list[tuple[str, Any, Callable[[int], float], str]], steps: int) -> None:
    """The picture, as wide as the terminal where that is narrow."""
    from ..report.terminal import NARROWEST, SCALE, WIDTH, draw

    width = max(columns(SCALE + WIDTH) - SCALE, NARROWEST)
    marked = [(text, function, _marks(schedule, steps)) for text, schedule, function, _ in curves]
    print(draw(marked, steps, sys.stdout.isatty() and "NO_COLOR" not in os.environ, width))


def told(error: StepsizeError) -> str:
    """An error as the command line says it: a fact that is missing is an option here."""
    if not isinstance(error, MissingFactError) or error.fact == "tokens_per_sample":  # which has no option
        return str(error)
    return str(error.at(f"--{error.fact.replace('_', '-')} …"))


def _curves(
    text: str, steps: int, units: dict[str, float | None], given: bool
) -> list[tuple[str, Any, Callable[[int], float], str]]:
    """The curves of a text: as it is understood, the schedule, its value at t, and a note; a plan has several."""
    value = parse(text)
    if value.word() == "plan":
        return [_curve(f"{name} = {part}", part, steps, units, given) for name, part in _leaves(value, "")]
    shown = value.rate if value.word() == "descent" else value
    if not callable(shown):
        rule = "" if hasattr(value, "update") else "sgd() | "
        line = f"{value} | {rule}0.01"
        raise StepsizeError(say("{value} has no rate to show: write {line}", value=value, line=line))
    return [_curve(str(value), shown, steps, units, given)]


def doubted(value: Any, steps: int, units: dict[str, float | None]) -> list[str]:
    """What looks wrong in an expression for a run of so many steps; nothing is said of what has no rate."""
    from ..schedules.doubts import doubts

    if value.word() == "plan":
        parts = [(name, doubted(part, steps, units)) for name, part in _leaves(value, "")]
        return [f"{name}: {one}" for name, told in parts for one in told]
    shown = value.rate if value.word() == "descent" else value
    return doubts(shown, steps, **units) if callable(shown) else []


def _leaves(plan: Any, path: str) -> list[tuple[str, Any]]:
    """The parts of a plan with their names, those of plans inside under name.name."""
    from ..schedules.rate import rate

    leaves: list[tuple[str, Any]] = []
    for name, part in plan.parts:
        if getattr(part, "word", str)() == "plan":
            leaves += _leaves(part, f"{path}{name}.")
        else:
            leaves.append((f"{path}{name}", part if callable(part) else rate(part)))
    return leaves


def _curve(
    label: str, value: Any, steps: int, units: dict[str, float | None], given: bool
) -> tuple[str, Any, Callable[[int], float], str]:
    shown = value.over(steps, **units)
    notes = doubted(value, steps, units) if given else []
    if not shown.controllers:
        return label, shown, shown, "; ".join(notes)
    is_rate = hasattr(shown, "base")  # a controller or a clamp may have a factor too
    base, factor = (shown.base, shown.factor) if is_rate else (1.0, shown)
    ones = (1.0,) * len(shown.controllers)
    controllers = commas(str(one) for one in shown.controllers)
    drawn = say("{controllers} depends on the run and is drawn as 1", controllers=controllers)
    return label, None, lambda t: float(base * factor.with_control(t, ones)), "; ".join([drawn, *notes])


def _finite(text: str, value: float, t: int) -> float:
    if value - value != 0:
        raise StepsizeError(
            say(
                "{text} is {value} at step {step}: choose a smaller base, or bound it with clamp(…)",
                text=text,
                value=value,
                step=t,
            )
        )
    return value


def _marks(schedule: Any, steps: int) -> list[tuple[int, str]]:
    """Where the parts of a schedule begin, with what begins; nothing where a controller decides."""
    from ..report.terminal import MOST_COUNTED, WIDTH
    from ..schedules.questions import outline

    return outline(schedule, steps, MOST_COUNTED, WIDTH) if schedule is not None else []


def _places(at: str | None, steps: int) -> list[int]:
    """The steps whose values are wanted: those of --at, or at most 201 spread over the run."""
    if at is None:
        count = min(steps, 201)
        return sorted({round(i * (steps - 1) / max(count - 1, 1)) for i in range(count)})
    places = []
    for one in at.split(","):
        if not is_count(one.strip()):
            given = shown(one.strip())
            raise StepsizeError(say("--at takes steps from 0 such as 0,1,999, not {given}", given=given))
        places.append(int(one))
    return places


def picture(path: str, ending: str) -> str:
    """The path of an option that writes one kind of picture; another ending than its own is an error."""
    option = f"--{ending[1:]}"
    if path.lower().endswith(ending):
        return path
    stem, dot, other = path.rpartition(".")
    kind = other.lower() if stem and dot and "/" not in other else ""
    instead = f"{option} {stem if kind else path}{ending}"
    problem = say("{option} writes {format}, not {path}", option=option, format=ending[1:].upper(), path=shown(path))
    if kind in ("png", "svg"):
        other = f"--{kind} {path}"
        raise StepsizeError(say("{problem}: write {line}, or {other}", problem=problem, line=instead, other=other))
    raise StepsizeError(say("{problem}: write {line}", problem=problem, line=instead))


def _save(path: str, curves: list[tuple[str, Any, Callable[[int], float], str]], steps: int) -> None:
    from pathlib import Path

    from ..report.figures import save, schedule_figure
    from ..report.stairs import places

    marks = sorted({step for _, schedule, _, _ in curves for step, _ in _marks(schedule, steps)})
    at = places(steps, marks)
    lines = [(text, at, [function(t) for t in at]) for text, _, function, _ in curves]
    save(schedule_figure(lines, Note("rate or factor"), marks), Path(path))
    tell(say("written to {path}", path=path))
