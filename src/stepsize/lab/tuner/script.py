"""A script that trains one trial: started, followed by its reports, stopped where it should."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._errors import StepsizeError
from ..._language import Note, say
from ..._reasons import reason
from ...course import log
from ..choose.answer import Verdict
from .desk import Desk, Handed
from .given import ANSWER, REPORTS, TOLD, VARIABLE

GRACE_SECONDS = 30.0  # from being told to stop to being ended
LOOK_EVERY_SECONDS = 0.005
OTHERS_EVERY_SECONDS = 0.5
OUTPUT = "output.txt"
LAST_LINES = 5
NOT_OWN = ("site-packages", "/lib/python3", str(Path(__file__).parents[2]))  # files that the user has not written


class ScriptError(StepsizeError):
    """The script does not do what tuning it needs: no other trial would fare better."""


class Script:
    """One process of the user's command, and the folder where it reports."""

    def __init__(self, command: Sequence[str], handed: Handed, folder: Path) -> None:
        self.command, self.handed, self.folder = command, handed, folder
        self.read, self.asked, self.finished = 0, False, False
        self.told_to_stop: float | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for name in (REPORTS, ANSWER):
            (folder / name).unlink(missing_ok=True)
        trial = handed.trial
        told = {"strategy": str(trial.strategy), "seed": trial.seed, "steps": trial.steps, "parent": os.getpid()}
        log.put(folder / TOLD, [log.line_of(told)])
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, VARIABLE: str(self.folder.resolve())}
        with (self.folder / OUTPUT).open("wb") as output:
            try:
                return subprocess.Popen(
                    self.command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # so that what it starts can be ended with it
                )
            except OSError as error:
                raise ScriptError(
                    say("{command} cannot be started: {why}", command=self.command[0], why=reason(error))
                ) from None

    def rows(self) -> list[dict[str, Any]]:
        """What it said since the last look, by whole lines."""
        try:
            with (self.folder / REPORTS).open("rb") as file:
                file.seek(self.read)
                new = file.read()
        except FileNotFoundError:
            return []
        whole = new[: new.rfind(b"\n") + 1]
        self.read += len(whole)
        return list(log.lines_in(whole).rows)

    def answer(self, until: int) -> None:
        """It may go on up to this step; −1 tells it to stop."""
        if until < 0 and self.told_to_stop is None:
            self.told_to_stop = time.monotonic()
        log.put(self.folder / ANSWER, [log.line_of({"until": until})])

    @property
    def overdue(self) -> bool:
        """Whether it was told to stop and goes on."""
        return self.told_to_stop is not None and time.monotonic() - self.told_to_stop > GRACE_SECONDS

    def end(self, patience_seconds: float = 2.0) -> None:
        """End it, and what it has started."""
        if self.process.poll() is None:
            self._send(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_seconds)
        if os.name != "nt":
            self._send(signal.SIGKILL)
        elif self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _send(self, sign: int) -> None:
        try:
            if os.name == "nt":
                self.process.terminate()
            else:
                os.killpg(self.process.pid, sign)
        except (ProcessLookupError, PermissionError):  # nothing is left of it
            pass

    def last_lines(self) -> str:
        """The last lines that it printed, as one line; of a traceback where it ended and what was wrong."""
        with (self.folder / OUTPUT).open("rb") as file:
            file.seek(max(file.seek(0, 2) - 4000, 0))
            lines = [one.strip() for one in file.read().decode(errors="replace").splitlines() if one.strip()]
        return " | ".join(_without_trace(lines)[-LAST_LINES:]) or Note("it printed nothing")


@dataclass
class Scripts:
    """The trials of a desk, trained by a command, so many at once.

    `on_begin` and `on_end` are told of every trial, `on_end` with a sentence where something was wrong.
    """

    desk: Desk
    command: Sequence[str]
    folder: Path
    jobs: int = 1
    seconds: float | None = None
    on_begin: Callable[[Handed], None] = lambda _: None
    on_end: Callable[[Handed, str], None] = lambda *_: None

    def run(self) -> bool:
        """Train until the policy has its verdict; False where the time was over before.

        An interrupt ends the scripts, and is raised again; what they were judged by is kept.
        """
        running: list[Script] = []
        end = None if self.seconds is None else time.monotonic() + self.seconds
        again = 0.0  # when others are asked what they did
        try:
            while True:
                if end is not None and time.monotonic() >= end:
                    return False
                while len(running) < self.jobs and time.monotonic() >= again:
                    found = self.desk.next()
                    if isinstance(found, Verdict):
                        return True
                    if found is None:
                        again = time.monotonic() + OTHERS_EVERY_SECONDS
                        break
                    self.on_begin(found)
                    running.append(Script(self.command, found, self.folder / found.trial.key))
                for one in list(running):
                    if self._over(one):
                        running.remove(one)
                        again = 0.0
                time.sleep(LOOK_EVERY_SECONDS)
        finally:
            for one in running:
                one.end()
            for handed in list(self.desk.in_hand.values()):
                self.desk.leave(handed, orderly=True)

    def _over(self, one: Script) -> bool:
        """Take in what a script said; whether it has ended, or was ended."""
        ended = one.process.poll() is not None  # before its file is read, so that nothing is missed
        for row in one.rows():
            self._take(one, row)
        if not ended and not one.overdue:
            return False
        late = Note("it went on for {seconds:g} s after it was told to stop, and was ended", seconds=GRACE_SECONDS)
        one.end()
        self.on_end(one.handed, self._judge_end(one) if ended else late)
        return True

    def _take(self, one: Script, row: dict[str, Any]) -> None:
        one.asked = True
        kind, handed = row.get("kind"), one.handed
        if kind == "finish" and not handed.stopped:
            self.desk.finish(handed, log.number_in(row["loss"]))
        elif kind == "report" and not handed.stopped:
            handed.reports.add(row["step"], log.number_in(row["loss"]))
            goes_on = self.desk.goes_on(handed)
            if not goes_on or row["step"] >= handed.answered:
                handed.answered = _answered(handed, row["step"]) if goes_on else -1
                one.answer(handed.answered)

    def _judge_end(self, one: Script) -> str:
        """What the end of a script says of its trial; a mistake that every trial would make is an error."""
        handed, code = one.handed, one.process.returncode
        if handed.stopped:
            return ""
        if mistake := _mistake(" ".join(self.command), one):
            raise ScriptError(mistake)
        if code == 0:
            self.desk.finish(handed)
            return ""
        died = Note(
            "it ended with {code} after step {step} and counts as diverged: {lines}",
            code=_code(code),
            step=handed.reports.made,
            lines=one.last_lines(),
        )
        self.desk.broke(handed, died)
        return died


def _mistake(name: str, one: Script) -> str:
    """What every trial of this script would do wrong, by the end of one; empty where nothing."""
    reports, steps, code = one.handed.reports, one.handed.trial.steps, one.process.returncode
    if not one.asked and code == 0:
        return say("{name} ended and never asked for a trial: write trial = stepsize.trial(…) in it", name=name)
    if not reports.slots and code == 0:
        return say(
            "{name} ended without a report: {lines}; write trial.report(step, loss) in its loop",
            name=name,
            lines=one.last_lines(),
        )
    if not reports.slots:
        return say(
            "{name} ended with {code} before its first report: {lines}",
            name=name,
            code=_code(code),
            lines=one.last_lines(),
        )
    if code == 0 and reports.made < steps:
        return say(
            "{name} ended after {made} of {steps} steps without an end: say trial.finish(loss)",
            name=name,
            made=reports.made,
            steps=steps,
        )
    return ""


def _without_trace(lines: Sequence[str]) -> list[str]:
    """What was printed after the last traceback began, without its frames; the place in the user's own file stays.

    >>> trace = ["Traceback (most recent call last):", 'File "t.py", line 3, in <module>', "f()", "^^^", "OSError: no"]
    >>> _without_trace(["epoch 1", *trace])
    ['File "t.py", line 3, in <module>', 'OSError: no']
    """
    heads = [place for place, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    if not heads:
        return list(lines)
    after = lines[heads[-1] + 1 :]
    frames = [place for place, line in enumerate(after) if line.startswith('File "')]
    own = [after[place] for place in frames if not any(one in after[place] for one in NOT_OWN)]
    said = [line for line in after[frames[-1] + 2 if frames else 0 :] if line.strip("^~ ")]
    return [*own[-1:], *said]


def _answered(handed: Handed, step: int) -> int:
    """Until which step a trial may go without asking again; at its end, for good: of the end `finish` speaks."""
    return handed.trial.steps + 1 if step >= handed.trial.steps else handed.look


def _code(code: int) -> str:
    return Note("exit code {code}", code=code) if code >= 0 else Note("signal {number}", number=-code)
