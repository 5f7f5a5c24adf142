"""The environment of a run: the versions that its numbers depend on."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version


def versions(packages: Sequence[str] = ("scikit-learn", "polars")) -> dict[str, str]:
    """The versions that numbers depend on: of Python, stepsize, NumPy, and these packages where they are installed."""
    found = {"python": ".".join(str(one) for one in sys.version_info[:3])}
    for name in ("stepsize", "numpy", *packages):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def in_words(versions: Mapping[str, str]) -> str:
    """Versions as one line.

    >>> in_words({"python": "3.11.7", "numpy": "2.1.0"})
    'python 3.11.7, numpy 2.1.0'
    """
    return ", ".join(f"{name} {one}" for name, one in versions.items())


def from_words(line: str) -> dict[str, str]:
    """The versions of `in_words`.

    >>> from_words("python 3.11.7, numpy 2.1.0")
    {'python': '3.11.7', 'numpy': '2.1.0'}
    """
    return {name: one for name, _, one in (part.partition(" ") for part in line.split(", ") if part)}
