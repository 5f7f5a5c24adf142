"""Interrupts that wait for a moment when nothing is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Self


class Interrupts:
    """While it is entered, the first Ctrl-C is kept for `came` and `check`; a second one interrupts at once.

    A handler of somebody else's is left alone, and so is Python's outside the main thread. One of ours that a run left
    behind, which was given up in the middle, is taken over.
    """

    def __init__(self, on_first: Callable[[], None] = lambda: None) -> None:
        self.on_first, self.count, self.ours = on_first, 0, False

    def __enter__(self) -> Self:
        in_main = threading.current_thread() is threading.main_thread()
        now = signal.getsignal(signal.SIGINT) if in_main else None
        if now is signal.default_int_handler or isinstance(getattr(now, "__self__", None), Interrupts):
            signal.signal(signal.SIGINT, self._note)
            self.ours = True
        return self

    def __exit__(self, *_: object) -> None:
        if self.ours and signal.getsignal(signal.SIGINT) == self._note:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.ours = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt
        self.on_first()

    def came(self) -> bool:
        """Whether there was one."""
        return self.count > 0

    def check(self) -> None:
        """Raise the KeyboardInterrupt that was kept."""
        if self.count:
            raise KeyboardInterrupt
