"""Schedules and clips under `jax.jit` and `torch.compile`: traced once, for all steps, with the values of the host."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch._dynamo.testing import CompileCounter

from stepsize import parse
from subjects import CLIPS

TEXTS = [
    "warmup(10) >> cosine(90)",
    "sgdr(10, growth=2, height=0.5)",
    "stages(1, 0.1, at=(30,)) * noise(0.1)",
    "cooldown(piecewise((0, 0.1), (20, 1), (80, 0.2)), 10, at=90, shape='1-sqrt')",
]
STEPS = range(0, 120, 7)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("text", TEXTS)
def test_jit_traces_once_and_gives_the_numbers_of_the_host(text):
    schedule, traces = parse(text), []

    @jax.jit
    def rate(t):
        traces.append(t)
        return schedule(t)

    values = [float(rate(jnp.asarray(t))) for t in STEPS]
    assert values == pytest.approx([schedule(t) for t in STEPS], abs=1e-12)
    assert len(traces) == 1


def test_a_schedule_can_be_jitted_itself():
    schedule = parse(TEXTS[0])
    assert float(jax.jit(schedule)(jnp.asarray(5))) == pytest.approx(schedule(5), abs=1e-6)


@pytest.mark.parametrize("text", TEXTS)
def test_torch_compile_makes_one_graph_and_gives_the_numbers_of_the_host(text):
    schedule, graphs = parse(text), []

    def count(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    schedule(torch.tensor(0))  # the formula is made at the first call, which dynamo cannot trace
    compiled = torch.compile(schedule.__call__, backend=count, fullgraph=True)
    values = [float(compiled(torch.tensor(t))) for t in STEPS]
    np.testing.assert_allclose(values, [schedule(t) for t in STEPS], atol=1e-12)
    assert len(graphs) == 1


@pytest.mark.parametrize("one", {type(one): one for one in reversed(CLIPS)}.values(), ids=str)
def test_torch_compile_makes_one_graph_of_a_clip_and_its_memory(one):
    """A bound in the middle of a compiled training step: no graph break, no new graph as the memory moves on."""
    random = np.random.default_rng(0)
    params = {"w": torch.ones(3, 2, dtype=torch.float64), "b": torch.ones(2, dtype=torch.float64)}
    stream = [
        {name: torch.from_numpy(size * random.normal(size=param.shape)) for name, param in params.items()}
        for size in (1, 2, 50, 0.1, 1, 3)
    ]

    def about(flowing):
        rules = {name: {"count": torch.tensor(3.0), "squares": grad * grad + 0.1} for name, grad in flowing.items()}
        return {"grads": flowing, "rules": rules}

    traced = state = one.step(stream[0], params, one.init(params), about(stream[0]))[2]
    torch._dynamo.reset()
    count = CompileCounter()
    compiled = torch.compile(one.step, backend=count, fullgraph=True)
    for flowing in stream[1:]:
        limited, share, state = one.step(flowing, params, state, about(flowing))
        found, told, traced = compiled(flowing, params, traced, about(flowing))
        for name in limited:
            assert torch.allclose(found[name], limited[name], rtol=1e-12)
        assert float(told) == pytest.approx(float(share))
    assert count.frame_count == 1
