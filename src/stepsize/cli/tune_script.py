"""`stepsize tune EXPR -- COMMAND`: a script of the user's in; the expression to paste out."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .._errors import StepsizeError
from ..lab.choose.answer import Verdict
from ..lab.compare import split_name
from ..lab.study.journal import FILE
from ..lab.tuner.desk import Desk, Handed, policy_for, subject_of
from ..lab.tuner.script import Scripts
from ..report.tuned import sentences
from .notes import as_notes
from .output import DONE, INTERRUPTED, print_json, tell
from .tune import look_resumed, with_earlier

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
    policy = policy_for(given, subject.fingerprint, steps=steps, budget=budget, seeds=1, pausing=False, trials=trials)
    with as_notes():
        policy = with_earlier(policy, prior, out)
    with as_notes(), tempfile.TemporaryDirectory() as scratch:
        desk = Desk(policy, subject, out, maximise=maximise)
        scripts = Scripts(
            desk, command, (out or Path(scratch)) / RUNS, jobs=jobs, seconds=seconds, on_begin=_begun, on_end=_ended
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
        verdict = desk.policy_verdict()
    _print(verdict, maximise, as_json)
    if out is not None:
        tell(f"written to {out}: {FILE}, {RUNS}; the same command with a larger --budget goes on")
    if interrupted:
        tell(f"interrupted: this is the verdict so far; to go on, repeat: {shlex.join(['stepsize', *sys.argv[1:]])}")
        return INTERRUPTED
    return DONE


def _begun(handed: Handed) -> None:
    trial = handed.trial
    tell(f"training {trial.strategy}, seed {trial.seed}")


def _ended(handed: Handed, said: str) -> None:
    trial, made = handed.trial, handed.reports.made
    if said:
        tell(f"{trial.strategy}: {said}")
    elif made < trial.steps:
        tell(f"{trial.strategy}: stopped after {made} of {trial.steps} steps")
    else:
        tell(f"{trial.strategy}: ended at {handed.reports.last:.4g}")


def _print(verdict: Verdict, maximise: bool, as_json: bool) -> None:
    if as_json:
        print_json(verdict.as_dict())
        return
    print("\n".join([verdict.text, *sentences(verdict, "score" if maximise else "loss")]))
    for line in verdict.unknown:
        print(f"- {line}")
    sys.stdout.flush()
