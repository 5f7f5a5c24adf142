"""What click says of a line that cannot be meant, in another language: loaded where one is spoken."""

from __future__ import annotations

import re

from .._language import said

CLICKS = {
    r"Invalid value for (?P<where>.+?): (?P<told>.+)": "Invalid value for {where}: {told}",
    r"Missing argument (?P<name>'.+?')\.": "Missing argument {name}.",
    r"No such option:? (?P<name>\S+?)\.? Did you mean (?P<near>\S+)\?": "No such option {name}. Did you mean {near}?",
    r"No such option:? (?P<name>\S+?)\.? \(.+?: (?P<near>[^()]+?)\??\)": "No such option {name}. Did you mean {near}?",
    r"No such option:? (?P<name>\S+?)\.?": "No such option {name}.",
    r"No such command (?P<name>.+?)\.? Did you mean (?P<near>\S+)\?": "No such command {name}. Did you mean {near}?",
    r"No such command (?P<name>.+?)\.? \(.+?: (?P<near>[^()]+?)\??\)": "No such command {name}. Did you mean {near}?",
    r"No such command (?P<name>.+?)\.?": "No such command {name}.",
    r"Got unexpected extra arguments? \((?P<words>.+)\)\.?": "Got unexpected extra arguments ({words})",
    r"Option (?P<name>'.+?') requires an argument\.": "Option {name} requires an argument.",
    r"Option (?P<name>'.+?') does not take a value\.": "Option {name} does not take a value.",
    r"(?P<value>.+) is not in the range (?P<range>.+)\.": "{value} is not in the range {range}.",
    r"(?P<value>'.*') is not one of (?P<words>.+)\.": "{value} is not one of {words}.",
    r"(?:File|Path|Directory) (?P<path>.+) is a directory\.": "{path} is a directory.",
    r"(?:File|Path|Directory) (?P<path>.+) is not readable\.": "{path} is not readable.",
    r"(?:File|Path|Directory) (?P<path>.+) is not writable\.": "{path} is not writable.",
}
"""What click says, and the text of ours with the same parts; the first that fits is taken."""


def refused(clicks: str) -> str:
    """A message of click in the language that is spoken; one that is not known stays as it is.

    >>> refused("Invalid value for '--steps': 0 is not in the range x>=1.")
    "Invalid value for '--steps': 0 is not in the range x>=1."
    """
    for pattern, text in CLICKS.items():
        if found := re.fullmatch(pattern, clicks, re.S):
            parts = found.groupdict()
            if "told" in parts:
                parts["told"] = refused(parts["told"])
            return said(text).format(**parts)
    return clicks
