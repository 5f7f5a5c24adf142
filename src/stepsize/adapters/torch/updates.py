"""The updates of an optimizer, counted: whoever schedules it can see whether they are made, and how many a step."""

from __future__ import annotations

import weakref
from typing import Any, Protocol

import torch
from torch.optim import Optimizer


class Follower(Protocol):
    """Somebody who writes hyper-parameters and wants a look at them before each update."""

    def update_begins(self) -> None:
        """An update is about to be made with what the groups hold now."""


class Updates:
    """What the hooks of one optimizer count; it belongs to the hooks, so that a copy of the optimizer begins anew.

    `made` counts the updates; `compiled` says that a compiled step makes them, which counts nothing: a number that
    changes would compile it again.
    """

    def __init__(self) -> None:
        self.compiled = False
        self._own, self._inside = 0, 0
        self._followers: list[weakref.ref[Follower]] = []

    @property
    def made(self) -> int:
        """The updates made since the first look; those of an optimizer inside count where the outer one makes none."""
        return self._own or self._inside

    @property
    def followers(self) -> list[Follower | None]:
        """Those that follow, in the order in which they came; None where one is gone."""
        return [one() for one in self._followers]

    def follow(self, one: Follower) -> None:
        """Let `one` look before each update, as long as it lives."""
        self._followers.append(weakref.ref(one))

    def before(self, *_: Any) -> None:
        """Before an update."""
        if torch.compiler.is_compiling():
            return
        for one in self._followers:
            follower = one()
            if follower is not None:
                follower.update_begins()

    def after(self, *_: Any) -> None:
        """After an update."""
        if torch.compiler.is_compiling():
            self.compiled = True
            return
        self._own += 1

    def after_inside(self, *_: Any) -> None:
        """After an update of an optimizer that the counted one holds and that moves the same groups."""
        if not torch.compiler.is_compiling():
            self._inside += 1

    def __reduce__(self) -> tuple[Any, ...]:
        return Updates, ()  # who followed stays behind


def followers_of(optimizer: Optimizer) -> list[Follower | None]:
    """Who follows an optimizer, without beginning to count where nobody does."""
    found = _counted(optimizer)
    return [] if found is None else found.followers


def _counted(optimizer: Optimizer) -> Updates | None:
    owners = (getattr(hook, "__self__", None) for hook in optimizer._optimizer_step_post_hooks.values())
    return next((one for one in owners if isinstance(one, Updates)), None)


def updates_of(optimizer: Optimizer) -> Updates:
    """The count of an optimizer's updates, begun where there is none yet."""
    there = _counted(optimizer)
    if there is not None:
        return there
    counted = Updates()
    optimizer.register_step_pre_hook(counted.before)
    optimizer.register_step_post_hook(counted.after)
    for one in vars(optimizer).values():  # as SAM's base_optimizer, whose groups are the outer one's
        if isinstance(one, Optimizer) and hasattr(one, "_optimizer_step_post_hooks"):
            one.register_step_post_hook(counted.after_inside)
    return counted
