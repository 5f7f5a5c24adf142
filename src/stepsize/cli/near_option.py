"""An option that the command does not have, and the one that was meant: loaded where one was mistyped."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import click

from .._language import say

ALIKE = 0.7  # the dashes left out; click counts them, and takes '--plot' for '--at'


def told(error: click.exceptions.NoSuchOption, words: Sequence[str]) -> str:
    """What is said of an option that there is not, with the nearest of those that the command has."""
    typed = _typed(error.option_name, words)
    known = [] if error.ctx is None else [name for one in error.ctx.command.get_params(error.ctx) for name in one.opts]
    if near := nearest(typed, known):
        return say("No such option {name}. Did you mean {near}?", name=repr(typed), near=repr(near))
    return say("No such option {name}.", name=repr(typed))


def nearest(typed: str, known: Sequence[str]) -> str:
    """The option that was meant; empty where none is near.

    >>> names = ["--at", "--batch-size", "--png", "--steps", "--tokens-per-step"]
    >>> [nearest(one, names) for one in ("--step", "-steps", "--batch", "--stpes", "--pngs", "--plot")]
    ['--steps', '--steps', '--batch-size', '--steps', '--png', '']
    """
    names = {one.lstrip("-"): one for one in known if one.startswith("--")}
    bare = typed.lstrip("-").lower()
    shared = [one for one in names if min(len(one), len(bare)) > 2 and (one.startswith(bare) or bare.startswith(one))]
    near = sorted(shared, key=len) or get_close_matches(bare, names, n=1, cutoff=ALIKE)
    return names[near[0]] if near else ""


def _typed(name: str, words: Sequence[str]) -> str:
    """The word that was typed: of -steps click tells -s alone."""
    whole = [one.partition("=")[0] for one in words if one.startswith(name) and len(one.lstrip("-")) > 1]
    return whole[0] if whole and not name.startswith("--") else name
