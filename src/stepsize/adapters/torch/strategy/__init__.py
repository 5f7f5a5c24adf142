"""A whole strategy in one optimizer.step().

optimizer   the door: which of the two kinds below a strategy gets
base        what both are: a strategy, its schedule, one state
schedule    a scheduler whose controllers see the update that they decide
parameters  what an optimizer may be handed
loading     what a saved state has to be
halves      a batch in two halves, for the variance of its gradient

native      which strategies torch's own optimizers compute
fused       those, on torch's step: our clips and decay around it
kernels     torch's fused kernels under the contract of its default ones
bounding    clips after the rate, in tiles
inert       which of those cannot act and are left out

staged      all others: the update of `descend` on tensors
trials      the batch at other parameters, for controllers that try rates
passes      the same numbers in passes over tiles, without a copy

compiled    either kind in one compiled pass: what goes through it, and as what
rows        parameters as rows, some of them a call
traced      the text made into a kernel
rows        parameters as rows of one kernel
trees       memory as tensors
decays      a decay whose amounts differ by parameter
"""
