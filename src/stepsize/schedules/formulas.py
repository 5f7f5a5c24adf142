"""A schedule written as a formula: arithmetic over t and u, read as a syntax tree, never executed as written."""

from __future__ import annotations

import math
import operator

from .._errors import StepsizeError, shown
from .._language import say
from .base import Dialect
from .functions import scalar_functions
from .shapes import Curve, optional_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..lengths import Length

_ONLY_TREE = 0x400  # ast.PyCF_ONLY_AST
_OPERATORS = {"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "FloorDiv": "//", "Mod": "%"}
_COMPUTED = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
} | scalar_functions()
_NAMES = {"pi": "3.141592653589793", "e": "2.718281828459045"}
_FUNCTIONS = {
    "cos": ("cos", 1),
    "sin": ("sin", 1),
    "tanh": ("tanh", 1),
    "exp": ("exp", 1),
    "log": ("log", 1),
    "sqrt": ("sqrt", 1),
    "abs": ("magnitude", 1),
    "floor": ("floor", 1),
    "min": ("least", 2),
    "max": ("most", 2),
}
_LONGEST, _DEEPEST = 2_000, 30


class formula(Curve):
    """A factor as a formula of your own: `formula("0.5 * (1 + cos(pi * u))")`.

    Formula: what you write, over t (updates done), u (t/length, held at 1 after the end) and T (the length), with
    + - * / // % ** and cos, sin, tanh, exp, log, sqrt, abs, floor, min, max, pi, e. Use it where no word fits; a word
    knows its own end and prints better. Only these names are understood, nothing is executed. It must stay finite
    and ≥ 0: one number that is not is an error, in arrays it stays what it is. With u or T inside it takes a length;
    after the end u holds 1, t goes on.

    >>> formula("0.5 * (1 + cos(pi * u))", 100)(50)
    0.5
    """

    __slots__ = ("length", "text")
    text: str
    length: Length | None

    def __init__(self, text: str, length: Length | None = None) -> None:
        if not isinstance(text, str):
            raise StepsizeError(say("formula takes a text such as '1 - u', not {given}", given=shown(text)))
        self._store(text=text.strip(), length=optional_length("formula", length))
        _translate(self.text, "t", "u", str(self.length) if isinstance(self.length, int) else "T")

    def _formula(self, t: str, write: Dialect) -> str:
        # a whole number would be multiplied exactly, without an end, and an array is not
        step = f"({t} * 1.0)" if write.scalar else t
        if self._endless:
            return f"check({_translate(self.text, step, 'u', 'T')})"
        length = self._length()
        return f"check({_translate(self.text, step, write.progress(t, length), str(length))})"

    @property
    def _endless(self) -> bool:
        names = _translate(self.text, "t", "<u>", "<T>")
        return "<u>" not in names and "<T>" not in names

    def _rest(self) -> int | None:
        if "<t>" in _translate(self.text, "<t>", "<u>", "<T>"):
            return None
        return 0 if self._endless else self._length()


def _translate(text: str, t: str, u: str, total: str) -> str:
    """The text in the language of `functions.py`; anything else is an error with its column."""
    if not text or len(text) > _LONGEST:
        raise StepsizeError(
            say("formula: the text must have 1 to {most} characters, not {length}", most=_LONGEST, length=len(text))
        )
    try:
        tree = compile(text.replace("\n", " "), "<formula>", "eval", _ONLY_TREE).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise StepsizeError(
            say("formula: {text!r} is not arithmetic: write 0.5 * (1 + cos(pi * u))", text=text[:60])
        ) from None
    return _written(tree, {"t": t, "u": u, "T": total, **_NAMES}, 0)


def _written(node: Any, names: dict[str, str], depth: int) -> str:
    kind = type(node).__name__
    if depth > _DEEPEST:
        raise _refused(node, say("nested deeper than {most} levels", most=_DEEPEST))
    if kind == "Constant" and type(node.value) in (int, float) and abs(node.value) < 1e300:
        return repr(float(node.value))
    if kind == "Name" and node.id in names:
        return names[node.id]
    if kind == "UnaryOp" and type(node.op).__name__ in ("USub", "UAdd"):
        sign = "-" if type(node.op).__name__ == "USub" else ""
        inner = _written(node.operand, names, depth + 1)
        value = _number(inner)
        return f"({sign}{inner})" if value is None else _literal(repr(-value if sign else value))
    if kind == "BinOp":
        return _operation(node, names, depth)
    if kind == "Call":
        return _call(node, names, depth)
    raise _refused(node, say("{name} is not known here", name=getattr(node, "id", kind)))


def _operation(node: Any, names: dict[str, str], depth: int) -> str:
    left, right = (_written(one, names, depth + 1) for one in (node.left, node.right))
    kind = type(node.op).__name__
    if kind == "Pow":
        return _computed(node, "power", [left, right]) or f"power({left}, {right})"
    if kind not in _OPERATORS:
        raise _refused(node, say("the operator {kind} is not known here", kind=kind))
    return _computed(node, _OPERATORS[kind], [left, right]) or f"({left} {_OPERATORS[kind]} {right})"


def _call(node: Any, names: dict[str, str], depth: int) -> str:
    name = getattr(node.func, "id", "?")
    if name not in _FUNCTIONS or node.keywords:
        known = ", ".join(_FUNCTIONS)
        raise _refused(node, say("{name}(…) is not known here: use {known}", name=name, known=known))
    function, count = _FUNCTIONS[name]
    if len(node.args) != count:
        if count == 1:
            raise _refused(node, say("{name} takes 1 argument, not {given}", name=name, given=len(node.args)))
        told = say("{name} takes {count} arguments, not {given}", name=name, count=count, given=len(node.args))
        raise _refused(node, told)
    arguments = [_written(one, names, depth + 1) for one in node.args]
    return _computed(node, function, arguments) or f"{function}({', '.join(arguments)})"


def _computed(node: Any, function: str, arguments: list[str]) -> str:
    """What an operation on numbers alone gives, so that 1 % 0 is refused here and nowhere later; else nothing."""
    numbers = [_number(one) for one in arguments]
    if None in numbers:
        return ""
    try:
        value = float(_COMPUTED[function](*numbers))
    except (ValueError, ArithmeticError):
        value = math.nan
    if not math.isfinite(value):
        raise _refused(node, say("this has no value, whatever t is"))
    return _literal(repr(value))


def _literal(text: str) -> str:
    """A number in parentheses where it has a sign; any other text as it is."""
    value = _number(text)
    return text if value is None else f"({value!r})" if math.copysign(1, value) < 0 else repr(value)


def _number(text: str) -> float | None:
    try:
        return float(text.removeprefix("(").removesuffix(")"))
    except ValueError:
        return None


def _refused(node: Any, message: str) -> StepsizeError:
    column = getattr(node, "col_offset", 0) + 1
    return StepsizeError(say("formula: column {column}: {message}", column=column, message=message))
