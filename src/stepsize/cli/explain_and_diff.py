"""`stepsize explain` and `stepsize diff`: what an expression does, and where two of them differ, in plain words."""

from __future__ import annotations

from .._errors import StepsizeError
from .._language import Note, said, say
from ..text import parse
from .output import fail, note, print_json, tell
from .show import doubted, picture, told
from .start import DEFAULT_STEPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def explain_command(text: str, steps: int | None, as_json: bool, **units: Any) -> int:
    """Print what an expression does, a sentence a line (or one JSON object); returns the exit code.

    Where the length of the run was given, what looks wrong for that length is a note on the standard error.
    """
    from ..telling.explain import explain

    given, steps = steps is not None, DEFAULT_STEPS if steps is None else steps
    try:
        value = parse(text)
        sentences = explain(value, steps, **units)
        notes = doubted(value, steps, units) if given else []
    except StepsizeError as error:
        from .typed import whole

        return fail(whole("explain", [text]) or told(error))
    if as_json:
        print_json({"text": str(value), "steps": steps, "sentences": sentences} | ({"notes": notes} if notes else {}))
    else:
        print("\n".join(sentences))
        for one in notes:
            note(one)
    return 0


def diff_command(a: str, b: str, steps: int, png: str | None, as_json: bool, **units: Any) -> int:
    """Print where two expressions differ (of a whole strategy, its rate), or draw both; returns the exit code."""
    from ..schedules.questions import diff

    try:
        one, other = _schedule(a), _schedule(b)
        found = diff(one, other, steps, **units)
        if png is not None:
            _save(picture(png, ".png"), [one, other], steps, units)
    except StepsizeError as error:
        return fail(told(error))
    remark = _only_rates(parse(a), parse(b))
    if as_json:
        print_json({"equal": not found.ranges} | found.fields() | ({"note": remark} if remark else {}))
    else:
        print("\n".join([str(found), remark]).rstrip())
    return 0


def _only_rates(a: Any, b: Any) -> str:
    """What to say where more than the rates differs."""
    if not hasattr(a, "with_rate") and not hasattr(b, "with_rate"):
        return ""
    others = [[str(one) for one in getattr(x, "stages", ()) if one.word() != "rate"] for x in (a, b)]
    if others[0] == others[1]:
        return ""
    first, second = (" | ".join(one) or said("nothing") for one in others)
    return say("Only the rates were compared; besides them, {first} and {second} differ.", first=first, second=second)


def _schedule(text: str) -> Any:
    value = parse(text)
    if hasattr(value, "with_rate"):
        return value.rate
    if not callable(value):
        rule = "" if hasattr(value, "update") else "sgd() | "
        line = f"{value} | {rule}0.01"
        raise StepsizeError(say("{value} has no rate to compare: write {line}", value=value, line=line))
    return value


def _save(path: str, schedules: list[Any], steps: int, units: dict[str, Any]) -> None:
    from pathlib import Path

    from ..report.figures import save, schedule_figure
    from ..report.stairs import places
    from ..schedules.questions import outline

    curves = [(str(one), one.over(steps, **units)) for one in schedules]
    at = places(steps, {step for _, curve in curves for step, _ in outline(curve, steps)})
    lines = [(text, at, [curve(t) for t in at]) for text, curve in curves]
    save(schedule_figure(lines, Note("rate or factor")), Path(path))
    tell(say("written to {path}", path=path))
