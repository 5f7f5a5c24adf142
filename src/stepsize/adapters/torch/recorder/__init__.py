"""A run written down, update by update, while it goes on.

recorder   the hooks around a step, and the loss that comes before or after it (pairing: which belongs to which)
due        when a row is due, and its costly columns
settings   the groups of an optimizer by name, what is set in them, and what of it moves
layers     lengths by layer (moved: what an update did to the weights)
limited    what clips limited, and which updates were left out (scale: the loss scale of mixed precision)
decided    what schedulers decided and were told
spent      the time and the memory of an update
(where it is written: adapters/sinks/writing)
"""

from .limited import clipping_of
from .recorder import Recorder

__all__ = ["Recorder", "clipping_of"]
