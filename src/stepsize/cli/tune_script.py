"""`stepsize tune EXPR -- COMMAND`: a script of the user's in; the expression to paste out."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .._errors import StepsizeError
from .._language import heard, say
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
from .progress import spent_of
from .tune import PAGE, look_resumed, say_written, with_earlier

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
        raise StepsizeError(say('write stepsize tune "adam() | 1e-3 * cosine()" --steps 2000 -- python train.py'))
    look_resumed(out, resume)
    subject = subject_of(shlex.join(command), maximise)
    given = [split_name(one)[1] for one in texts]
    if (given[0].isidentifier() and given[0] not in WORDS) or Path(given[0]).exists():
        raise StepsizeError(
            say("a script has its own data: leave {given!r} out, and write strategies alone before --", given=given[0])
        )
    policy = policy_for(given, subject.fingerprint, steps=steps, budget=budget, seeds=1, pausing=False, trials=trials)
    with as_notes():
        policy = with_earlier(policy, prior, out)
    with as_notes(), tempfile.TemporaryDirectory() as scratch:
        desk = Desk(policy, subject, out, maximise=maximise)
        scripts = Scripts(desk, command, (out or Path(scratch)) / RUNS, jobs=jobs, seconds=seconds, on_begin=_begun)
        scripts.on_end = lambda handed, said: tell(
            say(
                "{strategy}: {how}; {so_far}",
                strategy=handed.trial.strategy,
                how=_how(handed, said),
                so_far=_so_far(desk, seconds is None),
            )
        )
        whole = interrupted = False
        try:
            whole = scripts.run()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            desk.close()
        if not whole and not desk.outcomes():
            tell(say("ended before a trial was judged: there is no verdict yet"))
            return INTERRUPTED
        verdict, outcomes = desk.policy_verdict(), desk.outcomes()
    try:
        _print(verdict, as_json)
    finally:  # a pipe may have broken
        if out is not None:
            mine = tuple(one for one in outcomes if policy.arm(one.trial) is not None)  # there may be other runs too
            about = replace(subject, model=say("A script, by what it reports."))
            page = tuned_page(Tuned(verdict, mine, ()), about, "score" if maximise else "loss")
            put(out / PAGE, [page.encode()])
    if out is not None:
        say_written(out, FILE, RUNS)
    if interrupted:
        tell(so_far(out))
        return INTERRUPTED
    return DONE


def _begun(handed: Handed) -> None:
    trial = handed.trial
    tell(say("training {strategy}, seed {seed}", strategy=trial.strategy, seed=trial.seed))


def _so_far(desk: Desk, in_runs: bool) -> str:
    """What is spent, and the best so far."""
    found = desk.policy_verdict()
    spent = spent_of(found.cost, desk.policy.budget if in_runs else None)
    return say("{spent} spent, best so far {best}", spent=spent, best=found.text)


def _how(handed: Handed, said: str) -> str:
    """How a trial ended."""
    made, steps = handed.reports.made, handed.trial.steps
    if said:
        return str(heard(said))
    if made < steps:
        return say("stopped after {made} of {steps} steps", made=made, steps=steps)
    return say("ended at {loss:.4g}", loss=handed.reports.last)


def _print(verdict: Verdict, as_json: bool) -> None:
    if as_json:
        print_json(verdict.as_dict())
        return
    print(verdict)
    sys.stdout.flush()
