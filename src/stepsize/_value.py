"""A value: frozen, compared by its fields, printed as the call that makes it; a field is declared in one line."""

from __future__ import annotations

from importlib import import_module

from ._errors import StepsizeError, flag, number, one_of, shown, whole
from ._language import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_options):
        """Nothing at run time: importing typing costs more than all that is done here."""
        return lambda cls: cls


_CHECKS: dict[str, Callable[..., Any]] = {"float": number, "int": whole, "bool": flag, "str": one_of}
_NEEDED: Any = object()  # the default of a field that has none


def field(
    *,
    default: T = _NEEDED,
    kw_only: bool = False,
    init: bool = True,
    check: Callable[..., Any] | None = None,
    **bounds: float | str | tuple[str, ...] | None,
) -> T:
    """Declare one field of a word: its type is the annotation, the rest is said here.

    `default` is what stands where nothing is given (it needs no check); `kw_only` asks for the name in a call. float,
    int and bool are checked by `number`, `whole` and `flag` with the bounds `above`, `low`, `high`, `below`; str by
    `one_of` with `options=("long", "short")`; any other type by `check(word, field, value, **bounds)`, which returns
    what is stored or raises. A bound that is a text is the name of another field of the word, or of a property. With
    `| None` in the annotation None is allowed. `init=False` is a place for what a value works out later: no argument,
    and no part of what it is compared and written by. What must hold between fields goes into `_check_fields`.

    >>> class halving(Value):
    ...     first: float = field(low=0)
    ...     every: int = field(default=10, low=1, kw_only=True)
    >>> halving(0.5, every=3), halving(0.5).replace(first=1)
    (halving(0.5, every=3), halving(1))
    >>> halving(0.5, every=0)
    Traceback (most recent call last):
        ...
    stepsize._errors.StepsizeError: halving: every must be a number ≥ 1, not 0
    """
    return Field(default, kw_only, init, check, bounds)  # type: ignore[return-value]


class Field:
    """What `field` said of one field, and the way of a given value through its check."""

    __slots__ = (
        "annotation",
        "bounds",
        "check",
        "default",
        "init",
        "kw_only",
        "name",
        "optional",
        "related",
        "trusted",
    )
    name: str
    annotation: Any
    optional: bool

    def __init__(
        self, default: Any, kw_only: bool, init: bool, check: Callable[..., Any] | None, bounds: dict[str, Any]
    ) -> None:
        self.default, self.kw_only, self.init, self.check, self.bounds = default, kw_only, init, check, bounds
        self.related = str in map(type, bounds.values())
        self.trusted = _NEEDED if self.related else default  # what needs no check

    def named(self, owner: str, name: str, annotation: Any) -> None:
        """Take the name, and from the annotation whether None is allowed and the check where none was given."""
        written = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
        kind = written.removesuffix(" | None")
        self.name, self.annotation, self.optional = name, annotation, kind != written
        self.check = self.check or _CHECKS.get(kind)
        if self.init and (self.check is None or (self.check is one_of and "options" not in self.bounds)):
            lacks = 'options=("long", "short")' if self.check else "a type of float, int, bool or str, or check=…"
            raise TypeError(f"{owner}: the field {name} needs {lacks}, not {written!r} alone")

    def checked(self, value: Value, given: Any) -> Any:
        """What is stored for what was given."""
        if given is None and self.optional:
            return None
        bounds = self.bounds
        if self.related:
            bounds = {key: getattr(value, one) if isinstance(one, str) else one for key, one in bounds.items()}
        return self.check(value.word(), self.name, given, **bounds)  # type: ignore[misc]


class _Declared(type):
    """The class of all words: its fields become slots, before Python would take them for defaults in the way."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any) -> Any:
        """Take the fields out of the body, and make a slot of each that no base has."""
        own = {key: one for key, one in body.items() if type(one) is Field}
        if own:
            there = {key for base in bases[0].__mro__ for key in vars(base).get("__slots__", ())}
            body = {key: one for key, one in body.items() if key not in own}
            body |= {"__slots__": (*body.get("__slots__", ()), *(own.keys() - there)), "_declared": own}
        return super().__new__(mcs, name, bases, body, **options)

    if not TYPE_CHECKING:  # type checkers read the constructor, and unions of classes, as they are

        def __call__(cls, *given, **named):
            """Make a value; arguments of another library are an error that says what to write for them."""
            try:
                return type.__call__(cls, *given, **named)
            except TypeError:
                told = import_module("stepsize.suggest.in_python").instead(cls, given, named)
                if not told:
                    raise
            raise TypeError(told)

        @property
        def __signature__(cls):
            """What a call takes, for `inspect.signature`."""
            from inspect import Signature, signature

            if cls.__init__ is object.__init__:
                return Signature()
            taken = signature(cls.__init__)
            return taken.replace(parameters=[*taken.parameters.values()][1:], return_annotation=Signature.empty)

        def __or__(cls, other):
            """A union of types; anything else has met a word without its parentheses."""
            return _union(cls, type.__or__(cls, other))

        def __ror__(cls, other):
            """The same from the other side."""
            return _union(cls, type.__ror__(cls, other))

        def __mul__(cls, other):
            """A word without its parentheses: an error that says so."""
            raise TypeError(without_parentheses(cls.__name__))

        __rmul__ = __add__ = __radd__ = __rshift__ = __rrshift__ = __mul__


def without_parentheses(word: str) -> str:
    """What is said of a word that nobody called.

    >>> without_parentheses("sgd")
    'sgd is a word without its parentheses: write sgd()'
    """
    return say("{word} is a word without its parentheses: write {word}()", word=word)


def _union(cls: type, found: Any) -> Any:
    if found is NotImplemented:
        raise TypeError(without_parentheses(cls.__name__))
    return found


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value(metaclass=_Declared):
    """Base of all vocabulary words: the fields of a value are the parameters of its constructor.

    `eval(repr(x)) == x`, hashable, picklable. Standard dataclasses would do the same; importing them alone
    costs more than the whole cold start that `stepsize show` is allowed (docs/lab-book.md has the numbers).
    A class declares its fields with `field`, or writes `__init__` itself.
    """

    __slots__ = ("__weakref__",)
    _declared: ClassVar[dict[str, Field]] = {}
    _positional: ClassVar[tuple[str, ...]] = ()
    _starred: ClassVar[str | None] = None
    _keywords: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        own = cls.__dict__.get("_declared")
        if own:
            for name, one in own.items():
                one.named(cls.__name__, name, cls.__annotations__.get(name, ""))
            cls._declared = {**cls.__base__._declared, **own}  # type: ignore[union-attr]
            if "__init__" not in cls.__dict__ and any(one.init for one in own.values()):
                cls.__init__ = _constructor(cls)  # type: ignore[method-assign]
        init = cls.__dict__.get("__init__")
        if init is None:
            return
        code = init.__code__
        first = code.co_argcount
        last = first + code.co_kwonlyargcount
        cls._positional = code.co_varnames[1:first]
        cls._keywords = code.co_varnames[first:last]
        cls._starred = code.co_varnames[last] if code.co_flags & 0x04 else None
        values = init.__defaults__ or ()
        defaults = dict(zip(cls._positional[len(cls._positional) - len(values) :], values, strict=True))
        cls._defaults = defaults | (init.__kwdefaults__ or {})

    @classmethod
    def word(cls) -> str:
        """The word that stands for this class in a text."""
        return cls.__name__

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        """All fields in the order of the constructor."""
        starred = (cls._starred,) if cls._starred else ()
        return cls._positional + starred + cls._keywords

    def fields(self) -> dict[str, Any]:
        """Every field with its value."""
        return {name: getattr(self, name) for name in self.field_names()}

    def replace(self, **changes: Any) -> Self:
        """The same value with some fields changed; the constructor checks them again."""
        unknown = set(changes) - set(self.fields())
        if unknown:
            raise StepsizeError(f"{self.word()} has no field {shown(min(unknown))}: {', '.join(self.fields())}")
        return type(self)._make({**self.fields(), **changes})

    def _store(self, **fields: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def _check_fields(self) -> None:
        """What must hold between the fields: raises where it does not; called when all of them are stored."""

    @classmethod
    def _make(cls, fields: dict[str, Any]) -> Self:
        fields = dict(fields)
        starred = fields.pop(cls._starred) if cls._starred else ()
        return cls(*(fields.pop(name) for name in cls._positional), *starred, **fields)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{self.word()} is frozen: write .replace({name}=…) for a changed copy")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{self.word()} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash((type(self).__name__, *self.fields().values()))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.fields())

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        """The call with every field that differs from its default; keywords after the first omitted one."""
        written: list[str] = []
        by_name = False
        for name in self._positional:
            value = getattr(self, name)
            if name in self._defaults and value == self._defaults[name]:
                by_name = True
            else:
                written.append(f"{name}={value!r}" if by_name else repr(value))
        if self._starred:
            written += [repr(value) for value in getattr(self, self._starred)]
        for name in self._keywords:
            value = getattr(self, name)
            if name not in self._defaults or value != self._defaults[name]:
                written.append(f"{name}={value!r}")
        return f"{self.word()}({', '.join(written)})"


def _rebuild(cls: type[Value], fields: dict[str, Any]) -> Value:
    return cls._make(fields)


def _constructor(cls: type[Value]) -> Any:
    """The `__init__` that takes the fields: a plain function, so that Python itself binds and refuses arguments."""
    fields = [one for one in cls._declared.values() if one.init]
    places, names = [one for one in fields if not one.kw_only], [one for one in fields if one.kw_only]
    _check_places(cls, places)
    code = _take.__code__.replace(
        co_name="__init__",
        co_varnames=("self", *(one.name for one in places), *(one.name for one in names)),
        co_nlocals=1 + len(fields),
        co_argcount=1 + len(places),
        co_kwonlyargcount=len(names),
    )
    known = {"__name__": cls.__module__, "_store_checked": _store_checked, "_fields": _in_order(fields)}
    init: Any = type(_take)(code, known)  # type: ignore[misc]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__defaults__ = tuple(one.default for one in places if one.default is not _NEEDED)
    init.__kwdefaults__ = {one.name: one.default for one in names if one.default is not _NEEDED}
    init.__annotations__ = {one.name: one.annotation for one in (*places, *names)} | {"return": "None"}
    return init


def _check_places(cls: type[Value], places: list[Field]) -> None:
    own = set(cls.field_names()) - set(cls._declared)
    if own:
        raise TypeError(f"{cls.__name__}: a parent writes its own __init__ ({min(own)}), so write one here too")
    if places != sorted(places, key=lambda one: one.default is not _NEEDED):
        raise TypeError(f"{cls.__name__}: a field without a default comes before those with one, or is kw_only=True")


def _take(self: Value) -> None:
    # What every constructor does; each gets this code with the parameters of its own. To compile one for each class
    # took longer than all else that makes a class (docs/lab-book.md has the numbers).
    _store_checked(self, _fields, locals())  # type: ignore[name-defined]  # noqa: F821


def _store_checked(value: Value, fields: list[Field], given: dict[str, Any]) -> None:
    try:
        _store_each(value, fields, given)
    except StepsizeError as error:
        other = _swapped(value, fields, given)
        said = say("{problem}; the other way round: write {other}", problem=error, other=other)
        raise (StepsizeError(said) if other else error) from None


def _store_each(value: Value, fields: list[Field], given: dict[str, Any]) -> None:
    put = object.__setattr__
    for one in fields:
        new = given[one.name]
        put(value, one.name, new if new is one.trusted else one.checked(value, new))
    value._check_fields()


def _swapped(value: Value, fields: list[Field], given: dict[str, Any]) -> str:
    """The call with its first two arguments the other way round, where only that is one; empty where it is none.

    One of the two must be a broken number, such as 0.1: whole ones may be wrong by themselves.
    """
    places = value._positional[:2]
    broken = [name for name in places if isinstance(given[name], float) and given[name] % 1 > 0]
    if len(places) < 2 or len(broken) != 1:
        return ""
    first, second = places
    other = object.__new__(type(value))
    try:
        _store_each(other, fields, given | {first: given[second], second: given[first]})
    except StepsizeError:
        return ""
    return f"{value.word()}({given[second]!r}, {given[first]!r})"


def _in_order(fields: list[Field]) -> list[Field]:
    """The fields so that each comes after those its bounds name; what names a property comes last."""
    if not any(one.related for one in fields):
        return fields
    by_name = {one.name: one for one in fields}

    def depth(one: Field) -> int:
        named = [by_name.get(bound) for bound in one.bounds.values() if isinstance(bound, str)]
        return max((1 + depth(other) if other else len(fields) for other in named), default=0)

    return sorted(fields, key=depth)
