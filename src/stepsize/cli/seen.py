"""`stepsize report` and `stepsize watch`: runs as a page, a picture, or live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from .._language import say
from .kinds import Whole
from .log_options import log_options
from .output import EXIT_CODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..lab.records.foreign.wanted import Wanted

PORT = 7654


@click.command(epilog=EXIT_CODES)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="The page; report.html if left out.")
@click.option("--png", type=click.Path(path_type=Path, dir_okay=False), help="Save the picture as PNG.")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Save the picture as SVG.")
@click.option("--pdf", type=click.Path(path_type=Path, dir_okay=False), help="Save the picture as PDF.")
@log_options
def report(runs: tuple[Path, ...], wanted: Wanted, **options: Any) -> int:
    """Write one page of a run, or of several over each other: what happened, what was decided, what went wrong.

    RUN is what `stepsize diagnose` reads: a file of a Recorder or of `run.save(…)`, or a log of any training loop;
    several runs in one log lie over each other, unless --run names one. The
    page has loss, rates, norms, clips and decisions with their reasons, the diagnosis where it shows, and the numbers
    as a file. It is one file that asks the network for nothing. With a picture alone no page is written.

    Examples:

        stepsize report run.jsonl

        stepsize report first.jsonl second.jsonl --out both.html --png both.png
    """
    from .paths import look_for

    for one in runs:
        look_for(one, say("name a file that a Recorder or run.save(…) wrote, a CSV or a JSON lines log"))
    from .report import report_command

    return report_command(runs, wanted=wanted, **options)


@click.command(epilog=EXIT_CODES)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN|DIR")
@click.option("--terminal", is_flag=True, help="Show it here in the terminal.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address that may be asked.")
@click.option("--port", type=Whole(0, 65535), default=PORT, show_default=True, help="Its port; 0: any that is free.")
@log_options
def watch(runs: tuple[Path, ...], terminal: bool, host: str, port: int, wanted: Wanted) -> int:
    """Watch a run while it goes on: the page of `stepsize report`, with new rows as they are written.

    RUN is a log that a run writes; one that is not there yet is waited for. Of a DIR its logs are listed, the newest
    are shown. Only this machine can see the page, unless --host names another address; then it has a token. Ctrl-C
    ends it.

    Examples:

        stepsize watch run.jsonl

        stepsize watch runs --port 0

        stepsize watch run.jsonl --terminal
    """
    from .watch import watch_command

    return watch_command(runs, terminal, host, port, wanted)
