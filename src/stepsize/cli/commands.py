"""The commands of `stepsize`, each a few lines over the library; click reads the options, rich-click draws the help."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click as plain
import rich_click as click

from .. import __version__
from .._errors import StepsizeError
from .._language import LANGUAGES, commas, say, spoken
from .budget import Budget, BudgetKind
from .kinds import Above, Expression, Rates, Whole
from .looking import diagnose, study
from .output import DONE, EXIT_CODES, INTERRUPTED, fail, tell
from .scale import scale
from .seen import report, watch
from .start import DEFAULT_STEPS, MOST_STEPS
from .typed import apart, by_command, data_first, in_its_words, meant, shielded

click.rich_click.TEXT_MARKUP = "markdown"
click.rich_click.MAX_WIDTH = 100


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="stepsize")
@click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    expose_value=False,
    help="The language of what is told; that of the locale if left out.",
)
def main() -> None:
    """Any learning-rate strategy as one expression: look at it, compare it on your data.

    Try first:

        stepsize compare digits

        stepsize show "0.1 * (warmup('5%') >> cosine())"
    """


def run() -> int:
    """Run the command line and return its exit code; what goes wrong is one line, never a traceback."""
    try:
        words, script = apart(sys.argv[1:])
        with _in_its_language():
            code = main(args=shielded(words), standalone_mode=False, obj=script)
    except plain.exceptions.Exit as stop:
        code = stop.exit_code
    except plain.exceptions.Abort:
        tell(say("interrupted"))
        code = INTERRUPTED
    except SystemExit:  # click's answer to a reader that has gone, such as head
        raise BrokenPipeError from None
    except plain.ClickException as error:
        code = fail(_not_meant(error))
    except StepsizeError as error:
        code = fail(by_command(str(error), sys.argv[1:]))
    except MemoryError:
        code = fail(say("this does not fit into memory: pass fewer rows, or a smaller --rates grid"))
    return code if isinstance(code, int) else DONE


def _in_its_language() -> AbstractContextManager[None]:
    """The help in the language that is spoken; nothing is done for English."""
    if spoken() == "en":
        return nullcontext()
    from .helped import translated

    return translated(main)


def _not_meant(error: plain.ClickException) -> str:
    """What is said of a line that click refuses."""
    clicks = error.format_message()
    if better := meant(clicks):
        return better
    told, context = in_its_words(" ".join(clicks.split())), getattr(error, "ctx", None)
    if isinstance(error, plain.exceptions.NoSuchOption):
        from . import near_option

        told = near_option.told(error, sys.argv[1:])
    if context is None:
        return told
    return say("{problem} (see {command} --help)", problem=told, command=context.command_path)


def _units(command: Any) -> Any:
    """The options for what lengths in epochs, samples and tokens need."""
    for name, help_text in (
        ("--tokens-per-step", 'What "2e9tok" needs: tokens an update.'),
        ("--batch-size", 'What "1e6samples" needs: samples an update.'),
        ("--steps-per-epoch", 'What "3ep" needs: updates an epoch.'),
    ):
        command = click.option(name, type=Above(), help=help_text)(command)
    return command


@main.command(epilog=EXIT_CODES)
@click.argument("expressions", nargs=-1, required=True, metavar="EXPR...", type=Expression())
@click.option("--steps", type=Whole(1, MOST_STEPS), help=f"Updates in the run; {DEFAULT_STEPS} if left out.")
@click.option("--at", metavar="T,T,…", help="Only the values at these steps, such as 0,1,999.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a line and expression: the exact value of every step, or of --at.",
)
@click.option("--png", type=click.Path(dir_okay=False), help="Save the picture as PNG.")
@click.option("--svg", type=click.Path(dir_okay=False), help="Save the picture as SVG.")
@_units
def show(expressions: tuple[str, ...], **options: Any) -> int:
    """Show the curve of one or more expressions; a whole strategy shows its rate.

    Examples:

        stepsize show "0.1 * cosine()" "0.1 * exponential(0.01)" --steps 500

        stepsize show "adam() | 3e-4 * (warmup(100) >> cosine())" --at 0,99,100 --json
    """
    from .show import show as show_curves

    return show_curves(texts=expressions, **options)


@main.command(epilog=EXIT_CODES)
@click.argument("expression", metavar="EXPR", type=Expression())
@click.option("--steps", type=Whole(1, MOST_STEPS), help=f"Updates in the run; {DEFAULT_STEPS} if left out.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with the sentences.")
@_units
def explain(expression: str, steps: int | None, as_json: bool, **units: float | None) -> int:
    """Say in plain words what happens when.

    Example:

        stepsize explain "clip_norm(1) | adam() | 3e-4 * (warmup(500) >> cosine()) | clip(0.01)" --steps 10000
    """
    from .explain_and_diff import explain_command

    return explain_command(expression, steps, as_json, **units)


@main.command(epilog=EXIT_CODES)
@click.argument("first", metavar="EXPR", type=Expression())
@click.argument("second", metavar="EXPR", type=Expression())
@click.option("--steps", type=Whole(1, MOST_STEPS), default=1000, show_default=True, help="Updates in the run.")
@click.option("--png", type=click.Path(dir_okay=False), help="Save both curves as PNG.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@_units
def diff(first: str, second: str, steps: int, png: str | None, as_json: bool, **units: float | None) -> int:
    """Say where two expressions differ, and by how much.

    Example:

        stepsize diff "0.1 * cosine()" "0.1 * linear()" --steps 500
    """
    from .explain_and_diff import diff_command

    return diff_command(first, second, steps, png, as_json, **units)


@main.command("list", epilog=EXIT_CODES)
@click.option("--kind", metavar="KIND", help="Only the words of one kind, such as controller.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and word.")
def list_words(kind: str | None, as_json: bool) -> int:
    """List the whole vocabulary, one line a word.

    Examples:

        stepsize list

        stepsize list --kind controller
    """
    from . import words

    kind = None if kind is None else kind.lower().removesuffix("s")
    if kind not in (None, *words.KINDS):
        kinds = commas(words.KINDS)
        raise StepsizeError(say("there is no kind {kind!r}: write one of {kinds}", kind=kind, kinds=kinds))
    return words.list_words(kind, as_json)


@main.command("help", epilog=EXIT_CODES)
@click.argument("word", required=False)
def help_word(word: str | None) -> int:
    """Tell all of one WORD of the vocabulary, or of one command.

    Examples:

        stepsize help cosine

        stepsize help tune
    """
    if word is None or word in main.commands:
        return int(main.main(args=[*filter(None, [word]), "--help"], standalone_mode=False) or 0)
    from . import words

    return words.help_word(word)


@main.command(epilog=EXIT_CODES)
@click.argument("data")
@click.argument("expressions", nargs=-1, metavar="[EXPR...]", type=Expression())
@click.option("--target", metavar="COLUMN", help="The column to predict, for a file of your own.")
@click.option("--task", type=click.Choice(["regression", "classification"]), help="Say it where the column cannot.")
@click.option("--steps", type=Whole(1, 10_000_000), default=500, show_default=True, help="Updates in each run.")
@click.option("--batch-size", type=Whole(min=0), default=32, show_default=True, help="Rows an update; 0: all.")
@click.option("--seeds", type=Whole(2, 1000), default=5, show_default=True, help="Runs at every base rate.")
@click.option("--rates", type=Rates(), help="Base rates for all besides each one's own; else three decades around it.")
@click.option("--reference", metavar="NAME|none", help="The strategy that others are held against.")
@click.option("--jobs", type=Whole(1, 256), default=1, show_default=True, help="Processes that train.")
@click.option("--cluster", metavar="ADDRESS", help="Train on the workers of this dask scheduler, tcp://HOST:PORT.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder for page, pictures and journal.")
@click.option("--csv", type=click.Path(path_type=Path, dir_okay=False), help="Save the table as CSV.")
@click.option("--latex", type=click.Path(path_type=Path, dir_okay=False), help="Save the table as LaTeX.")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Save the pictures as SVG.")
@click.option("--pdf", type=click.Path(path_type=Path, dir_okay=False), help="Save the pictures as PDF.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and strategy, then the verdict.")
def compare(
    data: str,
    expressions: tuple[str, ...],
    out: Path | None,
    csv: Path | None,
    latex: Path | None,
    svg: Path | None,
    pdf: Path | None,
    **options: Any,
) -> int:
    """Train strategies on DATA, over base rates and seeds, and say what is shown and what is not.

    DATA is digits, diabetes, breast_cancer or wine, or a CSV or Parquet file with --target: softmax regression for
    classes, least squares for numbers. Or a torch model on bundled data: digits-mlp, digits-cnn or topics-transformer.
    Or path/to/file.py:function, a function of yours that returns a problem, two (one to choose by), three (one to
    judge by), or a training loop; its file is run. Each EXPR may have a name: NAME=EXPR. With no EXPR it compares the
    eight strategies of the introductory texts.

    A folder of --out grows: strategies, rates, seeds and steps may be added, and what it holds is not trained again.

    Examples:

        stepsize compare digits --out digits-report

        stepsize compare wine "sgd() | 0.1" "Adam=adam() | 0.01 * cosine()" --seeds 10 --jobs 2

        stepsize compare houses.csv --target price --rates 1e-4:1:9

        stepsize compare model.py:digits "sgd(momentum=0.9) | 0.1" "adam() | 0.003 * cosine()" --rates 0.001,0.01,0.1
    """
    from .paths import look_at

    look_at(data)
    data_first("compare", data)
    from .compare import compare_command
    from .exports import Exports

    return compare_command(data, expressions, exports=Exports(out, csv, latex, svg, pdf), **options)


@main.command(epilog=EXIT_CODES)
@click.argument("data")
@click.argument("expressions", nargs=-1, metavar="[EXPR...]", type=Expression())
@click.option("--budget", type=BudgetKind(), default="4", show_default=True, help="Runs; or 12trials begun; or 20min.")
@click.option("--target", metavar="COLUMN", help="The column to predict, for a file of your own.")
@click.option("--task", type=click.Choice(["regression", "classification"]), help="Say it where the column cannot.")
@click.option("--steps", type=Whole(1, 10_000_000), default=500, show_default=True, help="Updates in a whole run.")
@click.option("--batch-size", type=Whole(min=0), default=32, show_default=True, help="Rows an update; 0: all.")
@click.option("--jobs", type=Whole(1, 256), default=1, show_default=True, help="Processes that train.")
@click.option("--cluster", metavar="ADDRESS", help="Train on the workers of this dask scheduler, tcp://HOST:PORT.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder for the page and the journal.")
@click.option("--resume", is_flag=True, help="Go on with the search in --out; an error where there is none.")
@click.option("--prior", type=click.Path(path_type=Path), multiple=True, metavar="DIR", help="Folder of earlier tunes.")
@click.option("--maximise", is_flag=True, help="What the script reports is to be high, such as an accuracy.")
@click.option("--json", "as_json", is_flag=True, help="The verdict as one JSON object.")
@click.pass_obj
def tune(
    script: tuple[str, ...], /, data: str, expressions: tuple[str, ...], budget: Budget, maximise: bool, **options: Any
) -> int:
    """Find the learning rate for DATA at the price of a few runs, and say how sure it is.

    DATA is what `stepsize compare` takes. Each EXPR is a strategy whose rate is to be found; its own rate is a guess.
    With no EXPR, SGD with momentum and Adam compete, both with a warm-up and a cosine. The answer is an expression to
    paste, the loss to expect, the rates that are as good, and what the budget cannot tell. Ctrl-C gives the answer so
    far. With --out a larger budget goes on from a smaller one.

    Or a script of yours: only EXPRs, then -- and the command that trains; the script asks `stepsize.trial()` for its
    strategy and reports its loss (docs/tune-your-own.md).

    Examples:

        stepsize tune digits

        stepsize tune model.py:train "adam() | 1e-3 * (warmup('5%') >> cosine())" --steps 2000 --budget 6 --out search

        stepsize tune houses.csv --target price --budget 2min

        stepsize tune "adam() | 1e-3 * cosine()" --steps 2000 -- python train.py
    """
    if script:
        from .tune_script import tune_script

        own = {name: options[name] for name in ("steps", "out", "jobs", "as_json", "prior", "resume")}
        for name, default in (("target", None), ("task", None), ("batch_size", 32), ("cluster", None)):
            if options[name] != default:
                option = f"--{name.replace('_', '-')}"
                raise StepsizeError(say("{option} is for DATA, and the script decides: leave it out", option=option))
        own |= {"budget": budget.runs, "seconds": budget.seconds, "trials": budget.trials}
        return tune_script((data, *expressions), script, maximise=maximise, **own)
    if maximise:
        raise StepsizeError(
            say("--maximise is for a script that reports a score: of DATA the loss decides; leave it out")
        )
    from .paths import look_at

    data_first("tune", data, expressions)
    look_at(data)
    from .tune import tune_command

    return tune_command(data, expressions, budget=budget, **options)


@main.command(epilog=EXIT_CODES)
@click.argument("data")
@click.argument("text", required=False, metavar="[EXPR]", type=Expression())
@click.option("--target", metavar="COLUMN", help="The column to predict, for a file of your own.")
@click.option("--task", type=click.Choice(["regression", "classification"]), help="Say it where the column cannot.")
@click.option("--low", type=Above(), help="The rate that the test begins at.")
@click.option("--high", type=Above(), help="The rate that it ends at.")
@click.option("--share", type=Above(1), help="How long it is, as a share of --steps.")
@click.option("--steps", type=Whole(1, 10_000_000), help="Updates of the run that the rate is for.")
@click.option("--batch-size", type=Whole(min=0), default=32, show_default=True, help="Rows an update; 0: all.")
@click.option("--seed", type=Whole(min=0), default=0, show_default=True, help="Decides the start and the batches.")
@click.option("--png", type=click.Path(path_type=Path, dir_okay=False), help="Save the picture as PNG.")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Save the picture as SVG.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def find(data: str, text: str | None, **options: Any) -> int:
    """Read a range test: one short run whose rate rises, and what the published rules make of it.

    It prints the rate of each rule by its name, an interval, and how far that may be trusted, or that nothing can be
    told. Use `stepsize tune` to choose a rate.

    Example:

        stepsize find digits "sgd(momentum=0.9) | 0.1" --png sweep.png
    """
    from .paths import look_at

    data_first("find", data)
    look_at(data)
    from .find import find_command

    return find_command(data, text, **{name: one for name, one in options.items() if one is not None})


main.add_command(scale)
main.add_command(study)
main.add_command(diagnose)
main.add_command(report)
main.add_command(watch)
