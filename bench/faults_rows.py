"""The rows of bench/faults.py: strategies of this library, and its peers."""

from dataclasses import dataclass
from typing import Any

from stepsize import constant, linear
from stepsize.text import parse

BATCH = 32
DECAY = constant(length="60%") >> linear()


@dataclass(frozen=True)
class Strategy:
    """A text with {r} for the rate, how many rows a batch has (None: all), and where the search for the best begins."""

    text: str
    begin: float = 0.1
    batch: int | None = BATCH
    peer: str = ""

    @property
    def watches(self) -> bool:
        """Whether anything looks at the loss that the loop tells."""
        return "plateau" in self.peer or bool({"loss", "loss_at"} & self.at(1.0).needs)

    def at(self, rate: float) -> Any:
        """The strategy around a rate; every one that has no decay of its own decays in the last 40 %."""
        written = parse(self.text.format(r=rate))
        own = any(word in self.text for word in ("plateau", "newbob", "cosine"))
        return written if own else written.with_rate(written.rate.base * (written.rate.factor * DECAY))


M = "sgd(momentum=0.9)"
C = "clip_norm(1)"
OURS = {
    "fixed": Strategy(f"{M} | {{r}}"),
    "Adam": Strategy("adam() | {r}", 0.01),
    "RMSProp": Strategy("rmsprop() | {r}", 0.01),
    "AdaGrad": Strategy("adagrad() | {r}"),
    "robust_infrared, no clip": Strategy(f"{M} | {{r}} * robust_infrared(0.9)"),
    "clip_norm": Strategy(f"{C} | {M} | {{r}}"),
    "clip before the rule": Strategy(f"clip(0.1) | {M} | {{r}}"),
    "clip of the update": Strategy(f"{M} | {{r}} | clip(0.01)"),
    "clip_norm of the update": Strategy(f"{M} | {{r}} | clip_norm(0.1)"),
    "clip_norm of the update, no momentum": Strategy("sgd() | {r} | clip_norm(0.1)", 1.0),
    "unitwise": Strategy(f"unitwise(unit_axis=-1) | {M} | {{r}}"),
    "zclip": Strategy(f"zclip() | {M} | {{r}}"),
    "zclip(max=None)": Strategy(f"zclip(max=None) | {M} | {{r}}"),
    "percentile": Strategy(f"percentile() | {M} | {{r}}"),
    "percentile(90)": Strategy(f"percentile(90) | {M} | {{r}}"),
    "adagc": Strategy(f"adagc() | {M} | {{r}}"),
    "spam, Adam": Strategy("spam() | adam() | {r}", 0.01),
    "clip_norm, Adam": Strategy(f"{C} | adam() | {{r}}", 0.01),
    "clip_rms, Adam": Strategy("adam() | clip_rms() | {r}", 0.01),
    "stable, Adam": Strategy("adam() | stable() | {r}", 0.01),
    "clip_norm, stable, Adam": Strategy(f"{C} | adam() | stable() | {{r}}", 0.01),
    "trust, Adam": Strategy("adam() | trust() | {r}", 0.01),
    "clip_norm, AdamW, cosine": Strategy(f'{C} | adamw() | {{r}} * (warmup("5%") >> cosine())', 0.01),
    "infrared, full batch": Strategy(f"{C} | sgd() | {{r}} * infrared()", 1.0, None),
    "infrared compounding, full batch": Strategy(f"{C} | sgd() | {{r}} * infrared(compounding=True)", 1.0, None),
    "bold_driver, full batch": Strategy(f"{C} | sgd() | {{r}} * bold_driver()", 1.0, None),
    "barzilai_borwein, full batch": Strategy(f"{C} | sgd() | 1 * barzilai_borwein(high={{r}})", 1.0, None),
    "adgd, full batch": Strategy(f"{C} | sgd() | {{r}} * adgd()", 1.0, None),
    "robust_infrared": Strategy(f"{C} | {M} | {{r}} * robust_infrared(0.9)"),
    "plateau, each loss": Strategy(f"{C} | {M} | {{r}} * plateau()"),
    "plateau, epoch means": Strategy(f"{C} | {M} | {{r}} * plateau(patience=2, average=32)"),
    "newbob, epoch means": Strategy(f"{C} | {M} | {{r}} * newbob(every=32)"),
    "greedy": Strategy(f"{C} | {M} | {{r}} * greedy(window=20)"),
    "spike": Strategy(f"{C} | {M} | {{r}} * spike()"),
    "spike(recovery=20)": Strategy(f"{C} | {M} | {{r}} * spike(recovery=20)"),
    "polyak": Strategy(f"{C} | sgd() | 1 * polyak(high={{r}})", 1.0),
    "armijo": Strategy(f"{C} | sgd() | {{r}} * armijo()", 1.0),
    "hypergradient": Strategy(f"{C} | {M} | {{r}} * hypergradient()"),
    "distance": Strategy(f"{C} | sgd() | {{r}} * distance()", 1.0),
    "gradient_noise": Strategy(f"{C} | sgd() | {{r}} * gradient_noise()", 1.0),
    "spike(recovery=20), zclip(max=None)": Strategy(f"zclip(max=None) | {M} | {{r}} * spike(recovery=20)"),
}
PEERS = {
    "torch SGD": Strategy(f"{M} | {{r}}", peer="none"),
    "torch Adam": Strategy("adam() | {r}", 0.01, peer="none"),
    "torch clip_grad_norm_": Strategy(f"{M} | {{r}}", peer="clip_grad_norm_"),
    "torch Adam, clip_grad_norm_": Strategy("adam() | {r}", 0.01, peer="clip_grad_norm_"),
    "torch ReduceLROnPlateau, each loss": Strategy(f"{M} | {{r}}", peer="plateau of losses"),
    "torch ReduceLROnPlateau, epoch means": Strategy(f"{M} | {{r}}", peer="plateau of means"),
    "zclip package": Strategy(f"{M} | {{r}}", peer="zclip"),
    "zclip package, max_grad_norm=None": Strategy(f"{M} | {{r}}", peer="zclip without cap"),
    "our clip_norm(1) in torch": Strategy(f"{M} | {{r}}", peer="ours"),
}
