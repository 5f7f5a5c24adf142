"""`stepsize tune EXPR -- COMMAND`: a script of the user's in; the expression to paste out."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .._errors import StepsizeError
from ..course.log import put
from ..lab.choose.answer import Verdict
from ..lab.compare import split_name
from ..lab.study.journal import FILE
from ..lab.tune import Tuned
from ..lab.tuner.desk import Desk, Handed, policy_for, subject_of
from ..lab.tuner.script import Scripts
from ..report.tuned import tuned_page
from ..vocabulary import WORDS
from .notes import as_notes
from .output import DONE, INTERRUPTED, print_json, so_far, tell
from .tune import PAGE, look_resumed, with_earlier

RUNS = "scripts"  # the folder of what the scripts printed and reported


def tune_script(
    texts: Sequence[str],
    command: Sequence[str],
    *,
    steps: int,
    budget: float,
    seconds: float | None,
    out: Path | None,
    jobs: int,
    maximise: bool,
    as_json: bool,
    trials: int | None = None,
    prior: Sequence[Path] = (),
    resume: bool = False,
) -> int:
    """Tune a script and print the verdict; returns the exit code. Ctrl-C gives the verdict so far."""
    if not texts or not command:
        raise StepsizeError('write stepsize tune "adam() | 1e-3 * cosine()" --steps 2000 -- python train.py')
    look_resumed(out, resume)
    subject = subject_of(shlex.join(command), maximise)
    given = [split_name(one)[1] for one in texts]
    if (given[0].isidentifier() and given[0] not in WORDS) or Path(given[0]).exists():
        raise StepsizeError(f"a script has its own data: leave {given[0]!r} out, and write strategies alone before --")
    policy = policy_for(given, subject.fingerprint, steps=steps, budget=budget, seeds=1, pausing=False, trials=trials)
    with as_notes():
        policy = with_earlier(policy, prior, out)
    with as_notes(), tempfile.TemporaryDirectory() as scratch:
        desk = Desk(policy, subject, out, maximise=maximise)
        scripts = Scripts(desk, command, (out or Path(scratch)) / RUNS, jobs=jobs, seconds=seconds, on_begin=_begun)
        scripts.on_end = lambda handed, said: tell(
            f"{handed.trial.strategy}: {_how(handed, said)}; {_so_far(desk, seconds is None)}"
        )
        whole = interrupted = False
        try:
            whole = scripts.run()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            desk.close()
        if not whole and not desk.outcomes():
            tell("ended before a trial was judged: there is no verdict yet")
            return INTERRUPTED
        verdict, outcomes = desk.policy_verdict(), desk.outcomes()
    try:
        _print(verdict, as_json)
    finally:  # a pipe may have broken
        if out is not None:
            mine = tuple(one for one in outcomes if policy.arm(one.trial) is not None)  # there may be other runs too
            about = replace(subject, model="A script, by what it reports.")
            page = tuned_page(Tuned(verdict, mine, ()), about, "score" if maximise else "loss")
            put(out / PAGE, [page.encode()])
    if out is not None:
        files = f"{PAGE} (open it in a browser), {FILE}, {RUNS}"
        tell(f"written to {out}: {files}; the same command with a larger --budget goes on")
    if interrupted:
        tell(so_far(out))
        return INTERRUPTED
    return DONE


def _begun(handed: Handed) -> None:
    trial = handed.trial
    tell(f"training {trial.strategy}, seed {trial.seed}")


def _so_far(desk: Desk, in_runs: bool) -> str:
    """What is spent, and the best so far."""
    found = desk.policy_verdict()
    of = f" of {desk.policy.budget:g}" if in_runs else ""
    return f"{found.cost:.2g}{of} runs spent, best so far {found.text}"


def _how(handed: Handed, said: str) -> str:
    """How a trial ended."""
    made, steps = handed.reports.made, handed.trial.steps
    if said:
        return said
    return f"stopped after {made} of {steps} steps" if made < steps else f"ended at {handed.reports.last:.4g}"


def _print(verdict: Verdict, as_json: bool) -> None:
    if as_json:
        print_json(verdict.as_dict())
        return
    print(verdict)
    sys.stdout.flush()
