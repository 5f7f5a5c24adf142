"""How a formula is compiled: each part on its own steps, what is asked twice computed once, the same bits as ever."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import stepsize as s
from calls import calls_of
from stepsize import StepsizeError, parse
from stepsize.schedules.base import Dialect, Factor
from stepsize.schedules.functions import array_functions, scramble
from strategies import sized
from subjects import SCHEDULES, UNITS, assert_same

SEQUENCES = [
    "warmup(10) >> cosine(90)",
    " >> ".join(f"linear({i}, {i + 1}, {10 + i})" for i in range(9)),
    "repeat(warmup(3) >> constant(1, 4) >> exponential(0.1, 5), 6, growth=1.5, height=0.7)",
    "stretch(noise(0.2, length=20) >> stages(1, 0.3, length=9) >> rectification(0.9), 1.7)",
    "(warmup(7) >> (linear(1, 0.5, 20) + (constant(0.1, 3) >> linear(0, 1, 11)))) * staircase(0.5, 13)",
]
ORDERS = {
    "rising": np.arange(200),
    "with the same steps twice": np.repeat(np.arange(60), 2),
    "between the steps": np.arange(150) + 0.37,
    "inside one part": np.arange(15, 19),
    "falling": np.arange(200)[::-1],
    "shuffled": np.random.default_rng(0).permutation(200),
    "in two dimensions": np.arange(60).reshape(12, 5),
    "none": np.arange(0),
}


def everywhere(f, steps):
    """The values by `where`: every part at every step, as torch and JAX compute them."""
    write = Dialect(scalar=False)
    text = f._formula("t", write)
    names = array_functions(np) | {f"k{i}": np.array(one) for i, one in enumerate(write.constants)}
    with np.errstate(all="ignore"):
        return eval(f"lambda t: {text}", names)(steps.astype(float))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("text", SEQUENCES)
def test_a_sequence_computes_every_part_on_its_own_steps_with_the_same_bits(text, order):
    f = parse(text)
    assert_same(f(ORDERS[order]), everywhere(f, ORDERS[order]))


@given(parts=st.lists(sized(2), min_size=2, max_size=4))
def test_random_sequences_have_the_same_bits(parts):
    f = s.then(*parts)
    try:
        f = f.over(300, **UNITS)
    except StepsizeError:
        assume(False)
    assert_same(f(np.arange(300)), everywhere(f, np.arange(300)))


def test_a_part_is_not_asked_beyond_its_steps():
    asked = []

    class told(Factor):
        """Says which steps it was asked."""

        __slots__ = ("length",)
        length: int

        def __init__(self, length: int) -> None:
            self._store(length=length)

        def _formula(self, t, write):
            return f"least({t}, 1e9)"

        @property
        def _sized(self):
            return True

    f = told(10) >> told(20) >> told(30)
    write = Dialect(scalar=False, stretches=True)
    names = array_functions(np) | {"least": lambda t, _: asked.append((t[0], t[-1])) or t}
    text = f._formula("t", write)
    names |= {f"k{i}": np.array(one) for i, one in enumerate(write.constants)}
    eval(f"lambda t: {text}", names)(np.arange(5.0, 40.0))
    assert asked == [(5.0, 9.0), (0.0, 19.0), (0.0, 9.0)]


@pytest.mark.parametrize("make", [np.asarray, torch.tensor], ids=["numpy", "torch"])
def test_whole_numbers_scramble_like_one_number(make):
    steps = [0, 1, 2, 67108858, 67108859, 2**31, 2**53 - 1, 10**17]
    for salt in (0, 1, 12345, 2**26):
        found = array_functions({np.asarray: np, torch.tensor: torch}[make])["scramble"](
            make(np.array(steps, dtype=float)), salt
        )
        assert found.tolist() == [scramble(float(t), salt) for t in steps]


@pytest.mark.usefixtures("x64")
def test_jax_finds_the_piece_of_one_step_as_of_many():
    f = s.piecewise(*((i * 3, (i % 7) / 7) for i in range(400)))
    one = jax.jit(f)
    for t in (0, 2, 3, 599, 1196, 1197, 5000):
        assert float(one(jnp.asarray(t))) == pytest.approx(f(t), abs=1e-15)
    traced = str(jax.make_jaxpr(f)(jnp.asarray(3)))
    assert traced.count("searchsorted[") <= 1  # by halves and once, not by counting all of them
    assert "reduce_sum" not in traced


FRESH = [*SEQUENCES[:2], "stages(1, 0.1, at=(30,))", "table(1, 0.5, 0.2, every=10)", "piecewise((0, 0.1), (50, 1))"]
FRESH += ["repeat(stretch(linear(1, 0, 7), 1.3), 3, height=0.7)", "noise(0.1)", "formula('1 / (1 + t) ** 0.5')"]


@pytest.mark.parametrize("text", FRESH)
def test_a_schedule_that_was_never_called_compiles_in_one_graph(text, recwarn):
    torch._dynamo.reset()
    schedule, graphs = parse(text), []

    def count(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(schedule.__call__, backend=count, fullgraph=True)
    steps = range(0, 120, 7)
    np.testing.assert_allclose([float(compiled(torch.tensor(t))) for t in steps], [schedule(t) for t in steps], 1e-12)
    np.testing.assert_allclose(compiled(torch.arange(99)).numpy(), schedule(np.arange(99)), 1e-12)
    assert len(graphs) <= 2  # one for a number, one for an array
    assert not recwarn.list


def test_a_table_is_made_once_and_not_kept_where_torch_only_pretends():
    from torch._subclasses.fake_tensor import FakeTensorMode

    f = s.table(*range(100))
    with FakeTensorMode():
        f(torch.arange(5))
    assert f(torch.arange(5)).tolist() == [0, 1, 2, 3, 4]
    g = s.table(*range(100))
    names = [g(np.arange(3)) is not None and g._arrays["numpy"].__globals__["k0"] for _ in range(2)]
    assert names[0] is names[1]


def nested(depth, inside="cosine(5)"):
    for _ in range(depth):
        inside = f"repeat({inside}, 2, growth=2)"
    return parse(inside)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_repeat_in_repeat_is_what_it_says(depth):
    f, length = nested(depth), 5 * 3**depth
    inner = nested(depth - 1) if depth > 1 else s.cosine(5)
    first = length // 3
    for t in range(length):
        wanted = inner(t) if t < first else inner((t - first) / 2)
        assert f(t) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    "wrap",
    [
        "repeat({}, 2, growth=2)",
        "repeat({}, 3)",
        "repeat({}, length=900)",
        "stretch({}, 1.1)",
        "shift({}, -1)",
        "reverse({})",
        "cooldown({}, 9, at=20)",
        "clamp({}, 0.1, 0.9)",
        "minimum({}, constant(0.5))",
        "(warmup(1) >> {}) * constant(1)",
    ],
)
def test_a_deep_nest_is_a_value_or_one_line_at_once(wrap):
    for depth in (10, 16, 24):
        text = "cosine(5)"
        for _ in range(depth):
            text = wrap.format(text)
        assert calls_of(lambda text=text, depth=depth: a_deep_nest(text, depth)) < 20_000 * depth


def a_deep_nest(text, depth):
    try:
        f = parse(text)
        values = [f(t) for t in range(100)]
        written = len(f._formula("t", Dialect(scalar=True)))
        assert f(np.arange(100)) == pytest.approx(values, abs=1e-9)
        assert written < 2000 * depth
    except StepsizeError:  # in one line, as all of them are
        pass


def test_a_slip_in_a_formula_is_said_to_be_one_and_not_a_deep_nest():
    class slip(Factor):
        """A word with a slip of the pen."""

        __slots__ = ()
        _lengths = ()

        def __init__(self) -> None:
            pass

        def _formula(self, t, write):
            return f"({t} +* 2)"

    with pytest.raises(RuntimeError, match=r"a word in slip\(\) writes no Python"):
        slip()(3)


@pytest.mark.parametrize("f", SCHEDULES, ids=str)
def test_every_formula_stays_short(f):
    assert len(f._formula("t", Dialect(scalar=True))) < 3000


@pytest.mark.parametrize("wrap", ["then(clamp({}))", "(warmup(1) >> {}) * constant(1)", "cooldown(warmup(1) >> {}, 1)"])
def test_what_takes_what_is_left_is_found_at_once_however_deep(wrap):
    text = "cosine()"
    for _ in range(20):
        text = wrap.format(text)
    f = parse(text).over(1000)
    assert f(0) == pytest.approx(1)
    assert f.over(1000) == f
