"""`stepsize report`: runs in; one page, or pictures, out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .._errors import StepsizeError, printable
from .._language import commas, say
from ..course.log import put
from ..lab.records.foreign.wanted import Wanted
from ..lab.records.logs import read_every, read_log
from ..lab.study.journal import FILE, is_journal
from ..report.runs.page import run_page
from ..report.runs.seen import Seen, named
from .notes import as_notes
from .output import DONE, tell

PAGE = Path("report.html")


def report_command(
    paths: Sequence[Path],
    out: Path | None = None,
    png: Path | None = None,
    svg: Path | None = None,
    pdf: Path | None = None,
    wanted: Wanted | None = None,
) -> int:
    """Write the page of these runs, and their pictures; returns the exit code."""
    pictures = _pictures(png, svg, pdf)
    page = out or (None if pictures else PAGE)
    if page is not None and page.is_dir():
        raise StepsizeError(say("--out {page} is a folder: name the file, such as {such}", page=page, such=page / PAGE))
    if page is not None and not _is_page_or_new(page):
        raise StepsizeError(say("--out {page} is a file that is no page: name another one", page=page))
    runs = [
        run for name, path in zip(named(paths), paths, strict=True) for run in _seen(name, path, wanted or Wanted())
    ]
    if page is not None:
        put(page, [run_page(runs).encode(errors="replace")])
    for path in pictures:
        from ..report.runs.figure import save_runs

        save_runs(runs, path)
    written = [str(path) for path in (page, *pictures) if path is not None]
    for run in runs:
        if run.diagnosis is not None:
            print(say("{name}: {line}", name=printable(run.name), line=run.diagnosis.verdict))
    told = say("written: {paths}", paths=commas(written))
    tell(told if page is None else say("{told} (open it in a browser)", told=told))
    return DONE


def _is_page_or_new(path: Path) -> bool:
    """Whether a page may be written there: over an older one, but not over a log or anything else."""
    if not path.is_file() or path.stat().st_size == 0:
        return True
    with open(path, "rb") as file:
        return file.read(64).lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _pictures(png: Path | None, svg: Path | None, pdf: Path | None) -> list[Path]:
    """The pictures that were asked for; a name with another ending is an error."""
    found = {".png": png, ".svg": svg, ".pdf": pdf}
    for ending, path in found.items():
        if path is not None and path.suffix.lower() != ending:
            raise StepsizeError(
                say(
                    "--{option} {path} must end in {ending}: write {better}",
                    option=ending[1:],
                    path=path,
                    ending=ending,
                    better=path.with_suffix(ending),
                )
            )
    return [path for path in found.values() if path is not None]


def _seen(name: str, path: Path, wanted: Wanted) -> list[Seen]:
    """The runs of a file, each with its diagnosis; a study is told where its page is."""
    if is_journal(path / FILE if path.is_dir() else path):
        raise StepsizeError(
            say(
                "{path} is a study of many runs, with a page of its own: write stepsize study show {folder}",
                path=path,
                folder=_folder(path),
            )
        )
    with as_notes():
        records = {"": read_log(path, wanted)} if wanted.run is not None else read_every(path, wanted)
        return [Seen.of(f"{name}: {run}" if run else name, record) for run, record in records.items()]


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent
