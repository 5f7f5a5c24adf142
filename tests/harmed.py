"""Harm to inputs, drawn by a seed: bytes, lines and numbers of a file, and parts of a value of plain Python."""

import copy
import json
import math
import os
import random
import time
from contextlib import suppress

HUGE = ("1e308", "-1e308", "1e999", "9" * 400, "9" * 5000, "-1", "0", "nan", "NaN", "Infinity", "4611686018427387904")
WORDS = ("null", "true", '"word"', "[]", "{}", "", "-", "1,5", "𝟙", "soon")
LINES = (b"a note of mine", b"[]", b"{}", b'"text"', b"\xff\xfe\x00", b"0,1,2,3,4,5,6,7,8,9", b'{"kind": "run"}', b"")
LINES += (b'{"step": 1e999, "loss": []}', b"{" * 2000, b"step,loss", b"x" * 3000)
WRONG = (
    None,
    True,
    -1,
    0,
    2**70,
    10**400,
    1e308,
    math.nan,
    math.inf,
    "",
    "word",
    "x" * 3000,
    [],
    {},
    [1, "a"],
    {"a": 1},
)
WRONG += (b"bytes", 0.5, [[]], "cosine()", (1, 2))
SECONDS = float(os.environ.get("STEPSIZE_FUZZ_SECONDS", "0"))  # for each input, in place of a fixed count


def tries(name, count):
    """So many random sources, or as many as fit into STEPSIZE_FUZZ_SECONDS; the same ones each time."""
    end, place = time.monotonic() + SECONDS, 0
    while place < count or time.monotonic() < end:
        yield random.Random(f"{name} {place}")
        place += 1
    if SECONDS:
        print(f"\n{name}: {place} inputs")


def harmed(rng, content):
    """The content with one to three kinds of harm."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(BYTES)(rng, content)
    return content


def _flipped(rng, content):
    found = bytearray(content)
    for _ in range(rng.randint(1, 4) if found else 0):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def _cut(rng, content):
    return content[: rng.randrange(len(content) + 1)]


def _half_head(rng, content):
    head = content.split(b"\n", 1)[0]
    return head[: rng.randrange(len(head) + 1)] + rng.choice((b"", b"\n")) + content[len(head) :] * rng.randrange(2)


def _without(rng, content):
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    return b"\n".join(lines[:place] + lines[place + rng.randint(1, 3) :])


def _doubled(rng, content):
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    return b"\n".join(lines[: place + 1] + lines[place:])


def _swapped(rng, content):
    lines = content.split(b"\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


def _foreign(rng, content):
    lines = content.split(b"\n")
    lines.insert(rng.randrange(len(lines) + 1), rng.choice(LINES))
    return b"\n".join(lines)


def _other_number(rng, content):
    """Another number or word in the place of one of the numbers."""
    places = [i for i in range(1, len(content)) if content[i : i + 1].isdigit() and not content[i - 1 : i].isdigit()]
    if not places:
        return content
    begin = end = rng.choice(places)
    while end < len(content) and content[end : end + 1] in b"0123456789.eE+-":
        end += 1
    return content[:begin] + rng.choice(HUGE + WORDS).encode() + content[end:]


def _other_leaf(rng, content):
    """A wrong type somewhere in a line of JSON."""
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    with suppress(ValueError, RecursionError):
        lines[place] = json.dumps(changed(rng, json.loads(lines[place])), default=str).encode()
    return b"\n".join(lines)


def _not_text(rng, content):
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice((b"\xff", b"\xc3\x28", b"\x80", b"\0", "é".encode("latin-1"))) + content[place:]


def _empty(rng, content):
    return rng.choice((b"", b"\n", b"\xef\xbb\xbf", b" ", content.decode(errors="replace").encode("utf-16")))


BYTES = (_flipped, _cut, _half_head, _without, _doubled, _swapped, _foreign, _other_number, _other_leaf, _not_text)
BYTES += (_flipped, _other_number, _other_leaf, _other_leaf, _empty)


def changed(rng, value):
    """A deep copy with a wrong part: another type, a part that is gone, one too many."""
    value = copy.deepcopy(value)
    inner, place = value, None
    while isinstance(inner, (dict, list)) and inner and (place is None or rng.random() < 0.8):
        holder, place = inner, rng.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
        inner = holder[place]
    if place is None or rng.random() < 0.03:
        return rng.choice(WRONG)
    kind = rng.randrange(8)
    if kind == 0:
        del holder[place]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(("new", "kind", ""))] = rng.choice(WRONG)
    elif kind == 1:
        holder.insert(place, inner)
    else:
        holder[place] = rng.choice(WRONG)
    return value
