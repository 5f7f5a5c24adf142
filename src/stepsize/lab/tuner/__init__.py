"""Tuning what only its user can run: a loop of one's own, or a script, in any framework."""
