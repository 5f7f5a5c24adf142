"""`stepsize show`: the values and curves of expressions, light enough to start at once."""

from __future__ import annotations

import sys

from .._errors import StepsizeError
from ..text import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def show(texts: tuple[str, ...], steps: int, at: str | None, as_json: bool, png: str | None, svg: str | None) -> int:
    """Print, draw or save the curves of some expressions; returns the exit code.

    With a controller inside, the curve is what it is while the controller answers 1; a line says so.
    """
    try:
        curves = [_curve(text, steps) for text in texts]
        places = _places(at, steps)
        values = [[(t, function(t)) for t in places] for _, function, _ in curves]
        for path in (png, svg):
            if path is not None:
                _save(path, curves, steps)
    except StepsizeError as error:
        return fail(str(error))
    if as_json:
        import json

        for (text, _, note), pairs in zip(curves, values, strict=True):
            line: dict[str, Any] = {"text": text, "steps": steps, "values": pairs}
            print(json.dumps(line | ({"note": note} if note else {}), ensure_ascii=False))
    elif at is not None:
        for (text, _, note), pairs in zip(curves, values, strict=True):
            print(text)
            for t, value in pairs:
                print(f"  {t:>8}  {value:.10g}")
            _print_note(note)
    elif png is None and svg is None:
        from ..report.terminal import draw

        _print_safely(draw([(text, function) for text, function, _ in curves], steps))
        for note in dict.fromkeys(note for _, _, note in curves if note):
            _print_note(note)
    return 0


def fail(message: str) -> int:
    """One line on standard error, and the exit code for something that cannot be done."""
    print(f"error: {message}", file=sys.stderr)
    return 2


def _curve(text: str, steps: int) -> tuple[str, Callable[[int], float], str]:
    """The text as it is understood, its value at t, and a note."""
    value = parse(text)
    if hasattr(value, "stages"):
        value = value.rate
    if not callable(value):
        raise StepsizeError(f"{value} has no rate to show: write {value} | 0.01")
    shown: Any = value.over(steps)
    controllers = shown.controllers
    if not controllers:
        return str(parse(text)), shown, ""
    base = getattr(shown, "base", 1.0)
    factor = getattr(shown, "factor", shown)
    ones = (1.0,) * len(controllers)
    note = f"{', '.join(str(one) for one in controllers)} depends on the run and is drawn as 1"
    return str(parse(text)), lambda t: float(base * factor.with_control(t, ones)), note


def _places(at: str | None, steps: int) -> list[int]:
    """The steps whose values are wanted: those of --at, or at most 201 spread over the run."""
    if at is None:
        count = min(steps, 201)
        return sorted({round(i * (steps - 1) / max(count - 1, 1)) for i in range(count)})
    places = []
    for one in at.split(","):
        if not (one.strip().isascii() and one.strip().isdigit()):
            raise StepsizeError(f"--at takes steps from 0 such as 0,1,999, not {one.strip()!r}")
        places.append(int(one))
    return places


def _save(path: str, curves: list[tuple[str, Callable[[int], float], str]], steps: int) -> None:
    from pathlib import Path

    from ..report.figures import save, schedule_figure

    places = _places(None, steps)
    lines = [(text, places, [function(t) for t in places]) for text, function, _ in curves]
    try:
        save(schedule_figure(lines, "rate or factor"), Path(path))
    except OSError as error:
        raise StepsizeError(f"{path} cannot be written: {error.strerror}") from None


def _print_note(note: str) -> None:
    if note:
        print(f"note: {note}", file=sys.stderr)


def _print_safely(text: str) -> None:
    """Print, replacing what the terminal's encoding lacks."""
    encoding = sys.stdout.encoding or "ascii"
    print(text.encode(encoding, errors="replace").decode(encoding))
