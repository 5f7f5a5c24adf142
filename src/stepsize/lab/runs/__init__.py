"""Runs: a problem, a strategy and a number of steps; one or many at once."""
