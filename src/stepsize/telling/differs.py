"""Who differs: how other libraries write the same schedule otherwise; facts for the page of schedules."""

from __future__ import annotations

DIFFERS: dict[str, str] = {
    "constant": (
        "composer's ConstantScheduler jumps to 1 after its end whatever its factor; mmengine's damps one step less"
    ),
    "warmup": (
        "torch begins at start_factor; transformers, optax, keras, timm and Megatron at 0, a wasted update; "
        "torchtitan and pytorch_warmup as here"
    ),
    "linear": (
        "torch's LinearLR refuses a start of 0; torchtitan's decay and pytorch_optimizer's go below zero past the end"
    ),
    "cosine": (
        "torch, transformers, torchtitan and fvcore bounce up past the end; optax, keras, timm and Megatron hold "
        "as here; keras counts the decay without the warm-up, optax with it; alpha is a share, eta_min a rate"
    ),
    "exponential": (
        "fvcore and fastai count in shares of the run; optax adds a floor (here `clamp`); torch multiplies what "
        "it finds and drifts in float32"
    ),
    "staircase": "timm's step scheduler agrees; speechbrain drops one epoch early",
    "stages": (
        "keras changes one step later (t = boundary + 1), timm's multistep one earlier; optax's scales multiply up"
    ),
    "multistep": "a boundary given twice counts twice in torch and is an error here",
    "polynomial": (
        "fastai takes the power of the progress, not of what is left; fvcore returns a complex number past the "
        "end; pytorch_optimizer's grows without bound"
    ),
    "inverse_time": "none in torch, optax, timm or transformers; Paddle counts in single steps",
    "natural_exponential": "MindSpore's decay_epoch acts only with its staircase",
    "inverse_sqrt": "speechbrain's is absolute and ignores the base rate",
    "power_law": "OLMo's power_lr joins a linear tail",
    "wsd": (
        "transformers and Megatron count the decay in steps, torchtitan as a ratio; pytorch_optimizer's shapes "
        "other than cosine undershoot the minimum and jump up at the end"
    ),
    "anneal": "epfml's exp is `exponential(final)`; Megatron's exponential is the one here",
    "rex": "pytorch_optimizer makes its first update at the minimum",
    "tanh_decay": "timm's ends at 0.003 above the minimum in the last update, as the formula says",
    "sgdr": "keras and timm shrink the height, not the minimum; fairseq shrinks both, as here; torch has no height",
    "repeat": "torch, timm and fairseq take a logarithm for the cycle and miss some exact restarts",
    "onecycle": (
        "torch's phases end one update earlier and it raises past the end; fastai's last value is max/div_final, "
        "torch's and optax's max/(div·final_div)"
    ),
    "cyclic": "torch swings the momentum along with it",
    "noise": "timm draws from a truncated normal and never uses its noise_std",
    "rectification": "torch's RAdam switches to plain momentum while ρ ≤ 5 instead",
}
