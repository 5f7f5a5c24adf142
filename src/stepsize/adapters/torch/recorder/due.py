"""When a row is due, or its costly columns: at multiples of an interval, or as soon after one as there is a loss."""

from __future__ import annotations


class Due:
    """What is due every so many updates, and stays due until it was met.

    >>> due = Due(10, done=0)
    >>> due.met(3)  # the first loss came late
    >>> due.at(9), due.at(10), due.at(13)
    (False, True, True)
    """

    def __init__(self, every: int, done: int) -> None:
        self._every = every
        self._next = -(-done // every) * every

    def at(self, update: int) -> bool:
        """Whether it is due at this update."""
        return update >= self._next

    def met(self, update: int) -> None:
        """It was done at this update: the next multiple is the next."""
        self._next = (update // self._every + 1) * self._every
