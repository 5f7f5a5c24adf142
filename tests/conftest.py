"""What all tests share: reproducible Hypothesis, one torch thread for each worker, JAX in float64 where asked for."""

from __future__ import annotations

import pytest
import torch
from hypothesis import settings

settings.register_profile("laws", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("laws")
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def x64():
    import jax

    with jax.enable_x64(True):
        yield
