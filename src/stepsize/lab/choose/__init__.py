"""Choosing a rate: policies, each a pure function from what was trained so far to what should be trained next."""
