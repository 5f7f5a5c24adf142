"""A file of the user's: the problem that a function in it builds, and one line for every mistake in it."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..._errors import StepsizeError
from ..._language import commas, either, say
from ...problems import Problem
from ..runs.looks import Model, loss_of
from ..runs.trees import stacked
from ..trials.loop import Training
from ..workload import MODELS, Workload, fingerprint, sized

NEEDED = ("size", "start", "loss", "loss_and_grad", "unpack")
RECORDED = {"torch": "torch", "jax": "jax", "sklearn": "scikit-learn"}  # packages whose versions decide numbers


def of_function(file: str, function: str) -> Workload:
    """The problem that a function in a file builds, tried once so that a mistake is said before training."""
    path = _found(file)
    text = path.read_bytes()
    if not function:
        raise StepsizeError(
            say("compare: {file} needs the name of a function: write {names}", file=file, names=_written_as(file, text))
        )
    where = f"{path.name}:{function}"
    with _blaming(where, path), _beside(path), redirect_stdout(sys.stderr):  # stdout is for the table
        make = _function(_imported(path, text), function, path)
        made: Any = make()
        problem: Any
        looped = isinstance(made, Training) and not isinstance(made, type)
        problem, validation, test = (made, None, None) if looped else _parts(where, made)
        if looped:
            problem.try_out()
        else:
            _try(where, problem, validation, test)
        told = (inspect.getdoc(make) or "").strip().splitlines() if inspect.isfunction(make) else []
        model = told[0] if told else MODELS["function"].format(function=function, file=path.name)
        return Workload(
            name=where,
            problem=problem,
            validation=validation,
            test=test,
            model=sized(model, problem),
            fingerprint=fingerprint([text, function.encode()], problem),
            notes=problem.notes if looped else (),
            packages=tuple(package for module, package in RECORDED.items() if module in sys.modules),
        )


def _found(file: str) -> Path:
    path = Path(file)
    if path.is_file():
        return path.resolve()
    folder = path.parent
    names = [one.name for one in folder.glob("*.py")] if folder.is_dir() else []
    near = get_close_matches(path.name, names, n=1)
    if near:
        raise StepsizeError(
            say("compare: there is no file {file}: did you mean {near}?", file=file, near=folder / near[0])
        )
    raise StepsizeError(say("compare: there is no file {file}: write path/to/file.py:function", file=file))


def _written_as(file: str, text: bytes) -> str:
    """How to write it, with the functions that the file has; the file is not run for that."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        names = []
    else:
        names = [one.name for one in tree.body if isinstance(one, ast.FunctionDef) and not one.name.startswith("_")]
    return either([f"{file}:{name}" for name in names[:4]] or [f"{file}:FUNCTION"])


def _imported(path: Path, text: bytes) -> ModuleType:
    """The file as a module of its own name, from the text that the fingerprint is made of."""
    name = f"stepsize_file_{path.stem}_{zlib.crc32(str(path).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise StepsizeError(say("compare: {file} cannot be imported: rename it to a .py file", file=path.name))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _function(module: ModuleType, function: str, path: Path) -> Any:
    own = {name: one for name, one in vars(module).items() if callable(one) and _defined_in(one, module)}
    make = getattr(module, function, None)
    if make is None:
        near = get_close_matches(function, own, n=1)
        about = {"file": path.name, "function": function}
        if near:
            raise StepsizeError(
                say("compare: {file} has no function {function}: did you mean {near}?", **about, near=near[0])
            )
        there = commas(list(own)[:8]) or say("none")
        raise StepsizeError(say("compare: {file} has no function {function}: it has {there}", **about, there=there))
    if not callable(make):
        raise StepsizeError(
            say(
                "compare: {file}:{function} must be a function, not {kind}: write def {function}(): return …",
                file=path.name,
                function=function,
                kind=_kind(make),
            )
        )
    try:
        inspect.signature(make).bind()
    except TypeError:
        raise StepsizeError(
            say(
                "compare: {file}:{function} must take no arguments, not {signature}: give them defaults",
                file=path.name,
                function=function,
                signature=inspect.signature(make),
            )
        ) from None
    except ValueError:  # a callable without a signature is called to find out
        pass
    return make


def _defined_in(one: Any, module: ModuleType) -> bool:
    return getattr(one, "__module__", None) == module.__name__


def _parts(where: str, made: Any) -> tuple[Problem, Problem | None, Problem | None]:
    """What trains, what chooses and what judges."""
    parts = made if isinstance(made, tuple) else (made,)
    first, *rest = parts or (None,)
    if _is_problem(first) and len(rest) <= 2 and all(one is None or _is_problem(one) for one in rest):
        validation, test = (*rest, None, None)[:2]
        if test is None or validation is not None:
            return first, validation, test
    told = f"({', '.join(map(_kind, made))})" if isinstance(made, tuple) else _kind(made)
    raise StepsizeError(
        say(
            "compare: {where} must return a problem, (problem, one to choose by) or (problem, one to choose "
            "by, one to judge by), not {told}: write return stepsize.adapters.torch.problem(module, loss_fn, "
            "data) or training(…), or one of stepsize.problems",
            where=where,
            told=told,
        )
    )


def _is_problem(one: Any) -> bool:
    return all(hasattr(one, name) for name in NEEDED) and not isinstance(one, type)


def _try(where: str, problem: Problem, *others: Problem | None) -> None:
    """What training will ask: a gradient on two rows, losses on all data of each, for the parameters of seed 0."""
    params = {name: stacked([_number(one)]) for name, one in problem.start(0).items()}
    model = Model.begun(problem, [0])
    losses, grads = model.loss_and_grad(params, None if problem.size is None else np.arange(min(2, problem.size))[None])
    parts = [one for one in (problem, *others) if one is not None]
    answers = [np.shape(losses), *(np.shape(loss_of(one, params, None, model.carried)) for one in parts)]
    if any(one != (1,) for one in answers) or {n: np.shape(g) for n, g in grads.items()} != {
        name: one.shape for name, one in params.items()
    }:
        raise StepsizeError(
            say(
                "compare: {where} returned a problem that must answer one loss a run and gradients of the shapes "
                "of the parameters: see stepsize.problems.Problem",
                where=where,
            )
        )


def _number(one: Any) -> Any:
    """A parameter as training has it: a tensor of another library, or an array."""
    return one if hasattr(one, "detach") else np.asarray(one, dtype=float)


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """The file's folder where Python looks first for what the file imports, as if it were run."""
    folder = str(path.parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


@contextmanager
def _blaming(where: str, path: Path) -> Iterator[None]:
    """What the user's code raises, as one line that says where."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = error.name or say("a module")
        if missing.partition(".")[0] == "torch":
            raise StepsizeError(say("compare: {where} needs torch: pip install torch", where=where)) from error
        raise StepsizeError(
            say(
                "compare: {where} imports {missing}, which was not found: install it, or put it beside {file}",
                where=where,
                missing=missing,
                file=path.name,
            )
        ) from error
    except StepsizeError as error:
        if str(error).startswith("compare: "):
            raise
        raise StepsizeError(say("{error} ({line})", error=error, line=_line_of(error, path))) from error
    except (Exception, SystemExit) as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        told = f"{type(error).__name__}: {said}" if said else type(error).__name__
        raise StepsizeError(
            say("compare: {where} raised {error} ({line})", where=where, error=told[:300], line=_line_of(error, path))
        ) from error


def _line_of(error: BaseException, path: Path) -> str:
    """The last line of the user's file that was on the way, else the last line at all."""
    if isinstance(error, SyntaxError) and error.filename:
        return say("{file} line {line}", file=Path(error.filename).name, line=error.lineno)
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    own = [one for one in places if one[0] == str(path)] or places[-1:]
    return say("{file} line {line}", file=Path(own[-1][0]).name, line=own[-1][1]) if own else path.name


def _kind(one: Any) -> str:
    return "None" if one is None else type(one).__name__
