"""What a comparison writes besides its table: a folder with the page and the pictures, and single files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .._errors import StepsizeError
from .._language import commas, say
from ..course.log import put
from ..lab.study.journal import FILE
from ..report.numbers import Summary
from .paths import not_over


@dataclass(frozen=True)
class Exports:
    """Where a comparison goes; None for what nobody asked for. `check` before hours of training, `write` after them."""

    out: Path | None = None
    csv: Path | None = None
    latex: Path | None = None
    svg: Path | None = None
    pdf: Path | None = None

    def check(self, data: str) -> None:
        """Say now what would fail at the end: a missing package, a wrong ending, a folder that is not there.

        Nothing is written over `data`, where that is a file.
        """
        if self.out is not None or self.svg is not None or self.pdf is not None:
            from ..report import figures, page  # noqa: F401 - which say what is not installed
        for name in ("csv", "latex", "svg", "pdf"):
            path: Path | None = getattr(self, name)
            ending = ".tex" if name == "latex" else f".{name}"
            if path is None:
                continue
            if path.suffix.lower() != ending:
                instead = path.with_suffix(ending)
                raise StepsizeError(
                    say(
                        "--{name} {path} must end in {ending}: write {instead}",
                        name=name,
                        path=path,
                        ending=ending,
                        instead=instead,
                    )
                )
            not_over(path, Path(data), name)
            if not path.parent.is_dir() and path.parent != self.out:  # which is made
                raise StepsizeError(
                    say(
                        "--{name} {path}: there is no folder {folder}: make it first",
                        name=name,
                        path=path,
                        folder=path.parent,
                    )
                )

    def write(self, summary: Summary) -> list[str]:
        """Write everything that was asked for; a line for each says where it is."""
        told = []
        if self.out is not None:
            told.append(_folder(summary, self.out))
        for name in ("csv", "latex", "svg", "pdf"):
            path: Path | None = getattr(self, name)
            if path is not None:
                getattr(self, f"_{name}")(summary, path)
                told.append(say("written to {path}", path=path))
        return told

    def _csv(self, summary: Summary, path: Path) -> None:
        from ..report.exports import table_csv, write

        write(table_csv(summary), path)

    def _latex(self, summary: Summary, path: Path) -> None:
        from ..report.exports import table_latex, write

        write(table_latex(summary), path)

    def _svg(self, summary: Summary, path: Path) -> None:
        from ..report.figures import save_overview

        save_overview(summary, path)

    _pdf = _svg


def _folder(summary: Summary, out: Path) -> str:
    from ..report.figures import save_figures
    from ..report.page import page

    pictures = save_figures(summary, out)
    put(out / "index.html", [page(summary).encode()])
    names = commas(one.name for one in pictures)
    return say(
        "written to {folder}: index.html (open it in a browser), {pictures}, {journal}",
        folder=out,
        pictures=names,
        journal=FILE,
    )
