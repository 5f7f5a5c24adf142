"""torch's own schedulers, read as expressions."""
