"""Carrying a rate over to another batch size, length, width or depth: rules, sources, and how far they hold."""

from .laws import LAWS, Law
from .scaled import Scaled, Step, scaled

__all__ = ["LAWS", "Law", "Scaled", "Step", "scaled"]
