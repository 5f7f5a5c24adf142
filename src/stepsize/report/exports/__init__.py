"""Exports: the table of a comparison as CSV and LaTeX, its trials as a frame; files are written whole."""

from ...lab.study.frame import frame
from .csv import table_csv
from .latex import table_latex
from .write import write

__all__ = ["frame", "table_csv", "table_latex", "write"]
