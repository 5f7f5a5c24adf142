"""What each rule looks at: the rows of updates that were made, with a loss that was logged, that is a measure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..._language import Note
from ..records.record import Record
from .course import Course
from .facts import dead_from
from .left_out import made
from .measure import no_measure, without_zeros

PASSING = 0.05  # ours: of the rows; a run that broke has no finite loss after it


@dataclass(frozen=True)
class Views:
    """A record as rules of different kinds see it.

    `whole` has every row, `made` those of updates that were made, `to_the_end` those of them whose loss was logged, up
    to where the model died, `finite` the same up to the first loss that is not finite, `plain` the rows for rules that
    do not judge by the loss. `unmeasured` says why the loss is no measure, `course` how far the rows go in their run,
    `remarks` what was left out and why.
    """

    whole: Record
    made: Record
    to_the_end: Record
    finite: Record
    plain: Record
    unmeasured: str | None
    course: Course
    remarks: tuple[str | None, ...]

    @staticmethod
    def of(whole: Record) -> Views:
        """The views of a record."""
        kept = made(whole)
        record, passing = _without_passing(kept)
        dead = dead_from(record)
        record = record if dead is None else record.until(dead)
        measured, zeros = without_zeros(record)
        plain = record.until(_finite_rows(record))
        unmeasured = no_measure(plain)
        if unmeasured:  # nothing may be read from its height
            plain = replace(plain, losses=np.full(len(plain), np.nan), measured=None)
        finite = measured.until(_finite_rows(measured))
        course = Course.of(measured, broke=dead is not None or len(finite) < len(measured))
        remarks = (passing, zeros, unmeasured, *course.remarks)
        return Views(whole, kept, measured, finite, plain, unmeasured, course, remarks)


def _without_passing(record: Record) -> tuple[Record, str | None]:
    """Losses that were not finite for a moment are left out: single batches, or updates that were skipped."""
    good = np.isfinite(record.losses)
    if good.all() or not len(record) or record.diverged or np.mean(~good) > PASSING or not good[-5:].all():
        return record, None
    return record.at(good), Note(
        "The loss was not finite in {count} of {all} rows, first at update "
        "{step}, and the run went on: they are left out here. Look at such a batch.",
        count=int((~good).sum()),
        all=len(record),
        step=int(record.steps[~good][0]),
    )


def _finite_rows(record: Record) -> int:
    broken = np.flatnonzero(~np.isfinite(record.losses))
    return int(broken[0]) if len(broken) else len(record)
