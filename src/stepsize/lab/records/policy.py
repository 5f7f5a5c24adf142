"""Whether a log is of reinforcement learning, whose loss is no measure, by the names of its columns."""

from __future__ import annotations

from collections.abc import Iterable

STRONG = {  # how the columns of a policy's run begin; a name that ends in "/" begins a group
    "reward": ("reward", "reward_std", "mean_reward", "rewards/"),
    "advantages": ("advantages", "advantages/", "advantage", "critic/advantages/"),
    "clip_ratio": ("clip_ratio", "clip_ratio/", "clipfrac", "policy/clipfrac_avg", "actor/pg_clipfrac"),
    "completions": ("completions/", "completion_length"),
}
WEAK = {"kl": ("kl", "objective/kl", "approx_kl", "actor/ppo_kl"), "entropy": ("entropy", "policy/entropy_avg")}
ADVERSARIES = ("generator", "discriminator")
AGAINST = {  # the losses of two networks that work against each other
    "generator": ("g_loss", "loss_g", "gen_loss", "loss_gen", "generator_loss", "loss_generator", "errg"),
    "discriminator": ("d_loss", "loss_d", "disc_loss", "loss_disc", "discriminator_loss", "loss_discriminator", "errd"),
}
PREFERENCES = ("chosen", "rejected", "margins", "accuracies")  # after "rewards/": preference tuning has a real loss


def policy_of(columns: Iterable[str]) -> tuple[str, ...]:
    """The kinds of columns that say so; empty for any other log.

    One kind is not enough: supervised runs log an entropy, variational ones a KL divergence. The losses of a generator
    and of its discriminator tell nothing by their height either.

    >>> policy_of(["loss", "reward", "kl", "completions/mean_length"])
    ('reward', 'completions', 'kl')
    >>> policy_of(["loss", "entropy", "rewards/chosen", "rewards/margins"])
    ()
    """
    names = [one.strip().lower().removeprefix("train/") for one in columns]
    names = [one for one in names if not (one.startswith("rewards/") and one.endswith(PREFERENCES))]
    if all(_any(names, forms) for forms in AGAINST.values()):
        return ADVERSARIES
    strong, weak = (tuple(kind for kind, forms in one.items() if _any(names, forms)) for one in (STRONG, WEAK))
    return (*strong, *weak) if strong and len(strong) + len(weak) > 1 else ()


def _any(names: list[str], forms: tuple[str, ...]) -> bool:
    return any(name == form or (form.endswith("/") and name.startswith(form)) for name in names for form in forms)
