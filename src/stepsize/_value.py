"""A value: frozen, compared by its fields, printed as the call that makes it."""

from __future__ import annotations

from ._errors import StepsizeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self


class Value:
    """Base of all vocabulary words: the fields of a value are the parameters of its constructor.

    `eval(repr(x)) == x`, hashable, picklable. Standard dataclasses would do the same; importing them alone
    costs more than the whole cold start that `stepsize show` is allowed (docs/lab-book.md has the numbers).
    """

    __slots__ = ("__weakref__",)
    _positional: ClassVar[tuple[str, ...]] = ()
    _starred: ClassVar[str | None] = None
    _keywords: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
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
            raise StepsizeError(f"{self.word()} has no field {min(unknown)!r}: {', '.join(self.fields())}")
        return type(self)._make({**self.fields(), **changes})

    def _store(self, **fields: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

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
