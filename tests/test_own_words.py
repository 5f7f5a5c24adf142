"""Words written outside the package, as docs/extend.md shows them, wherever a word of the vocabulary can stand."""

from __future__ import annotations

import copy
import pickle
import re
import sys
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import stepsize as s
from stepsize import StepsizeError, descend, descend_many, parse, problems
from stepsize.adapters.torch import Scheduler, clip_gradients, clip_update
from stepsize.adapters.torch import optimizer as torch_optimizer
from stepsize.report.terminal import draw
from stepsize.schedules.base import Factor
from stepsize.schedules.combine import Several
from stepsize.schedules.questions import boundaries, settled
from stepsize.schedules.shapes import Curve
from stepsize.telling.explain import explain
from subjects import LIBRARIES, plain

PAGE = (Path(__file__).parent.parent / "docs" / "extend.md").read_text(encoding="utf-8")


def written_outside():
    """A module of the user's with the classes of the page."""
    module = types.ModuleType("words_of_a_user")
    sys.modules[module.__name__] = module
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        if "\nclass " in block:
            exec(block, vars(module))
    return module


OWN = written_outside()


class swing(Factor):
    """Swings for ever, whatever its length."""

    __slots__ = ("length",)

    def __init__(self, length=None):
        self._store(length=length)

    def _formula(self, t, write):
        return f"(1.0 + 0.5 * sin({t} / 10))"

    @property
    def _endless(self):
        return True


class ramp(Curve):
    """A ramp with an end."""

    __slots__ = ("length",)

    def __init__(self, length=None):
        self._store(length=length)

    def _formula(self, t, write):
        return write.progress(t, self._length())


class geometric(Several):
    """The root of the product of two."""

    __slots__ = ()

    def __init__(self, *parts):
        self._store(parts=parts)

    def _formula(self, t, write):
        return f"sqrt({' * '.join(part._formula(t, write) for part in self.parts)})"


class halving(Factor):
    """One factor, half as high, kept in a field of its own."""

    __slots__ = ("of",)
    _lengths = ()

    def __init__(self, of):
        self._store(of=of)

    @property
    def controllers(self):
        return self.of.controllers

    @property
    def _endless(self):
        return self.of._endless

    def _formula(self, t, write):
        return f"(0.5 * {self.of._formula(t, write)})"


class ceiling(s.schedules.base.Factor):
    """Nothing is said of {it} here."""

    __slots__ = ()
    _lengths = ()

    def __init__(self):
        pass

    _endless = True

    def _formula(self, t, write):
        return "1.0"


SCHEDULES = [
    OWN.sawtooth(30, 0.2),
    OWN.sawtooth(30, 0.2) * s.warmup(20),
    s.warmup(10) >> OWN.sawtooth(30),
    s.clamp(OWN.sawtooth(7), 0.3) + s.constant(0.1),
    s.repeat(ramp(20), 3, growth=2),
    s.cooldown(swing(), 20, at=60),
    s.stretch(s.shift(swing(50), 3), 2),
    geometric(ramp(40), s.constant(0.5)),
    ceiling(),
]


@pytest.mark.parametrize("f", SCHEDULES, ids=str)
def test_a_schedule_is_drawn_told_and_computed_everywhere(f):
    marks = boundaries(f, 100)
    assert draw([(str(f), f, marks)], 100).startswith(str(f))
    told = explain(0.1 * f, 100)
    assert all(line.endswith(".") for line in told)
    values = [f(t) for t in range(100)]
    for make in LIBRARIES.values():
        np.testing.assert_allclose(plain(f(make(np.arange(100)))), values, 1e-6, 1e-7)
    assert float(jax.jit(f)(jnp.asarray(33))) == pytest.approx(f(33), rel=1e-5)
    torch._dynamo.reset()
    compiled = torch.compile(f.__call__, backend="eager", fullgraph=True)
    assert float(compiled(torch.tensor(33))) == pytest.approx(f(33))
    for again in (copy.deepcopy(f), pickle.loads(pickle.dumps(f)), f.replace()):
        assert again == f
        assert hash(again) == hash(f)


@pytest.mark.parametrize("rule", ["keep_share", "keep_step", "stretch_rest", "cooldown_now"])
@pytest.mark.parametrize("f", SCHEDULES, ids=str)
def test_a_schedule_is_extended(f, rule):
    how = {"at": 60} if rule in ("stretch_rest", "cooldown_now") else {}
    longer = f.extend(200, was=100, rule=rule, **how)
    before = range(60) if how else range(100 if rule == "keep_step" else 1)
    assert [longer(t) for t in before] == [f(t) for t in before]
    if rule == "keep_share":
        assert [longer(2 * t) for t in range(100)] == pytest.approx([f(t) for t in range(100)])
    if rule == "keep_step":
        assert {round(longer(t), 12) for t in range(100, 200)} <= {round(f(99), 12), round(f(100), 12)}
    if rule == "stretch_rest":
        assert longer(60 + 14 * 3.5) == pytest.approx(f(74))
    if rule == "cooldown_now":
        assert longer(200) == 0


def test_what_does_not_say_where_it_ends_is_not_called_settled():
    assert settled(swing(50)) is None
    assert settled(s.warmup(5) >> swing(50)) is None
    assert settled(s.constant() * swing(50)) is None
    assert settled(ramp(50)) == 50
    held = swing(50).extend(300, was=100, rule="keep_step")
    assert {held(t) for t in range(99, 300)} == {swing(50)(99)}
    assert explain(swing(50), 100)[-1] == "Nothing says where it ends: update 100 would have 0.728."
    assert explain(OWN.sawtooth(50), 100)[-1] == "It never ends: update 100 would have 1."


def test_it_says_itself_where_its_parts_begin():
    assert boundaries(s.warmup(10) >> OWN.sawtooth(30), 80) == [
        (10, "sawtooth(30) begins"),
        (40, "tooth 2 begins"),
        (70, "tooth 3 begins"),
    ]
    assert boundaries(ramp(20) * swing(50), 80) == [(20, "ramp(20) ends")]
    assert boundaries(geometric(ramp(20), s.staircase(0.5, 30)), 50) == [(20, "ramp(20) ends"), (30, "stage 2 begins")]
    assert boundaries(swing(50), 80) == []


def test_a_foreign_word_is_told_by_the_first_lines_of_its_documentation():
    assert explain(ceiling(), 10)[0] == (
        "Updates 0 to 9: the factor follows ceiling (Nothing is said of {it} here) from 1 to 1."
    )
    assert explain(swing(5), 10)[1].startswith("Updates 5 to 9: it goes on from ")
    assert explain(ramp(5), 10)[1] == "Updates 5 to 9: it stays at 1."
    told = explain(OWN.clip_l1(5) | OWN.lion() | 0.1 * OWN.overshoot(0.2) | OWN.clip_l1(1), 10)
    assert told == [
        "clip_l1(5), on the gradient: shortens the whole gradient or update to a sum of absolute values of `max`.",
        "lion(), on the gradient: the sign of a running mean of the gradient.",
        "Updates 0 to 9: the rate is 0.1, before what follows.",
        "Times overshoot(0.2), which watches the loss: halves the rate for good whenever the loss rises by more than a "
        "share.",
        "After the end it holds 0.1 while the controllers answer 1.",
        "clip_l1(1), on the update: shortens the whole gradient or update to a sum of absolute values of `max`.",
    ]


@pytest.mark.parametrize("f", [halving(OWN.overshoot()), geometric(s.cosine(50), OWN.overshoot())], ids=str)
def test_a_combination_of_ones_own_is_told_with_the_controllers_inside_it(f):
    told = explain(0.1 * f, 100)
    assert any(line.startswith("Times overshoot(), which watches the loss") for line in told)
    assert told[-1].endswith("while the controllers answer 1.")


def test_a_controller_inside_a_combination_of_ones_own_is_not_extended_in_silence():
    with pytest.raises(StepsizeError, match="extend cannot tell whose time is whose in halving"):
        halving(s.cosine(50) * OWN.overshoot()).extend(200, was=100)
    longer = geometric(s.cosine(50), OWN.overshoot()).extend(200, was=100)
    assert longer == geometric(s.stretch(s.cosine(50), 2.0), OWN.overshoot())


def test_a_field_may_have_any_name():
    class bent_line(Factor):
        """A line from x to y."""

        __slots__ = ("base", "moves", "x", "y")

        def __init__(self, x, y, base=1, moves=2):
            self._store(x=x, y=y, base=base, moves=moves)

        _endless = True

        def _formula(self, t, write):
            return "1.0"

    assert "A line from x to y" in explain(bent_line(1, 2), 3)[0]


def test_a_word_that_documents_nothing_is_told_by_its_name():
    class bare(Factor):
        __slots__ = ()
        _lengths = ()
        _endless = True

        def _formula(self, t, write):
            return "1.0"

    bare.__doc__ = None
    assert explain(bare(), 3)[0] == "Updates 0 to 2: the factor follows bare from 1 to 1."


def test_a_word_with_the_name_of_another_is_told_by_its_own_documentation():
    class cosine(Factor):
        """Not the cosine that you know."""

        __slots__ = ()
        _lengths = ()
        _endless = True

        def _formula(self, t, write):
            return "1.0"

    assert "Not the cosine that you know" in explain(cosine(), 3)[0]


def test_what_is_built_on_a_word_is_told_like_it():
    class late(s.cosine):
        """A cosine of the user's own."""

        __slots__ = ()

    assert explain(late(10), 10)[0] == "Updates 0 to 9: the factor falls along half a cosine from 1 to 0."


def test_a_controller_says_itself_that_it_sets_the_rate():
    class setter(OWN.overshoot):
        """Sets it."""

        __slots__ = ()
        sets_rate = True

    class searcher(setter):
        """Seeks it."""

        __slots__ = ()
        searches = True

    assert explain(0.1 * setter(), 9)[:2] == [
        "Updates 0 to 8: the rate is 0.1 times what setter() sets.",
        "setter() watches the loss, and sets the rate itself: sets it.",
    ]
    assert "searching from 0.1: seeks it." in explain(0.1 * searcher(), 9)[1]


STRATEGY = OWN.clip_l1(5) | OWN.lion(beta1=0.8) | 0.02 * OWN.sawtooth("10%") * OWN.overshoot() | OWN.clip_l1(0.1)
ROWS, WANTED = [[1.0, 0.5], [0.5, 2.0], [1.0, 1.0]], [2.0, 4.0, 3.0]
PROBLEM = problems.least_squares(ROWS, WANTED)


def test_a_strategy_runs_alone_and_many_at_once_with_the_same_numbers():
    many = descend_many(PROBLEM, STRATEGY, steps=60, rates=[0.01, 0.02], seeds=(0, 1))
    alone = descend(PROBLEM, STRATEGY, steps=60)
    assert alone.losses[-1] < alone.losses[0]
    np.testing.assert_allclose(many[1].losses, alone.losses, rtol=1e-12)
    assert any("halved" in why for why in descend(PROBLEM, STRATEGY.with_base(2.0), steps=60).why)


def test_a_strategy_is_the_same_as_a_torch_optimizer():
    X, y = torch.tensor(ROWS, dtype=torch.float64), torch.tensor(WANTED, dtype=torch.float64)
    alone = descend(PROBLEM, STRATEGY, steps=60)
    weights = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    whole = torch_optimizer([weights], STRATEGY, total_steps=60)
    losses = []
    for _ in range(60):
        whole.zero_grad()
        loss = ((X @ weights - y) ** 2).mean()
        loss.backward()
        whole.step(loss=loss.detach())
        losses.append(loss.item())
    np.testing.assert_allclose(losses, alone.losses, rtol=1e-9)


def test_a_torch_scheduler_follows_extends_and_resumes_it():
    def made():
        torch.manual_seed(0)
        model = torch.nn.Linear(2, 1)
        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        clip_gradients(sgd, OWN.clip_l1(1))
        clip_update(sgd, OWN.clip_l1(0.5))
        return model, sgd, Scheduler(sgd, OWN.sawtooth("10%") * OWN.overshoot(), total_steps=100)

    def train(model, sgd, scheduler, steps):
        rates = []
        for i in steps:
            torch.nn.functional.mse_loss(model(torch.ones(4, 2)), torch.zeros(4, 1)).backward()
            sgd.step()
            scheduler.step(2.0 if i == 7 else 1.0)
            sgd.zero_grad()
            rates.append(sgd.param_groups[0]["lr"])
        return rates

    model, sgd, scheduler = made()
    rates = train(model, sgd, scheduler, range(30))
    assert rates[10] == pytest.approx(0.1 * 0.9 / 2)
    scheduler.extend(200)
    states = copy.deepcopy([model.state_dict(), sgd.state_dict(), scheduler.state_dict()])
    on = train(model, sgd, scheduler, range(30, 80))
    model, sgd, scheduler = made()
    for one, state in zip((model, sgd, scheduler), states, strict=True):
        one.load_state_dict(state)
    assert train(model, sgd, scheduler, range(30, 80)) == on


def test_a_text_is_read_with_the_words_that_come_with_it():
    words = {"sawtooth": OWN.sawtooth, "lion": OWN.lion, "clip_l1": OWN.clip_l1, "overshoot": OWN.overshoot}
    assert parse(str(STRATEGY), words=words) == STRATEGY
    assert parse("mine(5)", words={"mine": lambda n: s.warmup(n) >> s.cosine()}) == s.warmup(5) >> s.cosine()
    for text, told in [
        ("sawtoth(5)", "column 1: unknown word 'sawtoth', did you mean 'sawtooth'"),
        ("0.1 * sawtooth(5, lows=1)", r"column 7: sawtooth has no field 'lows', did you mean 'low'\? "),
        ("sawtooth()", "sawtooth needs period"),
        ("sawtooth(5, 2)", "column 1: sawtooth: low must be a number"),
        ("sawtooth", "write sawtooth()"),
    ]:
        with pytest.raises(s.ParseError, match=told.replace("()", r"\(\)")):
            parse(text, words=words)
    with pytest.raises(s.ParseError, match="unknown word 'sawtooth'"):
        parse("sawtooth(5)")  # nothing was kept from the readings before


@pytest.mark.parametrize("words", [{"cosine": OWN.sawtooth}, {"opaque": OWN.sawtooth}, {"a b": OWN.sawtooth}, {"f": 3}])
def test_words_that_cannot_be_are_refused(words):
    with pytest.raises(StepsizeError, match="parse: ") as error:
        parse("cosine()", words=words)
    assert "\n" not in str(error.value)
