"""The journal of a study: lines of problems, plans and trials, that grow in any order and by any hand."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..._errors import StepsizeError
from ..._language import say
from ...course import log
from ..records.lines import BROKEN
from ..trials.outcome import Outcome
from .claims import FOLDER as CLAIMS
from .plan import Plan, Subject

FILE = "journal.jsonl"
VERSION = 3  # 2 was one comparison, which could not grow; 1 had measured losses only
HEAD = b'{"kind": "study"'
KNOWN = (HEAD, b'{"kind": "problem"', b'{"kind": "plan"', b'{"kind": "trial"')
OLDER = b'{"kind": "settings"'
STATES = "paused"  # where the states of trials that are not over are kept
OURS = (CLAIMS, STATES)
UNREADABLE = (*BROKEN, StepsizeError)


class Journal:
    """What is known of a study: in a folder that grows line by line, or in memory where there is no folder.

    `outcomes` are what trials did, the furthest of each, by the key of the trial and the environment (the versions in
    words) that it was trained in. `subjects` are the problems by their fingerprint, `plans` what was asked for, the
    oldest first. A line that is damaged or of another kind costs that line, which a warning names.
    """

    def __init__(self, folder: Path | None = None, file: str = FILE) -> None:
        self.folder = folder
        self.path = None if folder is None else folder / file
        self.outcomes: dict[tuple[str, str], Outcome] = {}
        self.subjects: dict[str, Subject] = {}
        self.plans: list[Plan] = []
        self.heard: list[tuple[str, str]] = []  # the place of each outcome, as they came
        self._read = 0  # bytes
        self._lines = 0
        self._states: dict[str, bytes] = {}
        if folder is not None:
            _check(folder, folder / file)
            self.refresh()

    def refresh(self) -> None:
        """Take in what others have written since; the half line of somebody who writes now is left for later."""
        if self.path is None or not self.path.is_file():
            return
        with self.path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        if not whole:
            return
        first, self._read = self._lines, self._read + len(whole)
        self._lines += whole.count(b"\n")
        lines = log.lines_in(whole)
        foreign = [first + place for place in lines.damaged]
        for row, place in zip(lines.rows, lines.places, strict=True):
            self._check_version(row)
            try:
                self._take(row, f"{self.path}:{first + place}")
            except UNREADABLE:
                foreign.append(first + place)
        if foreign:
            warnings.warn(log.left_out(self.path, sorted(foreign)), stacklevel=3)

    def add(self, *outcomes: Outcome) -> None:
        """Write down what trials did; each is on disk when this returns. A full disk is an error, and tears no line."""
        self._append({"kind": "trial", **one.as_dict()} for one in outcomes)

    def know(self, subject: Subject) -> None:
        """Write down a problem that is not there yet."""
        if self.subjects.get(subject.fingerprint) != subject:
            self._append([{"kind": "problem", **subject.as_dict()}])

    def ask(self, plan: Plan) -> None:
        """Write down what is asked for, where the last plan asked for something else."""
        self.know(plan.subject)
        if self.plans[-1:] != [plan]:
            self._append([{"kind": "plan", **plan.as_dict()}])

    def keep(self, key: str, environment: str, step: int, state: bytes) -> None:
        """Keep the state of a trial that is paused at this step, in place of an earlier one."""
        before = self._states_of(key, environment)
        whole = hashlib.sha256(state).digest() + state
        if self.folder is None:
            self._states[f"{_state_of(key, environment)}{step}"] = whole
        else:
            (self.folder / STATES).mkdir(parents=True, exist_ok=True)
            log.put(self.folder / STATES / f"{_state_of(key, environment)}{step}", [whole])
        self._drop(name for at, name in before if at != step)

    def kept(self, key: str, environment: str) -> tuple[int, bytes] | None:
        """The step that a paused trial is kept at, with its state; None where there is none that is whole."""
        for step, name in reversed(self._states_of(key, environment)):
            try:
                whole = self._states[name] if self.folder is None else (self.folder / STATES / name).read_bytes()
            except FileNotFoundError:  # somebody has gone on from it
                continue
            if hashlib.sha256(whole[32:]).digest() == whole[:32]:
                return step, whole[32:]
            warnings.warn(
                say("{states}/{name} is damaged: its trial begins anew", states=STATES, name=name), stacklevel=2
            )
        return None

    def kept_steps(self, environment: str) -> dict[str, int]:
        """The step that each paused trial of these versions is kept at, by its key."""
        folder = None if self.folder is None else self.folder / STATES
        names = self._states if folder is None else [one.name for one in folder.glob("*")]
        ours = _state_of("", environment)
        parts = (name.partition(ours) for name in names)
        kept = ((int(step), key) for key, found, step in parts if found and step.isdecimal())
        return {key: step for step, key in sorted(kept)}

    def drop(self, key: str, environment: str) -> None:
        """Drop the state of a trial that is over, or that nobody will continue."""
        self._drop(name for _, name in self._states_of(key, environment))

    def tidy(self) -> None:
        """Clear away what killed processes left: half-written states, and those of trials that are over.

        Only for who holds the lock of the folder, under which states are written.
        """
        if self.folder is None or not (self.folder / STATES).is_dir():
            return
        ended = {_state_of(key, environment) for (key, environment), one in self.outcomes.items() if one.over}
        for path in (self.folder / STATES).iterdir():
            if path.name.endswith(log.UNFINISHED) or path.name[: path.name.rfind(".") + 1] in ended:
                path.unlink(missing_ok=True)

    def _states_of(self, key: str, environment: str) -> list[tuple[int, str]]:
        """The steps that a trial is kept at, rising, with the names of their states."""
        prefix = _state_of(key, environment)
        if self.folder is None:
            names = [name for name in self._states if name.startswith(prefix)]
        else:
            names = [one.name for one in (self.folder / STATES).glob(f"{prefix}*")]
        return sorted((int(name.removeprefix(prefix)), name) for name in names if name[len(prefix) :].isdecimal())

    def _drop(self, names: Iterable[str]) -> None:
        for name in list(names):
            if self.folder is None:
                self._states.pop(name, None)
            else:
                (self.folder / STATES / name).unlink(missing_ok=True)

    def _append(self, rows: Iterable[dict[str, Any]]) -> None:
        rows = list(rows)
        for row in rows if self.path is None else ():
            self._take(json.loads(log.line_of(row)), "")
        if self.path is None or not rows:
            return
        head = [] if self.path.exists() and self.path.stat().st_size else [{"kind": "study", "version": VERSION}]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with log.Log(self.path) as file:
                file.append(*head, *rows)
        except OSError as error:
            raise log.unwritable(self.path, error) from None
        finally:
            self.refresh()

    def _take(self, row: dict[str, Any], source: str) -> None:
        kind = row.pop("kind")
        if kind not in ("study", "problem", "plan", "trial"):
            raise ValueError(f"no line is of kind {kind!r}")
        getattr(self, f"_take_{kind}")(row, source)

    def _check_version(self, row: dict[str, Any]) -> None:
        if row.get("kind") == "study" and type(row.get("version")) is int and row["version"] != VERSION:
            raise StepsizeError(
                say("{path} was written by another version of stepsize: choose another folder", path=self.path)
            )

    def _take_study(self, row: dict[str, Any], source: str) -> None:
        if type(row["version"]) is not int:
            raise TypeError("this is no head")

    def _take_problem(self, row: dict[str, Any], source: str) -> None:
        subject = Subject.of(row)
        self.subjects[subject.fingerprint] = subject

    def _take_plan(self, row: dict[str, Any], source: str) -> None:
        self.plans.append(Plan.of(row, self.subjects[row["problem"]]))

    def _take_trial(self, row: dict[str, Any], source: str) -> None:
        found = Outcome.of(row, source)
        place = (found.trial.key, found.environment)
        before = self.outcomes.get(place)
        if before is None or found.made >= before.made:
            self.outcomes[place] = found
        self.heard.append(place)


def _state_of(key: str, environment: str) -> str:
    """How the name of a state begins."""
    return f"{key}-{hashlib.sha256(environment.encode()).hexdigest()[:8]}."


def read_journal(path: Path) -> Journal:
    """Read the journal of a folder, or the file itself; an error in one line says where there is none."""
    file = path / FILE if path.is_dir() else path
    if not is_journal(file):
        raise StepsizeError(
            say("{path} holds no study: name the --out folder of an earlier stepsize compare or tune", path=path)
        )
    return Journal(file.parent, file.name)


def is_journal(path: Path) -> bool:
    """Whether a file is a journal, of this version or an older one; a pipe is not opened, for it may never end."""
    return _top(path).startswith((*KNOWN, OLDER))


def _top(path: Path) -> bytes:
    """The first bytes of a file, none where it cannot be read."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(len(OLDER) + len(HEAD))
    except OSError:
        return b""


def _check(folder: Path, file: Path) -> None:
    """Refuse a folder, or a file in it, that is somebody else's; a half head is what a dead process left of ours."""
    if folder.exists() and not folder.is_dir():
        raise StepsizeError(say("{folder} is a file: name a folder to make", folder=folder))
    top = _top(file)
    if top.startswith(OLDER):
        raise StepsizeError(
            say(
                "{file} is of an older stepsize, whose comparisons could not grow: choose another --out folder "
                "and train again",
                file=file,
            )
        )
    if file.exists() and not (file.is_file() and (HEAD.startswith(top) or top.startswith(KNOWN))):
        raise StepsizeError(say("{file} is not a journal of stepsize: choose another folder", file=file))
    if file.exists() or not folder.is_dir():
        return
    if any(one.name not in OURS and not one.name.startswith(f".{FILE}.") for one in folder.iterdir()):
        raise StepsizeError(
            say("{folder} exists and was not made by stepsize: choose another --out folder", folder=folder)
        )
