"""A torch module as a problem of the laboratory.

problem  a module, a loss and data as what `descend` trains
probing  whether it can be trained so, and what one pass is like
rows     arrays, tensors or a dataset as rows
tasks    bundled small models on data that come with the machine
"""
