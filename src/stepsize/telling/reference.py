"""docs/schedules.md, written from the schedules themselves: picture, formula, use, ends, source and example of each.

`python -m stepsize.telling.reference` writes the page and its pictures into docs/ (or the folder that follows).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from .._errors import StepsizeError
from ..text import parse
from ..vocabulary import WORDS, kind_of, look_up
from .differs import DIFFERS

STEPS = 1000
_LONGEST = 120  # characters of what a recipe is made of
EXAMPLES = {
    "constant": "constant(0.5)",
    "warmup": "warmup(200)",
    "linear": "linear(1.0, 0.1)",
    "cosine": "cosine(final=0.1)",
    "exponential": "exponential(0.01)",
    "staircase": "staircase(0.5, every=200)",
    "stages": "stages(1, 0.3, 0.1)",
    "polynomial": "polynomial(2)",
    "inverse_time": "inverse_time(1.0, every=100)",
    "power_law": "power_law(-0.5, 100)",
    "rex": "rex()",
    "tanh_decay": "tanh_decay()",
    "anneal": 'anneal(shape="1-sqrt")',
    "saturation": "saturation(200)",
    "rectification": "rectification(0.99)",
    "piecewise": "piecewise((0, 0.1), (300, 1), (600, 0.4), (1000, 0))",
    "table": "table(0.2, 1, 0.6, 0.8, 0.1, every=200)",
    "noise": "noise(0.3, every=20)",
    "formula": 'formula("exp(-3 * u) * (1 + cos(20 * u)) / 2")',
    "multistep": 'multistep("50%", "75%")',
    "natural_exponential": "natural_exponential(0.5, every=100)",
    "inverse_sqrt": "warmup(100) >> inverse_sqrt(100)",
    "noam": "noam(512, 200)",
    "wsd": 'wsd("10%", "30%")',
    "wsds": "wsds(300, 700, rise=50, decay=100)",
    "sgdr": "sgdr(140, growth=2)",
    "onecycle": "onecycle()",
    "onecycle_momentum": "onecycle_momentum()",
    "cyclic": 'cyclic(125, mode="triangular2")',
    "untuned_linear": "untuned_linear(0.995)",
    "untuned_exponential": "untuned_exponential(0.995)",
    "range_test": "range_test(100)",
    "chebyshev": "chebyshev(16, every=62)",
    "then": "warmup(100) >> constant(1.0, 400) >> linear()",
    "product": "cosine() * staircase(0.5, every=250)",
    "plus": "constant(0.2) + constant(0.8) * cosine()",
    "minimum": "minimum(warmup(400), cosine())",
    "maximum": "maximum(cosine(), constant(0.3))",
    "clamp": "clamp(exponential(0.01), 0.1, 0.8)",
    "repeat": "repeat(cosine(), 4, height=0.6)",
    "stretch": "stretch(warmup(100) >> cosine(400), 2)",
    "shift": "shift(cosine(800), -200)",
    "warp": "warp(cosine(800), (400, 400), (1000, 800))",
    "reverse": "reverse(polynomial(3))",
    "cooldown": 'cooldown(sgdr(300), "25%")',
    "rate": '3e-4 * (warmup("10%") >> cosine())',
    "plan": "plan(lr=0.5 * onecycle(), momentum=onecycle_momentum())",
}

_TITLES = {"schedule": "Shapes", "recipe": "Recipes", "combination": "Combinations"}
_ABOUT = {
    "schedule": "Closed formulas of the step t, which counts the updates already done.",
    "recipe": "Functions that return compositions of shapes; print one and see what it is made of.",
    "combination": "What makes one schedule out of others; `>>`, `*` and `+` write the first three.",
}
_INTRODUCTION = """# Schedules

Every schedule, with its picture, formula, use and end. To choose one, see [Which schedule?](which-schedule.md). A
schedule is a factor: it multiplies the base rate, and has no unit. Lengths are steps (`500`), shares (`"5%"`), epochs
(`"3ep"`), samples or tokens. A schedule without a length takes what is left of the run. Every picture shows 1000
updates. `python -m stepsize.telling.reference` writes this page from the documentation of the words.
"""
_ENDS = re.compile(
    r"^(After|It never ends|It lasts|The last update|Update 0|A new value|Without a length|While it|Each part begins)"
    r"|after (the end|which|it)|never ends| holds "
)
_ABBREVIATIONS = ("et al.", "vs.", "e.g.", "i.e.")


def words() -> list[str]:
    """The words of the page, in the order of the vocabulary: schedules, recipes and combinations of them."""
    return [word for kind in _TITLES for word in WORDS if kind_of(word) == kind and word != "descent"]


def schedules_page() -> str:
    """The whole page as Markdown.

    >>> schedules_page().startswith("# Schedules")
    True
    """
    parts = [_INTRODUCTION]
    for kind, title in _TITLES.items():
        own = [word for word in words() if kind_of(word) == kind]
        links = " · ".join(f"[{word}](#{word})" for word in own)
        parts += [f"## {title}\n\n{_ABOUT[kind]}\n\n{links}\n", *(_entry(word) for word in own)]
    return "\n".join(parts)


def draw_curves(folder: Path) -> list[Path]:
    """Draw the example of every word into `folder`/WORD.svg; the same words give the same bytes; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(word, folder / f"{word}.svg") for word in words()]


def write(docs: Path) -> None:
    """Write schedules.md and curves/ into a folder; pictures of words that are gone are removed."""
    drawn = draw_curves(docs / "curves")
    for old in set((docs / "curves").glob("*.svg")) - set(drawn):
        old.unlink()
    (docs / "schedules.md").write_text(schedules_page(), encoding="utf-8")


def sections(documentation: str) -> dict[str, str]:
    """The parts of a word's documentation: what it is, formula, use, ends, source, and what else it says.

    >>> told = sections(look_up("cosine").__doc__)
    >>> told["what"], told["source"]
    ('Half a cosine from 1 down to `final`: slow, fast, slow.', 'Loshchilov and Hutter, SGDR, 2017.')
    """
    text = documentation.partition(">>>")[0]
    what, _, rest = (" ".join(part.split()) for part in text.strip().partition("\n\n"))
    rest, _, source = rest.partition("Source: ")
    formula, use, body = _formula_and_use(rest)
    ends = [one for one in body if _ENDS.search(one)]
    more = [one for one in body if one not in ends]
    found = {"what": what, "formula": formula, "use": use, "ends": " ".join(ends), "more": " ".join(more)}
    return {name: one.strip() for name, one in (found | {"source": source}).items() if one.strip()}


def _formula_and_use(text: str) -> tuple[str, str, list[str]]:
    """The formula up to the first sentence that says how to use it, that sentence, and the sentences after it."""
    formula, use, rest = text.partition("Use ")
    first, *others = _sentences(use + rest if use else formula) or [""]
    if not use:
        formula, first = first, ""
    return re.sub(r"^Formula[:,]\s*", "", formula).strip(), first, others


def _sentences(text: str) -> list[str]:
    """The text cut after full stops that end a sentence, outside of code."""
    pieces: list[str] = []
    start = 0
    for stop in re.finditer(r"[.?](?=\s+[^a-z\s])", text):
        before = text[start : stop.end()]
        if (
            before.count("`") % 2 == 0
            and not before.endswith(_ABBREVIATIONS)
            and before.count("(") <= before.count(")")
        ):
            pieces.append(before.strip())
            start = stop.end()
    return [one for one in (*pieces, text[start:].strip()) if one]


def _entry(word: str) -> str:
    told = sections(look_up(word).__doc__ or "")
    labels = {"formula": "Formula", "use": "When", "more": "Fields and notes", "ends": "Ends", "source": "Source"}
    lines = [f"- **{label}**: {_markdown(told[name])}" for name, label in labels.items() if name in told]
    if word in DIFFERS:
        lines.append(f"- **Who differs**: {_markdown(DIFFERS[word])}.")
    return "\n".join(
        [f"### {word}\n", f"![{word}](curves/{word}.svg)\n", f"{_markdown(told['what'])}\n", _example(word), *lines, ""]
    )


def _example_of(word: str) -> str:
    if word not in EXAMPLES:
        raise StepsizeError(f"{word} has no example yet: add a row to EXAMPLES in telling/reference.py")
    return EXAMPLES[word]


def _example(word: str) -> str:
    """The example, and what it is made of where that prints differently."""
    text = _example_of(word)
    made = str(parse(text))
    made = made if len(made) <= _LONGEST else f"{made[:_LONGEST]}…"
    return f"- **Example**: `{text}`" + (f", which is `{made}`" if kind_of(word) == "recipe" and made != text else "")


def _markdown(text: str) -> str:
    """Plain text as Markdown: outside of code, stars and angles mean themselves."""
    parts = text.split("`")
    return "`".join(part if i % 2 else re.sub(r"([*<])", r"\\\1", part) for i, part in enumerate(parts))


def _draw(word: str, path: Path) -> Path:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from ..report.figures import save
    from ..report.palette import GREY_ON_EITHER, either

    style: dict[Any, Any] = {"svg.fonttype": "none", "font.size": 7, "path.simplify": True, "svg.hashsalt": "stepsize"}
    grey = dict.fromkeys(("text.color", "axes.edgecolor", "xtick.color", "ytick.color"), GREY_ON_EITHER)
    with mpl.rc_context(style | grey):
        figure = Figure(figsize=(3.2, 1.6), layout="constrained")
        axes = figure.subplots()
        curves = _curves(parse(_example_of(word)))
        for i, (name, values) in enumerate(curves):
            axes.plot(range(STEPS), values, color=either(i), linewidth=1.3, label=name)
        axes.set_ylim(bottom=0)
        axes.set_xlim(0, STEPS)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if len(curves) > 1:
            axes.legend(frameon=False)
        save(figure, path, transparent=True)
    return path


def _curves(value: Any) -> list[tuple[str, list[float]]]:
    value = value.over(STEPS)
    told = [value(t) for t in range(STEPS)]
    if not isinstance(told[0], dict):
        return [("", told)]
    return [(name, [one[name] for one in told]) for name in told[0]]


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
