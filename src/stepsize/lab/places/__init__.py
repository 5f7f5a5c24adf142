"""Places: where the lots of a study are trained, with equal results: this process, several processes, a cluster."""
