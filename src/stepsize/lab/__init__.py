"""The laboratory: runs, many at once, on data; their journal; their comparison."""
