"""A torch loop stopped in the middle: saved as a file would hold it, loaded into fresh objects."""

import io

import torch

from stepsize.adapters.torch import optimizer


def resumed(theta, made, strategy, total_steps):
    """The parameters and the optimizer `(theta, made)` as a new process would load them from a checkpoint."""
    buffer = io.BytesIO()
    torch.save({"optimizer": made.state_dict(), "theta": theta.detach()}, buffer)
    buffer.seek(0)
    saved = torch.load(buffer, weights_only=True)
    again = saved["theta"].clone().requires_grad_()
    fresh = optimizer([again], strategy, total_steps=total_steps)
    fresh.load_state_dict(saved["optimizer"])
    return again, fresh
