"""A reader that takes more than the language: it finds what a text was meant to be, to be shown, never to be run."""

from __future__ import annotations

import re
from math import isfinite

from .._errors import ParseError, StepsizeError
from .._language import say
from ..descents import descent
from ..schedules.base import Factor
from ..schedules.rate import rate
from ..schedules.shapes import constant
from ..text import _call, _fields, _is, _Reader, parse
from ..vocabulary import WORDS, look_up
from .libraries import HOST_ONLY, WITHOUT_ARGUMENTS, UnfitError, is_known, made
from .optimizers import RULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Callable
    from typing import Any

_LEFT_OUT = object()
"""What a host has and a text has not: the optimizer, the parameters."""
_LENGTHS = [
    "T_max",
    "T_0",
    "total_iters",
    "total_steps",
    "num_steps",
    "steps",
    "warmup_steps",
    "num_warmup_steps",
    "num_training_steps",
]
_MINIMA = ("eta_min", "min_lr", "lr_min")  # rates, where `final` is a share of the base rate
USUAL_WARMUP = "5%"  # for warmup(), whose length was forgotten
_SAME = dict.fromkeys(_MINIMA, "final") | {"milestones": "at", "max_norm": "max", "d_model": "width"}
_SAME |= dict.fromkeys(_LENGTHS, "length") | {"step_size": "every"}
_RATE = {"learning_rate": "lr", "beta_1": "beta1", "beta_2": "beta2", "b1": "beta1", "b2": "beta2"}
_RATE |= {"epsilon": "eps", "rho": "alpha", "decay": "alpha"}
_SPELLED = re.compile(r"\s*([\d.]+(?:e\d+)?)\s*(%|percent|ep\w*|tok\w*|samples?|steps?|updates?|)\s*")
_BASE = re.compile(r"(?:^|\|)\s*(\d[\d.]*(?:e-?\d+)?)\s*\*")  # of 0.1 * cosine()
_UNITS = {"%": "%", "p": "%", "e": "ep", "t": "tok"}


class Lenient(_Reader):
    """Reads names of other libraries, their keywords, and the arithmetic of numbers."""

    def __init__(self, text: str, words: dict[str, Callable[..., Any]]) -> None:
        super().__init__(text, words)
        self.foreign = ""  # the first name of another library
        self.unfit = ""  # what to write for it where its arguments do not fit
        bases = {float(one) for one in _BASE.findall(text)}
        self.base = bases.pop() if len(bases) == 1 else None

    def _name(self, node: ast.Name, depth: int) -> Any:
        if node.id in ("lr", "learning_rate"):
            return 0.1  # the number that messages show
        return self._meant(node, node.id, (), {})

    def _attribute(self, node: ast.Attribute, depth: int) -> Any:
        return self._meant(node, node.attr, (), {})

    def _call(self, node: ast.Call, depth: int) -> Any:
        name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
        if name in ("parameters", "named_parameters"):
            return _LEFT_OUT
        if name == "LambdaLR" and (formula := _of_lambda(node)):
            self.foreign = self.foreign or name
            return look_up("formula")(formula)
        if name in WITHOUT_ARGUMENTS:  # whatever they are
            return self._meant(node, name, (), {})
        if not self.foreign and name not in WORDS and name not in self.words and is_known(name):
            self.foreign = name  # before its arguments, which may be others
        arguments = tuple(one for one in (self.read(one, depth + 1) for one in node.args) if one is not _LEFT_OUT)
        read = {str(one.arg): self.read(one.value, depth + 1) for one in node.keywords}
        return self._meant(node, name, arguments, read)

    def _meant(self, node: ast.expr, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The value of a word or of another library's name."""
        named = {field: one for field, one in named.items() if one is not _LEFT_OUT and field not in HOST_ONLY}
        if name in self.words or (name in WORDS and not (name in RULES and _has_rate(name, arguments, named))):
            return self._word(node, name, arguments, named)
        if name in RULES:
            named = {_RATE.get(field, field): one for field, one in named.items()}
            made_of = RULES[name](*arguments, **named)
            return made_of if arguments or "lr" in named else _without_rate(made_of)
        if is_known(name):
            self.foreign = self.foreign or name
            try:
                return made(name, arguments, named, self.base)
            except UnfitError as told:
                self.unfit = self.unfit or told.says
                raise ParseError(told.says, 1) from None
        if not arguments and not named and (name in HOST_ONLY or name in ("opt", "model", "self")):
            return _LEFT_OUT
        return super()._known(name, node)

    def _word(self, node: ast.expr, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        word = self.words.get(name) or look_up(name)
        fields = _fields(word)
        base = (
            None if name in RULES else next((named.pop(one) for one in ("lr", "learning_rate") if one in named), None)
        )
        if base is not None:  # cosine(lr=0.1)
            made = self._word(node, name, arguments, named)
            return rate(base, made) if isinstance(made, Factor) else made
        for field in [one for one in named if one not in fields]:
            value = named.pop(field)
            if field in _MINIMA:
                value = self._share(field, value)
            if value is not None:
                named[_SAME.get(field, field)] = value
        if name == "warmup" and not arguments and not named:
            named["length"] = USUAL_WARMUP
        for given, others in _orders(name, arguments, named):
            try:
                return _call(word, given, others, self.column(node), name)
            except StepsizeError:
                continue
        return _call(word, arguments, named, self.column(node), name)

    def _share(self, field: str, rate: Any) -> float | None:
        """A minimum that was written as a rate, as a share of the base rate; None for 0, which needs no word."""
        if rate == 0:
            return None
        if self.base is None:
            share = f"{float(rate) / 0.1:.12g}"
            self.unfit = say(
                "{field} is a rate, final a share of the base rate: for {rate} of 0.1 write final={share}",
                field=field,
                rate=rate,
                share=share,
            )
            raise ParseError(self.unfit, 1)
        return float(f"{rate / self.base:.12g}")

    def _operate(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        kind = type(node.op).__name__
        if kind in ("BitOr", "Mult") and _is_rule(right) and (_number(left) or callable(left)):
            left, right = right, left  # 0.1 * adam(), 0.1 | adam()
        if kind == "Mult" and isinstance(right, rate) and _number(left) and left == right.base:
            return right  # 0.1 * cosine(lr=0.1)
        if kind in ("BitOr", "Mult") and isinstance(right, descent) and isinstance(left, Factor):
            left, right = right, left
        if kind in ("BitOr", "Mult") and isinstance(left, descent) and isinstance(right, Factor):
            plain = left.rate.factor == constant()
            return left.with_rate(rate(left.rate.base, right) if plain else left.rate * right)  # adam(lr=1) | cosine()
        if kind == "BitOr" and isinstance(left, (Factor, rate)) and isinstance(right, Factor):  # warmup(9) | cosine()
            return left >> right if isinstance(left, Factor) else rate(left.base, left.factor >> right)
        if kind == "Mult" and _is_rule(left):
            return left | right
        if kind not in ("Pow", "Div", "Sub"):
            return super()._operate(node, left, right)
        if not (_number(right) and abs(right) < 1000):
            raise ParseError("only numbers are divided, subtracted and raised", self.column(node))
        if not _number(left):
            return _of_factor(kind, left, right)
        value = left / right if kind == "Div" else left - right if kind == "Sub" else float(left) ** right
        if isinstance(value, complex) or not isfinite(value):
            raise ParseError("this is no number", self.column(node))
        return float(f"{value:.15g}") if isinstance(value, float) else value

    def _dict(self, node: ast.Dict, depth: int) -> Any:
        pairs = zip(node.keys, node.values, strict=True)
        return {self.read(key, depth + 1): self.read(value, depth + 1) for key, value in pairs if key is not None}

    def _compare(self, node: ast.Compare, depth: int) -> Any:
        """`adam() > 0.1`: one > for |, or for >>."""
        left, right = self.read(node.left, depth + 1), self.read(node.comparators[0], depth + 1)
        if len(node.ops) > 1 or not _is(node.ops[0], "Gt"):
            raise ParseError("a comparison", self.column(node))
        return left | right if hasattr(left, "update") or hasattr(left, "stages") else left >> right


def _of_lambda(node: ast.Call) -> str:
    """The formula in t of a function of one line, `lambda epoch: 0.95 ** epoch`; empty where there is none."""
    from ast import Lambda, Name, unparse, walk

    found = [one for one in (*node.args, *(each.value for each in node.keywords)) if isinstance(one, Lambda)]
    if len(found) != 1 or len(found[0].args.args) != 1:
        return ""
    for one in walk(found[0].body):
        if isinstance(one, Name) and one.id == found[0].args.args[0].arg:
            one.id = "t"
    return unparse(found[0].body)


def _without_rate(whole: Any) -> Any:
    """The rule, with the decay that belongs to it, of a strategy whose rate nobody wrote."""
    left = tuple(one for one in whole.stages if not isinstance(one, rate))
    return left[0] if len(left) == 1 else descent(*left)


def _is_rule(value: object) -> bool:
    """Whether a value is a rule, which stands before its rate."""
    return hasattr(value, "update") and hasattr(value, "init")


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _of_factor(kind: str, factor: Any, number: float) -> Any:
    """A schedule divided by a number, or raised to a small whole power."""
    if kind == "Div":
        return (1 / number) * factor
    if kind == "Pow" and number in (2, 3, 4) and len(str(factor)) < 80:
        return look_up("product")(*[factor] * int(number))
    raise StepsizeError("a schedule is only divided")


def _has_rate(name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Whether a rule is written with the arguments of another library."""
    own = _fields(look_up(name))
    return bool(arguments) or any(field not in own for field in named)


def _orders(
    name: str, arguments: tuple[Any, ...], named: dict[str, Any]
) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The arguments as they stand, with lengths as they are written here, and in another order."""
    orders = [(arguments, named)]
    if len(arguments) == 2 and all(map(_number, arguments)):
        orders.append((arguments[::-1], named))
    if name in ("multistep", "stages") and len(arguments) == 1 and isinstance(arguments[0], tuple):
        orders.append((arguments[0], named))
    if name == "multistep" and len(arguments) > 1 and _number(arguments[0]) and 0 < arguments[0] < 1:
        orders.append((arguments[1:], {**named, "gamma": arguments[0]}))
    if name == "multistep" and isinstance(named.get("at"), tuple):
        orders.append((named["at"], {field: one for field, one in named.items() if field != "at"}))
    shares = name in ("warmup", "onecycle", "wsd", "cooldown")
    spelled = tuple(_length(one, shares) for one in arguments)
    orders.append((spelled, {field: _length(one, shares) for field, one in named.items()}))
    return orders


def _length(value: Any, shares: bool) -> Any:
    """A length as it is written here: '10 epochs' as '10ep', '100' as 100, and with `shares` 0.05 as '5%'."""
    if shares and isinstance(value, float) and 0 < value < 1:
        return f"{100 * value:.10g}%"
    found = _SPELLED.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    number, unit = found[1], found[2]
    if unit[:1] in _UNITS:
        return f"{number}{_UNITS[unit[0]]}"
    if unit.startswith("sam"):
        return f"{number}samples"
    return int(float(number))


def is_read(text: str) -> bool:
    """Whether a text is one of the language as it stands."""
    try:
        parse(text)
    except StepsizeError:
        return False
    return True
