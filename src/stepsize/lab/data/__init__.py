"""Data sets and tables of a user's own, made into what a problem takes."""
