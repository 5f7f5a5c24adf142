"""Spelling of a text: characters of another keyboard or of a typesetter, and what people write by habit."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_KEYS = {
    "×": "*",
    "·": "*",
    "⋅": "*",
    "∗": "*",
    "✕": "*",
    "−": "-",
    "–": "-",
    "—": "-",
    "→": ">>",
    "»": ">>",
    "≫": ">>",
    "“": '"',
    "”": '"',
    "„": '"',
    "「": '"',
    "」": '"',
    "‘": "'",
    "’": "'",
    "‚": "'",
    "′": "'",
    "》": ">",
    "《": "<",
    "、": ",",
    "。": ".",
    "【": "(",
    "】": ")",
    "\u3000": " ",
    "\u00a0": " ",
    "\u200b": "",
    "\ufeff": "",
}
_FULL_WIDTH = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
TYPED = _KEYS | _FULL_WIDTH
"""The key that types a character: full-width, Chinese and curly ones, and the signs of formulas."""

ALSO_CALLED = {
    **dict.fromkeys(("step", "step_decay", "steplr"), "staircase"),
    **dict.fromkeys(("poly", "poly_decay"), "polynomial"),
    **dict.fromkeys(("exp", "exp_decay"), "exponential"),
    **dict.fromkeys(("cosine_annealing", "cosine_decay", "cosine_with_warmup", "annealing"), "cosine"),
    **dict.fromkeys(("constant_with_warmup", "linear_warmup", "warm_up"), "warmup"),
    **dict.fromkeys(("warm_restarts", "cosine_restarts", "cosine_with_restarts"), "sgdr"),
    **dict.fromkeys(("reduce_lr_on_plateau", "reduce_on_plateau"), "plateau"),
    **dict.fromkeys(("one_cycle", "1cycle"), "onecycle"),
    "grad_clip": "clip_norm",
}
"""What others call a word."""

_NUMBER = r"\d+(?:\.\d*)?(?:e-?\d+)?"
_UNIT = r"(?:%|ep|tok|samples)"
_HABITS: tuple[tuple[str, str], ...] = (
    (r"^\s*(['\"])(.*)\1\s*$", r"\2"),  # quotes within quotes
    (r"^\s*['\"](?=[\w(])([^'\"]*)$", r"\1"),
    (r"[\s,;.]+$", ""),
    (r"((?:^|[|*=])\s*\d+),(\d+)(?=\s*(?:[*|),]|$))", r"\1.\2"),  # a decimal comma
    (rf"^\s*momentum\s*=\s*({_NUMBER})\s*$", r"sgd(momentum=\1) | 0.1"),
    (rf"^\s*weight_decay\s*=\s*({_NUMBER})\s*$", r"weight_decay(\1) | sgd() | 0.1"),
    (r"^\s*(?!momentum|weight_decay)[A-Za-z_]\w*\s*=(?!=)\s*", ""),  # lr = …
    (r"(^|\|)\s*-(?=[\d.])", r"\1 "),  # a rate below 0: the update is subtracted anyhow
    (rf"(?<![\w'\".])({_NUMBER})\s*((?:epoch|step|update|token|sample)s?)(?![\w'\"(=])", r"'\1 \2'"),  # 5 epochs
    (r"\|\s*(?:lr|learning_rate)\s*=(?!=)\s*", "| "),  # sgd() | lr=0.1
    (r"\s*;\s*", " >> "),
    (r"(?<=[\w)])\s+x\s+(?=[\w(])", " * "),
    (r",\s*(?:lr|learning_rate)\s*=\s*(?=[^=]*$)(?![^()]*\))", " | "),  # sgd(), lr=0.1
    (r"\s*(?:-+>|=+>|>{3,}|>>=)\s*", " >> "),
    (r"(?<=[)\w])\s+then\s+(?=\w)", " >> "),
    (r"\^", "**"),
    (r"(?<=\))\s*(?:\|\||\|>)\s*", " | "),
    (rf"(?<![\w'\".])(\d+(?:\.\d*)?)\s*({_UNIT})(?![\w'\"(])", r"'\1\2'"),  # warmup(5%)
    (rf"(['\"])(\d+(?:\.\d*)?{_UNIT})(?=\s*[,)])", r"'\2'"),  # a quote not closed
    (r"(?<=\))\s*(?=\d[\d.e-]*\s*(?:\*|$))", " | "),  # adam() 0.001
    (r"(?<![\w.])(\d[\d.]*(?:e-?\d+)?)\s*(?=[a-z_]{3,}\()", r"\1 * "),  # 0.1 cosine()
)


def typed(text: str) -> str:
    """The same text in the characters of the language.

    >>> typed("0.1 × cosine（10，final＝0.1）")
    '0.1 * cosine(10,final=0.1)'
    """
    return "".join(TYPED.get(one, one) for one in text)


def foreign(text: str) -> str:
    """The first character that is another's for one of the language; empty where there is none."""
    return next((one for one in text if one in TYPED), "")


def spellings(text: str) -> list[str]:
    """What a text may have been meant to be, the nearest first: each habit undone alone, then all of them.

    >>> spellings("warmup(5%) -> cosine()")[-1]
    "warmup('5%') >> cosine()"
    """
    plain = typed(text).replace("\n", " ").strip()
    steps: list[Callable[[str], str]] = [lambda one, a=a, b=b: re.sub(a, b, one) for a, b in _HABITS]  # type: ignore[misc]
    alone = [step(plain) for step in steps]
    every = plain
    for step in steps:
        every = step(every)
    found = [plain, *alone, every]
    return list(dict.fromkeys([*found, *(_closed(one) for one in found)]))


def _closed(text: str) -> str:
    """A text with the parentheses that are missing at its end, or without those that are too many there."""
    left = text.count("(") - text.count(")")
    if left > 0:
        return text + ")" * min(left, 20)
    while left < 0 and text.endswith(")"):
        text, left = text[:-1].rstrip(), left + 1
    return text
