"""What other libraries call their arguments, groups and schedules: errors that say what it is called here."""

from __future__ import annotations

from difflib import get_close_matches
from inspect import signature
from typing import Any

from .._errors import StepsizeError, number, shown
from .._value import without_parentheses
from ..vocabulary import WORDS
from .host import Host
from .knobs import Knobs, called

OWN = (
    "total_steps",
    "steps_per_epoch",
    "batch_size",
    "tokens_per_step",
    "tokens_per_sample",
    "done",
    "on_change",
    "on_nonfinite",
    "process_group",
)
_LENGTHS = ("T_max", "max_iters", "max_steps", "num_steps", "num_training_steps", "steps", "total_iters", "t_initial")
_WARMUPS = ("num_warmup_steps", "warmup", "warmup_epochs", "warmup_iters", "warmup_steps")
_FIELDS = {
    "learning_rate": "lr",
    "wd": "weight_decay",
    "decay": "weight_decay",
    "beta1": "betas.0",
    "beta_1": "betas.0",
    "beta2": "betas.1",
    "beta_2": "betas.1",
}


def no_argument(owner: str, name: str, value: object) -> StepsizeError:
    """The error for an option that `owner` does not take, with what takes its place."""
    return StepsizeError(f"{owner}: there is no option {name!r}: {_instead(owner, name, value)}")


def _instead(owner: str, name: str, value: object) -> str:
    if name == "last_epoch" and isinstance(value, int):
        return f"last_epoch={value} is done={value + 1} here, the updates made before"
    if name in ("lr", "learning_rate"):
        return f'the rate stands in the expression, "{value} * cosine()", or in the optimizer'
    if name == "verbose":
        return "leave it out; get_last_lr() tells the rates"
    if name in _LENGTHS:
        return f"write {owner}(…, total_steps=…), the number of optimizer steps"
    if name in ("epochs", "max_epochs", "num_epochs"):
        return "write total_steps=epochs * steps_per_epoch, the number of optimizer steps"
    if name in _WARMUPS:
        return 'the expression says it, "warmup(100) >> cosine()"'
    takers = _presets_with(name)
    if takers:
        return f"the expression says it: hand over stepsize.presets.torch.{takers[0]}(…, {name}=…) or what it prints"
    near = get_close_matches(name.lower(), OWN, 1)
    return f"write {near[0]}" if near else f"write one of {', '.join(OWN)}"


def no_optimizer(owner: str, given: object, expression: object) -> str:
    """What is said of something that stands in the optimizer's place."""
    says = f"{owner}: optimizer must be a torch.optim.Optimizer, not {shown(given)}"
    if isinstance(given, str):
        return f"{says}: the optimizer comes first, {owner}(optimizer, {given!r})"
    if isinstance(expression, str):
        return f"{says}: write {owner}(torch.optim.SGD(model.parameters(), lr=0.1), {expression!r})"
    return says


def _presets_with(name: str) -> list[str]:
    """The schedules of torch that take an argument of this name."""
    from ..presets import torch as theirs

    return [one for one in theirs.__all__ if name in signature(getattr(theirs, one)).parameters]


def no_expression(host: Host, one: object) -> float:
    """A bare number as a fixed rate; anything else is an error that names what the user can write for it."""
    if one is None:
        raise StepsizeError(f'{host.name}: there is no expression: write one, such as "warmup(100) >> cosine()"')
    if isinstance(one, (list, tuple)):
        by_group = ", ".join(f"{i}: {each!r}" for i, each in enumerate(one[:2]))
        raise StepsizeError(
            f"{host.name}: an expression is not a list: for one rate a group write a mapping, {{{by_group}}}, for one "
            "factor a step table(1, 0.5, …)"
        )
    theirs = _torch_name(one if isinstance(one, type) else type(one))
    if theirs and not isinstance(one, type):
        raise StepsizeError(
            f"{host.name}: an expression is not a {theirs} object: write stepsize.adapters.torch.from_torch(scheduler)"
        )
    if theirs:
        raise StepsizeError(f"{host.name}: an expression is not a class: write stepsize.presets.torch.{theirs}(…)")
    if isinstance(one, type) and one.__name__ in WORDS:
        raise StepsizeError(f"{host.name}: {without_parentheses(one.__name__)}")
    if callable(one) and not hasattr(one, "__float__"):
        raise StepsizeError(
            f"{host.name}: an expression is not a Python function: write its formula in t, formula('0.95**t'), or a "
            "word that it is, exponential(0.95, every=1)"
        )
    return number(host.name, "expression", one, low=0)


def _torch_name(kind: type) -> str:
    """What torch calls a schedule of its own; empty for anything else."""
    return next((one.__name__ for one in kind.__mro__ if one.__module__ == "torch.optim.lr_scheduler"), "")


def no_place(host: Host, knobs: Knobs, key: object) -> StepsizeError:
    """The error for a key of a mapping that names neither a group nor a hyper-parameter."""
    count = knobs.count()
    fields = list(dict.fromkeys(name for i in range(count) for name in knobs.fields(i)))
    names = [name for name in map(knobs.name, range(count)) if name is not None]
    there = ", ".join(called(knobs, i) for i in range(min(count, 8))) + (", …" if count > 8 else "")
    groups = "there is one, 0, without a name" if count == 1 and not names else f"there are {there}"
    return StepsizeError(
        f"{host.name}: {key!r} is neither a group ({groups}) nor a hyper-parameter of {knobs.owner} "
        f"({', '.join(fields)}){_meant(key, [*fields, *names], bool(names))}"
    )


def _meant(key: object, known: list[str], named: bool) -> str:
    """What the key may have meant, or how a group gets a name."""
    if not isinstance(key, str):
        return ""
    plain = key.lower().replace("-", "_")
    meant = _FIELDS.get(plain)
    near = [meant] if meant in known else get_close_matches(plain, known, 1)
    if near:
        return f": did you mean {near[0]!r}?"
    return "" if named else f': a group is named where the optimizer is built, {{"params": …, "name": {key!r}}}'


def no_quantity(owner: str, names: Any) -> StepsizeError:
    """The error for something that is shown under a name that no controller knows."""
    name = next(iter(names))
    kind = "loss" if name in ("train_loss", "training_loss") else "metric"
    return StepsizeError(
        f"{owner}: there is no {name!r} to see: write see({kind}={name}), for a controller with watch={kind!r}"
    )
