"""Recordings made by hand, whole or line by line, for tests of what reads them while they grow."""

import json


def head(**told):
    return {"kind": "stepsize recording", "version": 2, "strategy": None, "planned_steps": 100, "groups": ["0"]} | told


def row(step, **numbers):
    return {"step": step, "loss": 2.0 - step / 100, "lr": 0.1} | numbers


def text(*lines):
    return "".join(json.dumps(line) + "\n" for line in lines)


def write(path, rows, **told):
    path.write_text(text(head(**told), *(row(step) for step in range(rows))))
    return path


def append(path, *lines):
    with path.open("a") as file:
        file.write(text(*lines))
