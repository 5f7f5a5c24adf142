"""What metrics are called: a name of ours is a word of the language that is spoken, any other is as it was logged."""

from __future__ import annotations

from types import MappingProxyType

from ..._language import Note

METRICS = MappingProxyType({"accuracy": "accuracy"})


def called(name: str) -> str:
    """The name of a metric, which `heard` says.

    >>> called("accuracy"), called("val/f1")
    ('accuracy', 'val/f1')
    """
    return Note(METRICS[name]) if name in METRICS else name
