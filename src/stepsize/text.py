"""From text to values: a Python expression over the closed vocabulary, read as a syntax tree, never executed.

The tree is the one that `ast.parse` returns. It is asked of `compile` directly and its nodes are told apart by name,
because importing the `ast` module alone takes a quarter of the cold start that `stepsize show` is allowed.
"""

from __future__ import annotations

from importlib import import_module

from ._errors import FARTHEST, ParseError, StepsizeError, shown
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
_OPERATORS = "a text combines words with |, >>, + and *"
_NOT_PART = {
    "Compare": "a comparison",
    "BoolOp": "and, or",
    "Subscript": "a square bracket",
    "Attribute": "a dot",
    "IfExp": "if",
    "Lambda": "lambda",
    "Dict": "a brace",
    "Set": "a brace",
    "JoinedStr": "an f-string",
}


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
        raise StepsizeError(f"parse takes a text such as '0.1 * cosine()', not {shown(text)}")
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
        raise ParseError("a comma makes a list here: write a decimal point, 0.1", 1)
    if not hasattr(value, "fields"):
        raise ParseError(f"{shown(text.strip())} is no strategy: write 0.1 * cosine() or sgd() | 0.1", 1)
    return value


def _own_words(words: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """A user's own words, checked."""
    for word, meaning in words.items():
        if word in WORDS or word == "opaque":
            raise StepsizeError(f"parse: {shown(word)} is a word of the vocabulary: give yours another name")
        if not (isinstance(word, str) and word.isidentifier() and callable(meaning)):
            raise StepsizeError(
                f"parse: words are names with their class or function, not {shown(word)}: {shown(meaning)}"
            )
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
        raise StepsizeError(f"{strategy} is a rate without a rule: write sgd() | {strategy}")
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
        raise ParseError("the text is empty: write 0.1 * cosine() or sgd() | 0.1", 1)
    length, brackets = _measured(text)
    if length > _LONGEST:
        raise ParseError(f"the text has {length} characters, at most {_LONGEST} are read", 1)
    if "#" in text:
        raise ParseError("# begins a comment, which is not part of the language: leave it out", text.index("#") + 1)
    if brackets > _MOST_BRACKETS:
        raise ParseError(f"the text has more than {_MOST_BRACKETS} parentheses", text.index("(") + 1)
    line = text.replace("\r", " ").replace("\n", " ").replace("\t", " ")
    start = len(line) - len(line.lstrip())
    try:
        return _shifted(compile(line.strip(), "<text>", "eval", _ONLY_TREE).body, start)
    except SyntaxError as error:
        raise ParseError(_syntax(line, error), start + max(error.offset or 1, 1)) from None
    except (ValueError, RecursionError, MemoryError):
        raise ParseError(f"nested deeper than {_DEEPEST} levels, or a strange character", 1) from None


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


def _syntax(line: str, error: SyntaxError) -> str:
    if line.rstrip().endswith(("|", "*", "+", ">>")):
        return f"something is missing after {line.rstrip()[-1]}: {_OPERATORS}"
    if line.count("'") % 2 or line.count('"') % 2:
        return "a quote is not closed: write warmup('5%')"
    if any(unit in line and f"{unit}'" not in line and f'{unit}"' not in line for unit in ("%", "ep)", "tok)")):
        return "a share or another unit stands in quotes: write warmup('5%') or warmup('3ep')"
    opened, closed = line.count("("), line.count(")")
    if opened > closed:
        return f"{_count(opened - closed)} not closed: add {')' * min(opened - closed, 20)}"
    if closed > opened:
        return f"{_count(closed - opened)} too many: remove {')' * min(closed - opened, 20)}"
    if "nested" in (error.msg or ""):
        return f"nested deeper than {_DEEPEST} levels"
    return f"this is not an expression ({(error.msg or '').partition(';')[0]}): {_OPERATORS}"


def _count(brackets: int) -> str:
    return "1 parenthesis" if brackets == 1 else f"{brackets} parentheses"


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
            raise ParseError(f"nested deeper than {_DEEPEST} levels", self.column(node))
        reader: Callable[[Any, int], Any] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if reader is None:
            what = _NOT_PART.get(type(node).__name__, "this")
            raise ParseError(f"{what} is not part of the language: {_OPERATORS}", self.column(node))
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
        raise ParseError(f"{shown(value)} is no number, text or truth value", self.column(node))

    def _large(self, value: int, node: ast.Constant) -> int | float:
        """A whole number beyond what floats count in ones: itself where it is short, else the float nearest to it."""
        if value < 2**63:
            return value
        try:
            return float(value)
        except OverflowError:
            told = f"{shown(value)} is larger than any number that can be used, 1.8e308"
            raise ParseError(told, self.column(node)) from None

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> Any:
        value = self.read(node.operand, depth + 1)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if _is(node.op, "USub"):
                return -value
            if _is(node.op, "UAdd"):
                return value
        raise ParseError("only a number can have a sign", self.column(node))

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
                raise ParseError(f"this operator is not part of the language: {_OPERATORS}", column)
        except ParseError:
            raise
        except StepsizeError as error:
            raise ParseError(str(error), column) from None
        except TypeError:
            result = NotImplemented
        if result is NotImplemented:
            raise ParseError(f"{shown(left)} and {shown(right)} do not combine this way: {_OPERATORS}", column)
        return result

    def _name(self, node: ast.Name, depth: int) -> Any:
        self._known(node.id, node)
        raise ParseError(without_parentheses(node.id), self.column(node))

    def _known(self, word: str, node: ast.expr) -> None:
        if word == "opaque":
            from .schedules.opaque import unwritten

            raise ParseError(unwritten(), self.column(node))
        if word in ("lr", "learning_rate") and word not in self.words:
            raise ParseError(f"{word} is no word of a text: write the number itself, 0.1", self.column(node))
        if word not in WORDS and word not in self.words:
            similar = _similar(word, [*self.words, *WORDS])
            raise ParseError(f"unknown word {shown(word)}{similar} All words: stepsize list", self.column(node))

    def _call(self, node: ast.Call, depth: int) -> Any:
        if not _is(node.func, "Name"):
            raise ParseError("only a word can be called: write cosine()", self.column(node.func))
        word: str = node.func.id  # type: ignore[attr-defined]
        self._known(word, node)
        for one in node.args:
            if _is(one, "Starred"):
                raise ParseError("* is not part of the language here: write the arguments out", self.column(one))
        arguments = tuple(self.read(one, depth + 1) for one in node.args)
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise ParseError("** is not part of the language: write the arguments out", self.column(keyword.value))
            if keyword.arg in named:
                told = f"{word}: {keyword.arg} is written twice: leave one of them out"
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
                raise ParseError(f"the rate comes after the rule: write {name}() | 0.1", column)
            raise ParseError(f"the rate comes before a schedule: write 0.1 * {name}(…)", column)
        if field not in fields and name != "plan":
            takes = f"its fields are {', '.join(fields)}" if fields else "it has none"
            near = _similar(field, fields).rstrip(".")
            raise ParseError(f"{name} has no field {shown(field)}{near} ({takes})", column)
    try:
        if isinstance(word, type):  # what is wrong is told below, so the class need not tell it
            return type.__call__(word, *arguments, **named)
        return word(*arguments, **named)
    except ParseError:
        raise
    except StepsizeError as error:
        raise ParseError(str(error), column) from None
    except (TypeError, OverflowError):
        lacks = _missing(word, len(arguments), named)
        told = f"{name} needs {lacks}" if lacks else f"{name} does not take these arguments"
        raise ParseError(f"{told}: write its fields by name, {', '.join(fields) or 'name=value'}", column) from None


def _missing(word: Callable[..., Any], given: int, named: dict[str, Any]) -> str:
    """The first field without a default that was not given."""
    from inspect import Parameter, signature

    taken = [one for one in signature(word).parameters.values() if one.kind is not Parameter.VAR_POSITIONAL]
    left = [one for one in taken[given:] if one.kind is not Parameter.VAR_KEYWORD and one.name not in named]
    return next((one.name for one in left if one.default is Parameter.empty), "")


def _fields(word: Callable[..., Any]) -> tuple[str, ...]:
    code = getattr(word.__init__ if isinstance(word, type) else word, "__code__", None)  # type: ignore[misc]
    if code is None:  # a class without a constructor of its own takes nothing
        return ()
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return tuple(name for name in names if name != "self")


def _similar(word: str, known: Any) -> str:
    from difflib import get_close_matches

    meant = import_module("stepsize.suggest.spelling").ALSO_CALLED.get(word.lower())
    found = [meant] if meant in known else get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f", did you mean {found[0]!r}?" if found else "."
