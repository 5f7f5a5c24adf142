"""The bench of choosing a learning rate: `python -m bench.tune` from the repository's root.

tasks      which tasks, optimizers and batch sizes, and the grid of rates
data       rows of the tasks
models     their modules
recording  every rate, every seed, whole, by a study of stepsize
table      what was recorded of a cell
judging    how a choice is judged
ours       the choosers of stepsize, grids and random search
peers      other packages
page       docs/tune-bench.md and its figure
clock      what a tuning costs in time
"""
