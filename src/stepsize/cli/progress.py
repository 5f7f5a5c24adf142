"""The bar of a study: trials done and running, the best so far, and the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .._language import commas, say
from ..lab.choose.answer import Asked, Verdict
from ..lab.places.base import Event, Listener
from ..lab.study.study import Progress as Far
from ..lab.study.wanted import chosen_loss
from .output import tell


@contextmanager
def shown(total: int) -> Iterator[tuple[Callable[[Far], None], Listener]]:
    """What a study tells how far it is and what its workers do; a bar in a terminal, else a line each time."""
    console = Console(stderr=True)
    columns = (
        TextColumn(say("training")),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(say("runs⟨behind a count⟩"), total=total)
        running: dict[str, int] = {}
        best = [""]

        def on_progress(far: Far) -> None:
            best[0] = told(far)
            bar.update(task, total=far.total, completed=far.done, description=_described(running, best[0]))
            if bar.disable:
                tell(say("trained {done} of {total} runs{best}", done=far.done, total=far.total, best=best[0]))

        def on_event(event: Event) -> None:
            if event.kind == "started" and event.portion is not None:
                running[event.worker] = len(event.portion.trials)
            elif event.kind in ("finished", "failed", "lost"):
                running.pop(event.worker, None)
            bar.update(task, description=_described(running, best[0]))
            if event.kind in ("lost", "refused", "said"):
                line = event.text if event.text.startswith(event.worker) else f"{event.worker}: {event.text}"
                bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield on_progress, on_event


@contextmanager
def spending(runs: float, seconds: float | None) -> Iterator[tuple[Callable[[Asked, Verdict | None], None], Listener]]:
    """What a search tells when it asks for trials, and what its workers do; a bar of what is spent, else lines."""
    console = Console(stderr=True)
    columns = (TextColumn(say("tuning")), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None if seconds is not None else runs)

        def on_asked(asked: Asked, so_far: Verdict | None) -> None:
            cost = 0.0 if so_far is None else so_far.cost
            spent = spent_of(cost, None if seconds is not None else runs)
            if bar.disable:
                tell(_told(asked, spent, so_far))
            elif so_far is None:
                bar.update(task, completed=cost, description=spent)
            else:
                described = say("{spent}; best so far {best}", spent=spent, best=so_far.text)
                bar.update(task, completed=cost, description=described)

        def on_event(event: Event) -> None:
            if event.kind in ("lost", "refused", "said"):
                bar.console.print(f"{event.worker}: {event.text}", markup=False, highlight=False)

        yield on_asked, on_event


def spent_of(cost: float, runs: float | None) -> str:
    """What was spent, of how many runs where they are limited."""
    if runs is None:
        return say("{cost:.2g} runs", cost=cost)
    return say("{cost:.2g} of {runs:g} runs", cost=cost, runs=runs)


def _told(asked: Asked, spent: str, so_far: Verdict | None) -> str:
    """What is trained next and why, in a line."""
    ahead, why = following(asked), asked.why
    if so_far is None:
        return say("{spent} spent; next {following} ({why})", spent=spent, following=ahead, why=why)
    return say(
        "{spent} spent; best so far {best}; next {following} ({why})",
        spent=spent,
        best=so_far.text,
        following=ahead,
        why=why,
    )


def following(asked: Asked) -> str:
    """What is trained next, each strategy once with its rates."""
    lots: dict[tuple[str, int], list[str]] = {}
    for one in asked.parts:
        lots.setdefault((one.trial.text, one.until), []).append(f"{one.trial.rate:.2g}")
    return say(", ").join(
        say(
            "{text} at {rates} to update {until}",
            text=text,
            rates=commas(rates),
            until=until,
        )
        for (text, until), rates in lots.items()
    )


def _described(running: dict[str, int], best: str) -> str:
    return say("runs, {count} running{best}", count=sum(running.values()), best=best)


def told(far: Far) -> str:
    """What is best so far, and what others train."""
    parts = []
    if far.best is not None:
        trial = far.best.trial
        name = trial.name if len(trial.name) <= 30 else f"{trial.name[:29]}…"
        best = {"loss": f"{chosen_loss(far.best):.4g}", "name": name, "rate": f"{trial.rate:.4g}"}
        parts.append(say(", best so far {loss} by {name} at {rate}", **best))
    if far.elsewhere:
        parts.append(say(", {count} trained by another process", count=far.elsewhere))
    return "".join(parts)
