"""Clips on any torch optimizer.

hung        the door: clips hung around an optimizer's step
clipping    when they look, and what a gradient does that is not finite
closures    what they are asked to do, and around which closure

measured    one measurement of the gradient a step, for all who ask
norms       lengths over all parameters, on devices and over processes
numbers     clips that look at one length, as plain numbers
factors     clips that shorten whole arrays, one factor each
each        clips on gradients in place
arithmetic  limiting, shortening, unscaling, counting in place
tiles       tensors in pieces that stay in a processor's cache
snapshot    the parameters before a step
memory      what clips remember of the updates that they saw
"""
