"""The bench of choosing a learning rate: `python -m bench.tune` from the repository's root (see `run`).

tasks      which tasks, optimizers and batch sizes are recorded
data       rows of the tasks
models     their modules
recording  every rate, every seed, whole, by a study of stepsize
table      what was recorded of a cell, and the grid of rates
judging    how a choice is judged
ours       the choosers of stepsize, grids and random search
peers      other packages
kept       answers that took long
results    every chooser in every cell at every budget
goals      what is asked of `tune`, and which cells miss it
page       docs/tune-bench.md
figure     its picture
clock      what a tuning costs in time
"""
