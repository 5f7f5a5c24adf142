"""Trials: runs that are values, side by side or alone, paused and continued, kept in a journal that grows."""
