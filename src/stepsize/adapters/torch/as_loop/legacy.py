"""NumPy's global generator, looked at and exchanged in a microsecond where its words alone tell what it holds."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np

WORDS = 624
SIZE = 4 * WORDS + 4  # the words of a Mersenne Twister, and the place among them


class Snapshot(NamedTuple):
    """What it held: its words, and the second of a pair of normal numbers where one is waiting."""

    words: bytes
    has_gauss: int
    gauss: float


class Legacy:
    """The generator behind `np.random.rand` and its like, with `getstate`, `setstate` and `seed`.

    `np.random.get_state` takes thirty times as long as a look at the words. They tell everything as long as no normal
    number waits; a number that waits was drawn with words, so it is only asked for where they have changed, or where
    one was waiting.
    """

    def __init__(self) -> None:
        self._known = Snapshot(b"", 0, 0.0)

    def getstate(self) -> Any:
        """A snapshot; of another kind of generator, what NumPy says of it."""
        place = _place()
        if place is None:
            return np.random.get_state(legacy=False)
        words, known = ctypes.string_at(place, SIZE), self._known
        if known.has_gauss or words != known.words:
            told: Any = np.random.get_state(legacy=False)
            self._known = Snapshot(words, int(told["has_gauss"]), float(told["gauss"]))
        return self._known

    def setstate(self, state: Any) -> None:
        """Hold what a snapshot held."""
        place = _place()
        if place is None or not isinstance(state, Snapshot):
            np.random.set_state(_as_numpy(state) if isinstance(state, Snapshot) else state)
            return
        if state.has_gauss or self.getstate().has_gauss:
            np.random.set_state(_as_numpy(state))
        else:
            ctypes.memmove(place, state.words, SIZE)
        self._known = state

    def seed(self, seed: int) -> None:
        """Begin at a seed, of which NumPy takes 32 bits."""
        np.random.seed(seed % 2**32)


def _place() -> int | None:
    """Where the words are, if it is a Mersenne Twister, as it is unless somebody has exchanged it."""
    found: Any = vars(np.random)["get_bit_generator"]()
    return int(found.ctypes.state_address) if isinstance(found, np.random.MT19937) else None


def _as_numpy(state: Snapshot) -> dict[str, Any]:
    words = np.frombuffer(state.words, dtype=np.uint32)
    inner = {"key": words[:WORDS].copy(), "pos": int(words[WORDS])}
    return {"bit_generator": "MT19937", "state": inner, "has_gauss": state.has_gauss, "gauss": state.gauss}
