"""A torch module as a problem of the laboratory.

problem    a module, a loss and data as what `descend` trains
probing    whether it can be trained so, and what one pass is like
rows       arrays, tensors or a dataset as rows
runs       parameters of many runs, their rows and what they carry, and parts of them
many       which runs and rows one call takes
ways       which of the ways that can be taken is the fastest
passing    losses and gradients of one run, or of many as one call
recurrent  recurrent layers as formulas, which many runs can share
masks      random numbers by seed, of each run its own or for all the same
measuring  accuracy, r2, rmse, or metrics of the user's
tasks      bundled small models on data that come with the machine
"""
