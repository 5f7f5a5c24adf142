"""What the name of some data means: a bundled set, a table or a function in a file, or a task of the caller's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from ..._errors import StepsizeError
from ..._language import say
from ..workload import Workload
from .datasets import TARGETS, load
from .python_file import of_function

IN_FILE = re.compile(r"(?P<file>.+\.py)(:(?P<function>.*))?")
NO_TASKS: Mapping[str, Callable[[], Workload]] = MappingProxyType({})


def workload(
    data: str,
    *,
    target: str | None = None,
    task: str | None = None,
    tasks: Mapping[str, Callable[[], Workload]] = NO_TASKS,
) -> Workload:
    """What `data` names: a bundled set, a table in a file, `path/to/file.py:function`, or one of `tasks`.

    `target` and `task` are for tables. The function takes no arguments and returns a `Problem`, or a pair of one to
    train and one to validate on. `tasks` are what the caller brings besides, such as models of a framework, each made
    when it is asked for. What cannot be used is a StepsizeError of one line.
    """
    found = IN_FILE.fullmatch(data)
    if found is None and data not in tasks:
        return load(data, target=target, task=task, others=tuple(tasks)).workload()
    if target is not None or task is not None:
        raise StepsizeError(say("compare: {data} brings its own targets: leave --target and --task out", data=data))
    return tasks[data]() if found is None else of_function(found["file"], found["function"] or "")


def placed(data: str) -> str:
    """The same data by a name that another folder, or another machine with the same files, understands.

    >>> placed("wine"), placed("/data/model.py:digits")
    ('wine', '/data/model.py:digits')
    """
    found = IN_FILE.fullmatch(data)
    file = data if found is None else found["file"]
    if found is None and (data in TARGETS or not Path(file).is_file()):
        return data
    return str(Path(file).absolute()) + data[len(file) :]
