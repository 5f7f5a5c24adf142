"""Any torch training as trials: what a problem of the laboratory cannot hold.

training   a module, a loss and data as the user's own loop trains them
parts      the data: a DataLoader, a dataset or arrays as batches
batches    where in the data a run is, epoch by epoch
randomness random numbers of a run that are not the caller's
stepping   one update: micro-batches, autocast, a scaler, the user's own optimizer or a whole strategy
looking    the losses on the other parts of the data
going      a run that goes on: from its start or from what was saved
attempts   the user's code, called so that what it raises is one line
"""
