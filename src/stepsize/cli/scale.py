"""`stepsize scale`: a rate carried over to another batch size, length, width or depth, and how far to trust that."""

from __future__ import annotations

import rich_click as click

from .kinds import Above, Expression, Sizes
from .output import DONE, EXIT_CODES, print_json


@click.command(epilog=EXIT_CODES)
@click.argument("text", metavar="RATE", type=Expression())
@click.option("--batch", type=Sizes(), metavar="OLD:NEW", help="Rows an update, before and now.")
@click.option("--steps", type=Sizes(), metavar="OLD:NEW", help="Updates of the run.")
@click.option("--width", type=Sizes(), metavar="OLD:NEW", help="Units of the hidden layers.")
@click.option("--depth", type=Sizes(), metavar="OLD:NEW", help="Residual blocks.")
@click.option("--rule", metavar="NAME", help="batch: linear, sqrt, noise; steps: sqrt, third; width: inverse; none.")
@click.option(
    "--optimizer", type=click.Choice(["sgd", "adam"], case_sensitive=False), help="What a rate alone does not say."
)
@click.option("--noise-scale", type=Above(), metavar="ROWS", help="The gradient-noise scale.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def scale(
    text: str,
    batch: tuple[int, int] | None,
    steps: tuple[int, int] | None,
    width: tuple[int, int] | None,
    depth: tuple[int, int] | None,
    rule: str | None,
    optimizer: str | None,
    noise_scale: float | None,
    as_json: bool,
) -> int:
    """Carry a rate over to another batch size, length, width or depth, by a published rule.

    RATE is a number or a whole strategy. It prints the new one, the rule, its source, where it holds, and how far off
    it was on small tasks here; outside its range it says so. Every rule is a guess: `stepsize tune` measures.

    Examples:

        stepsize scale "adam() | 1e-3 * cosine()" --batch 256:4096

        stepsize scale 0.1 --batch 256:4096 --rule linear

        stepsize scale 3e-4 --width 256:1024 --optimizer adam
    """
    from ..transfer import scaled

    sizes = {"batch": batch, "steps": steps, "width": width, "depth": depth}
    rule = None if rule is None else rule.lower()
    found = scaled(text, **sizes, rule=rule, optimizer=optimizer, noise_scale=noise_scale)
    if as_json:
        print_json(found.as_dict())
    else:
        print(found)
    return DONE
