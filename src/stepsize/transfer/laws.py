"""The rules: what a rate is multiplied with when one size changes, who says so, and where that holds."""

from __future__ import annotations

from dataclasses import dataclass

from .._errors import number
from .._language import Note

CHANGES = ("batch", "steps", "width", "depth")
KINDS = ("sgd", "adam")  # rules whose step grows with the gradient, and rules whose step has the length of the rate


@dataclass(frozen=True)
class Law:
    """What a rate is multiplied with when a size of one kind changes.

    Formula: (new/old)^exponent; with a gradient-noise scale N, (1 + N/old)/(1 + N/new), which is new/old far below N
    and 1 far above it. Use it through `scaled`, which says where a law holds. When not: to choose a rate, which
    `stepsize tune` does.

    `what` is batch, steps, width or depth, `name` the word for it, `kinds` the optimizers that it is for: "sgd" or
    "adam". `holds` says in a sentence where it holds, and `most` up to which ratio of the sizes its source or a
    measurement here went; that of `noise` is a round number of ours. Equal sizes give 1, a way back undoes the way
    there, and two ways in a row are one: for every law. Source: `source`, with its year.

    >>> law_of("batch", "sqrt").factor(256, 4096), law_of("batch", "linear").factor(256, 128)
    (4.0, 0.5)
    """

    what: str
    name: str
    exponent: float
    kinds: tuple[str, ...]
    source: str
    holds: str
    most: float
    noise: float | None = None

    def factor(self, old: float, new: float) -> float:
        """What the rate is multiplied with; both sizes are above 0."""
        old, new = (number("factor", name, size, above=0) for name, size in (("old", old), ("new", new)))
        if self.noise is not None:
            return (1 + self.noise / old) / (1 + self.noise / new)
        return float((new / old) ** self.exponent)

    @property
    def formula(self) -> str:
        """The rule as a formula."""
        if self.noise is not None:
            return Note("rate × (1 + {noise:g}/old)/(1 + {noise:g}/new)", noise=self.noise)
        if self.exponent == 0:
            return Note("the rate stays")
        ratio = Note("new/old") if self.exponent > 0 else Note("old/new")
        if self.exponent in (1, -1):
            return Note("rate × {ratio}", ratio=ratio)
        if abs(self.exponent) == 0.5:
            return Note("rate × √({ratio})", ratio=ratio)
        return Note("rate × ({ratio})^{power:.2g}", ratio=ratio, power=abs(self.exponent))


LAWS = (
    Law(
        "batch",
        "linear",
        1.0,
        ("sgd",),
        Note("Goyal et al., Accurate, large minibatch SGD, 2017"),
        Note(
            "SGD, as many epochs as before, with a warm-up, and batches well below the gradient-noise scale; above it "
            "the best rate stops growing (McCandlish et al. 2018)"
        ),
        32.0,
    ),
    Law(
        "batch",
        "sqrt",
        0.5,
        ("adam",),
        Note("Krizhevsky, One weird trick, 2014; for Adam and RMSProp Malladi et al., 2022, who move the betas, too"),
        Note(
            "Adam and its kin, as many epochs as before, while the noise of the gradient outweighs the gradient; in "
            "large batches the best rate rises no more, and may fall (Li et al., Surge phenomenon, 2024)"
        ),
        32.0,
    ),
    Law(
        "batch",
        "noise",
        1.0,
        ("sgd",),
        Note("McCandlish et al., An empirical model of large-batch training, 2018"),
        Note("SGD with a known gradient-noise scale, which changes while a run goes on"),
        1000.0,
    ),
    Law("batch", "none", 0.0, (), Note("no rule"), Note("to compare with"), 32.0),
    Law(
        "steps",
        "sqrt",
        -0.5,
        KINDS,
        Note(
            "the bounds for convex losses, such as Zinkevich 2003: a rate that is best in the worst case falls as 1/√T"
        ),
        Note(
            "noisy convex losses, in the worst case; for a shape that is stretched with the run nothing firm is known"
        ),
        32.0,
    ),
    Law(
        "steps",
        "third",
        -1 / 3,
        KINDS,
        Note(
            "Bjorck et al., Scaling optimal LR across token horizons, 2024, for the form; 1/3 is a round number of ours"
        ),
        Note(
            "language models that see new data all along; for a shape that is stretched with the run nothing firm is "
            "known"
        ),
        32.0,
    ),
    Law(
        "steps",
        "none",
        0.0,
        KINDS,
        Note("no rule"),
        Note("a shape that is stretched with the run, a few times longer or shorter; for it nothing firm is known"),
        32.0,
    ),
    Law(
        "width",
        "inverse",
        -1.0,
        ("adam",),
        Note("Yang et al., Tensor programs V, 2022"),
        Note(
            "Adam under µP, for the hidden matrices alone: the rates of the first layer and of the biases stay, and "
            "the output needs a factor of its own. One rate for all arrays is not µP"
        ),
        16.0,
    ),
    Law(
        "width",
        "none",
        0.0,
        ("sgd",),
        Note(
            "Yang et al., Tensor programs V, 2022: under µP the rate of SGD for hidden matrices does not depend on "
            "width"
        ),
        Note("SGD under µP, for the hidden matrices alone"),
        16.0,
    ),
    Law(
        "depth",
        "sqrt",
        -0.5,
        ("adam",),
        Note("Yang et al., Tensor programs VI, 2023; Bordelon et al., Depthwise hyperparameter transfer, 2023"),
        Note(
            "Adam in residual nets whose branches have one layer and a factor of 1/√depth; deeper branches, plain nets "
            "and SGD follow no one rule"
        ),
        16.0,
    ),
    Law("depth", "none", 0.0, (), Note("no rule"), Note("to compare with"), 16.0),
)
DEFAULTS = {
    ("batch", "sgd"): "linear",
    ("batch", "adam"): "sqrt",
    ("steps", "sgd"): "none",
    ("steps", "adam"): "none",
    ("width", "sgd"): "none",
    ("width", "adam"): "inverse",
    ("depth", "sgd"): "sqrt",
    ("depth", "adam"): "sqrt",
}


def names(what: str) -> tuple[str, ...]:
    """The words for the laws of a size."""
    return tuple(one.name for one in LAWS if one.what == what)


def law_of(what: str, name: str) -> Law:
    """The law of a size by its name."""
    return next(one for one in LAWS if (one.what, one.name) == (what, name))
