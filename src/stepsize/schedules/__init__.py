"""Schedules: closed formulas of the step, and how they combine."""
