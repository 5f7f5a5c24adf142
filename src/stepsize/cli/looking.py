"""The commands that look at what is there: `stepsize study` at folders of studies, `stepsize diagnose` at runs."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from .._language import say
from .log_options import log_options
from .output import EXIT_CODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..lab.records.foreign.wanted import Wanted


@click.group(epilog=EXIT_CODES)
def study() -> None:
    """Look at the folders that `stepsize compare --out DIR` and `stepsize tune --out DIR` make, and merge them."""


@study.command("show", epilog=EXIT_CODES)
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and trial.")
def show_study(folder: Path, as_json: bool) -> int:
    """Print what the study in DIR holds: its trials, and the table of each comparison.

    Example:

        stepsize study show digits-report
    """
    from .paths import look_for

    look_for(folder, say("name the --out folder of an earlier stepsize compare or tune"))
    from .study import show_command

    return show_command(folder, as_json)


@study.command("merge", epilog=EXIT_CODES)
@click.argument("into", type=click.Path(path_type=Path), metavar="DIR")
@click.argument("others", type=click.Path(path_type=Path), nargs=-1, metavar="OTHER...")
def merge_studies(into: Path, others: tuple[Path, ...]) -> int:
    """Write into DIR what the OTHER studies hold and it lacks; they stay as they are.

    Example:

        stepsize study merge all-runs from-monday from-tuesday
    """
    from .paths import look_for

    for one in others:
        look_for(one, say("name the --out folder of an earlier stepsize compare or tune"))
    from .study import merge_command

    return merge_command(into, others)


@click.command(epilog=EXIT_CODES)
@click.argument("path", type=click.Path(path_type=Path), metavar="RUN")
@log_options
@click.option("--strategy", metavar="NAME", help="Of a journal, the runs of this strategy, by its name or its text.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a run: findings, healthy rules, not judged.")
def diagnose(path: Path, wanted: Wanted, strategy: str | None, as_json: bool) -> int:
    """Say what went wrong in a training run, with the numbers that show it and what to try.

    RUN is a file of `run.save(…)`, or a log of any training loop: a table, JSON, what a terminal printed, event files
    of TensorBoard, or what transformers, Lightning, Keras, MLflow and others write; it needs a loss, and is the better
    with step, lr and grad_norm. Or the journal that `stepsize compare --out DIR` keeps, whose runs are told in a line
    each. The exit code is 0 whatever is found.

    Examples:

        stepsize diagnose lightning_logs/version_0/metrics.csv

        stepsize diagnose sweep.csv --loss "train/ce" --step it --run seed-3

        stepsize diagnose digits-report/journal.jsonl --strategy infrared
    """
    from .paths import look_for

    look_for(path, say("name a file of run.save(…), a CSV or a JSON lines log"))
    from .diagnose import diagnose_command

    return diagnose_command(path, wanted, strategy, as_json)
