"""From text to values: a Python expression over the closed vocabulary, read as a syntax tree, never executed.

The tree is the one that `ast.parse` returns. It is asked of `compile` directly and its nodes are told apart by name,
because importing the `ast` module alone takes a quarter of the cold start that `stepsize show` is allowed.
"""

from __future__ import annotations

from importlib import import_module

from ._errors import FARTHEST, ParseError, StepsizeError, shown
from ._language import say
from ._value import without_parentheses
from .schedules.base import Factor
from .vocabulary import WORDS, look_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Mapping
    from typing import Any

    from .descents import descent
    from .schedules.rate import rate

_ONLY_TREE = 0x400  # ast.PyCF_ONLY_AST
_CHAINS = {"Mult": "product", "Add": "plus", "RShift": "then"}
_LONGEST, _MOST_BRACKETS = 1_000_000, 600
_LONGEST_LIST = 16_000_000  # with the numbers of tables and the knots between them, which are read one by one
_DEEPEST = 56  # levels of syntax: a value of 50 levels may take a few more
_LONGEST_TOLD = 400  # of longer texts no other line is sought


def parse(text: str, words: Mapping[str, Callable[..., Any]] | None = None) -> Any:
    """Read one expression: a factor, a rate, a clip, a rule or a whole descent; a bare number is a rate.

    `parse(str(x)) == x` for every value. Use it for anything a user typed: only the words of `stepsize list` and the
    operators `|`, `>>`, `+`, `*` are understood, nothing is executed, and every failure is a `ParseError`. `words` are
    words of your own for this text, by name: `parse("0.1 * sawtooth(50)", words={"sawtooth": sawtooth})`; one that
    has the name of a word of the vocabulary is an error.

    >>> parse("clip_norm(1) | adam() | 3e-4 * (warmup('2%') >> cosine())").rate.base
    0.0003
    >>> parse("cosin(10)")
    Traceback (most recent call last):
        ...
    stepsize._errors.ParseError: column 1: unknown word 'cosin', did you mean 'cosine'? All words: stepsize list
    """
    if not isinstance(text, str):
        raise StepsizeError(say("parse takes a text such as '0.1 * cosine()', not {value}", value=shown(text)))
    own = _own_words(words or {})
    try:
        return read(text, own)
    except ParseError as error:
        if len(text) > _LONGEST_TOLD:
            raise
        raised = error
    better: Any = import_module("stepsize.suggest.better").better
    raise better(raised, text, own) from None


def read(text: str, own: Mapping[str, Callable[..., Any]]) -> Any:
    """What `parse` does, with errors that show no other line to write."""
    tree = _tree(text)
    value = _Reader(text, dict(own)).read(tree, 0)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _call(look_up("rate"), (value,), {}, 1, "rate")
    if isinstance(value, tuple):
        raise ParseError(say("a comma makes a list here: write a decimal point, 0.1"), 1)
    if not hasattr(value, "fields"):
        told = say("{text} is no strategy: write 0.1 * cosine() or sgd() | 0.1", text=shown(text.strip()))
        raise ParseError(told, 1)
    return value


def _own_words(words: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """A user's own words, checked."""
    for word, meaning in words.items():
        if word in WORDS or word == "opaque":
            told = say("parse: {word} is a word of the vocabulary: give yours another name", word=shown(word))
            raise StepsizeError(told)
        if not (isinstance(word, str) and word.isidentifier() and callable(meaning)):
            told = say(
                "parse: words are names with their class or function, not {word}: {meaning}",
                word=shown(word),
                meaning=shown(meaning),
            )
            raise StepsizeError(told)
    return dict(words)


def as_descent(strategy: object) -> descent:
    """A strategy as a complete descent: a text is parsed; what has no rule or rate is an error that says so.

    >>> as_descent("sgd() | 0.1").rate.base
    0.1
    """
    from .descents import descent
    from .schedules.rate import rate

    if isinstance(strategy, str):
        strategy = parse(strategy)
    if isinstance(strategy, rate):
        raise StepsizeError(say("{rate} is a rate without a rule: write sgd() | {rate}", rate=strategy))
    if not isinstance(strategy, descent):
        raise StepsizeError(import_module("stepsize.suggest.in_python").no_strategy(strategy))
    strategy.split()  # an error says where the rule or the rate is missing
    return strategy


def as_strategy(strategy: object) -> descent | rate:
    """The same, or a rate alone: what is scheduled on an optimizer that somebody else brings.

    >>> as_strategy("0.1 * cosine()").base, str(as_strategy("sgd() | 0.1").rule)
    (0.1, 'sgd()')
    """
    from .schedules.rate import rate

    found = parse(strategy) if isinstance(strategy, str) else strategy
    return found if isinstance(found, rate) else as_descent(found)


def _tree(text: str) -> ast.expr:
    if not text.strip():
        raise ParseError(say("the text is empty: write 0.1 * cosine() or sgd() | 0.1"), 1)
    length, brackets = _measured(text)
    if length > _LONGEST:
        told = say("the text has {length} characters, at most {most} are read", length=length, most=_LONGEST)
        raise ParseError(told, 1)
    if "#" in text:
        told = say("# begins a comment, which is not part of the language: leave it out")
        raise ParseError(told, text.index("#") + 1)
    if brackets > _MOST_BRACKETS:
        raise ParseError(say("the text has more than {most} parentheses", most=_MOST_BRACKETS), text.index("(") + 1)
    line = text.replace("\r", " ").replace("\n", " ").replace("\t", " ")
    start = len(line) - len(line.lstrip())
    try:
        return _shifted(compile(line.strip(), "<text>", "eval", _ONLY_TREE).body, start)
    except SyntaxError as error:
        from .unread import no_expression

        told = no_expression(line, error.msg or "", _DEEPEST)
        raise ParseError(told, start + max(error.offset or 1, 1)) from None
    except (ValueError, RecursionError, MemoryError):
        told = say("nested deeper than {most} levels, or a strange character", most=_DEEPEST)
        raise ParseError(told, 1) from None


def _measured(text: str) -> tuple[int, int]:
    """How many characters and opening parentheses a text has, where the numbers of a list count two characters each.

    So a table of a hundred thousand values and a thousand knots are read, and what costs more to read than the longest
    text of words costs is not.
    """
    if len(text) > _LONGEST_LIST or (len(text) <= _LONGEST and text.count("(") <= _MOST_BRACKETS):
        return len(text), text.count("(")
    import re

    number = r"[0-9.e+-]{1,24}"
    knot = rf"(?:(?<=, )|(?<=\())\((?:{number}|'{number}[a-z%]{{0,7}}'), {number}\)(?=[,)])"
    text = re.sub(rf"(?<=[(, ]){number}, ", "1,", re.sub(knot, "1,1,1", text))
    return len(text), text.count("(")


def _shifted(tree: ast.expr, start: int) -> ast.expr:
    tree.stepsize_start = start  # type: ignore[attr-defined]
    return tree


def _is(node: object, kind: str) -> bool:
    return type(node).__name__ == kind


class _Reader:
    """Walks the tree; `depth` bounds the nesting, long chains of one operator are read without recursion."""

    def __init__(self, text: str, words: dict[str, Callable[..., Any]]) -> None:
        self.text = text
        self.words = words
        self.start = 0

    def read(self, node: ast.expr, depth: int) -> Any:
        self.start = getattr(node, "stepsize_start", self.start)
        if depth > _DEEPEST:
            from .unread import too_deep

            raise ParseError(too_deep(_DEEPEST), self.column(node))
        reader: Callable[[Any, int], Any] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if reader is None:
            from .unread import no_part

            raise ParseError(no_part(type(node).__name__), self.column(node))
        return reader(node, depth)

    def column(self, node: ast.AST) -> int:
        """The column in characters, from 1 (ast counts bytes)."""
        offset: int = getattr(node, "col_offset", 0)
        if not self.text.isascii():
            offset = len(self.text.strip().encode()[:offset].decode(errors="ignore"))
        return self.start + offset + 1

    def _constant(self, node: ast.Constant, depth: int) -> Any:
        value = node.value
        if type(value) is int and value > FARTHEST:
            return self._large(value, node)
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        told = say("{value} is no number, text or truth value", value=shown(value))
        raise ParseError(told, self.column(node))

    def _large(self, value: int, node: ast.Constant) -> int | float:
        """A whole number beyond what floats count in ones: itself where it is short, else the float nearest to it."""
        if value < 2**63:
            return value
        try:
            return float(value)
        except OverflowError:
            told = say("{value} is larger than any number that can be used, 1.8e308", value=shown(value))
            raise ParseError(told, self.column(node)) from None

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> Any:
        value = self.read(node.operand, depth + 1)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if _is(node.op, "USub"):
                return -value
            if _is(node.op, "UAdd"):
                return value
        raise ParseError(say("only a number can have a sign"), self.column(node))

    def _tuple(self, node: ast.Tuple | ast.List, depth: int) -> Any:
        return tuple(self.read(one, depth + 1) for one in node.elts)

    _list = _tuple

    def _binop(self, node: ast.BinOp, depth: int) -> Any:
        spine: list[ast.BinOp] = []
        left: ast.expr = node
        while _is(left, "BinOp"):
            spine.append(left)  # type: ignore[arg-type]
            left = left.left  # type: ignore[attr-defined]
        value = self.read(left, depth + 1)
        while spine:
            run = [spine.pop()]
            while spine and type(spine[-1].op) is type(run[0].op):
                run.append(spine.pop())
            value = self._chain(run, value, [self.read(one.right, depth + 1) for one in run])
        return value

    def _chain(self, run: list[ast.BinOp], value: Any, rights: list[Any]) -> Any:
        """A run of one operator: factors are put together at once, so that long chains stay linear."""
        word = _CHAINS.get(type(run[0].op).__name__)
        if word and len(run) > 1 and all(isinstance(one, Factor) for one in (value, *rights)):
            try:
                return look_up(word)(value, *rights)
            except StepsizeError:
                pass  # one by one, to find the column
        for node, right in zip(run, rights, strict=True):
            value = self._operate(node, value, right)
        return value

    def _operate(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        column = self.column(node.right)
        try:
            if _is(node.op, "Mult"):
                result = _times(left, right)
            elif _is(node.op, "Add"):
                result = left + right if hasattr(left, "fields") else NotImplemented
            elif _is(node.op, "RShift"):
                result = left >> right if hasattr(left, "fields") else NotImplemented
            elif _is(node.op, "BitOr"):
                result = left | right if hasattr(left, "fields") or hasattr(right, "fields") else NotImplemented
            else:
                from .unread import no_operator

                raise ParseError(no_operator(), column)
        except ParseError:
            raise
        except StepsizeError as error:
            raise ParseError(str(error), column) from None
        except TypeError:
            result = NotImplemented
        if result is NotImplemented:
            from .unread import do_not_combine

            raise ParseError(do_not_combine(left, right), column)
        return result

    def _name(self, node: ast.Name, depth: int) -> Any:
        self._known(node.id, node)
        raise ParseError(without_parentheses(node.id), self.column(node))

    def _known(self, word: str, node: ast.expr) -> None:
        if word == "opaque":
            from .schedules.opaque import unwritten

            raise ParseError(unwritten(), self.column(node))
        if word in ("lr", "learning_rate") and word not in self.words:
            told = say("{word} is no word of a text: write the number itself, 0.1", word=word)
            raise ParseError(told, self.column(node))
        if word not in WORDS and word not in self.words:
            from .unread import unknown

            raise ParseError(unknown(word, [*self.words, *WORDS]), self.column(node))

    def _call(self, node: ast.Call, depth: int) -> Any:
        if not _is(node.func, "Name"):
            raise ParseError(say("only a word can be called: write cosine()"), self.column(node.func))
        word: str = node.func.id  # type: ignore[attr-defined]
        self._known(word, node)
        for one in node.args:
            if _is(one, "Starred"):
                told = say("* is not part of the language here: write the arguments out")
                raise ParseError(told, self.column(one))
        arguments = tuple(self.read(one, depth + 1) for one in node.args)
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                told = say("** is not part of the language: write the arguments out")
                raise ParseError(told, self.column(keyword.value))
            if keyword.arg in named:
                told = say("{word}: {field} is written twice: leave one of them out", word=word, field=keyword.arg)
                raise ParseError(told, self.column(keyword.value))
            named[keyword.arg] = self.read(keyword.value, depth + 1)
        return _call(self.words.get(word) or look_up(word), arguments, named, self.column(node.func), word)


def _times(left: Any, right: Any) -> Any:
    if not hasattr(left, "fields") and not hasattr(right, "fields"):
        if not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (left, right)):
            return NotImplemented
        return left * right if abs(left) <= FARTHEST and abs(right) <= FARTHEST else float(left) * right
    return left * right


def _call(word: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any], column: int, name: str) -> Any:
    """Call a word; a wrong argument list becomes an error that names the fields."""
    fields = _fields(word)
    for field in named:
        if field in ("lr", "learning_rate") and name != "plan":
            if isinstance(word, type) and hasattr(word, "update"):
                raise ParseError(say("the rate comes after the rule: write {word}() | 0.1", word=name), column)
            raise ParseError(say("the rate comes before a schedule: write 0.1 * {word}(…)", word=name), column)
        if field not in fields and name != "plan":
            from .unread import no_field

            raise ParseError(no_field(name, field, fields), column)
    try:
        if isinstance(word, type):  # what is wrong is told below, so the class need not tell it
            return type.__call__(word, *arguments, **named)
        return word(*arguments, **named)
    except ParseError:
        raise
    except StepsizeError as error:
        raise ParseError(str(error), column) from None
    except (TypeError, OverflowError):
        from .unread import by_name

        raise ParseError(by_name(word, name, len(arguments), named, fields), column) from None


def _fields(word: Callable[..., Any]) -> tuple[str, ...]:
    code = getattr(word.__init__ if isinstance(word, type) else word, "__code__", None)  # type: ignore[misc]
    if code is None:  # a class without a constructor of its own takes nothing
        return ()
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return tuple(name for name in names if name != "self")
