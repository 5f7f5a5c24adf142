"""What clips remember of the updates they saw, on an optimizer: kept by name, saved as tensors and numbers."""

from __future__ import annotations

from typing import Any

import torch

from ...._errors import StepsizeError
from ....descents import Arrays, Clip, RuleState


class Remembering:
    """Clips in a row, each with its memory."""

    def __init__(self, call: str, clips: tuple[Clip, ...]) -> None:
        self.call, self.clips = call, clips
        self.states: list[RuleState] = [{} for _ in clips]
        self._known: list[set[str]] = [set() for _ in clips]

    def through(self, which: int, flowing: Arrays, params: Arrays) -> tuple[Arrays, Any]:
        """What one of the clips makes of these arrays, and the share that it limited; it takes in what it saw."""
        state = self.state(which, params)
        limited, share, after = self.clips[which].step(flowing, params, state, {"grads": flowing, "rules": {}})
        self.learn(which, after)
        return limited, share

    def state(self, which: int, params: Arrays) -> RuleState:
        """What one of the clips remembers, with a beginning for the parameters that it has not seen."""
        known = self._known[which]
        if not known.issuperset(params):
            self.states[which] = merged(self.clips[which].init(params), self.states[which])
            known.update(params)
        return self.states[which]

    def learn(self, which: int, after: RuleState) -> None:
        """Take in what one of the clips saw."""
        self.states[which] = merged(self.states[which], after)

    def state_dict(self) -> dict[str, Any]:
        """Everything that resume needs, as `torch.save` takes it."""
        return {"clips": [str(one) for one in self.clips], "states": list(self.states)}

    def check(self, state: Any, params: Arrays) -> None:
        """Refuse the state of other clips, and one that is not built as theirs."""
        texts = [str(one) for one in self.clips]
        states = state.get("states") if isinstance(state, dict) else None
        if not isinstance(states, (list, tuple)) or state.get("clips") != texts or len(states) != len(texts):
            found = state.get("clips") if isinstance(state, dict) else None
            told = " | ".join(map(str, found)) if isinstance(found, (list, tuple)) and found else "something else"
            raise StepsizeError(
                f"{self.call}: the state is that of {told}, not of {' | '.join(texts) or 'no clips'}: load the state "
                "that this call saved"
            )
        for one, kept in zip(self.clips, states, strict=True):
            wrong = kept != {} and unlike(kept, one.init(params), str(one))
            if wrong:
                raise StepsizeError(f"{self.call}: the state is damaged, {wrong}: load the state that this call saved")

    def load_state_dict(self, state: Any, params: Arrays) -> None:
        """The opposite; None begins anew."""
        if state is not None:
            self.check(state, params)
        self._known = [set() for _ in self.clips]
        if state is None:
            self.states = [{} for _ in self.clips]
            return
        device = next(iter(params.values())).device
        self.states = [on_device(one, device) for one in state["states"]]


def merged(old: Any, new: Any) -> Any:
    """A memory with what is newer; entries of parameters that had no gradient stay."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: merged(old.get(key), one) for key, one in new.items()}}
    return new


def unlike(found: Any, begun: Any, where: str, names: bool = False) -> str:
    """What of a memory is not built as one that begins; nothing where it is. `names` says that some may be absent."""
    if isinstance(begun, dict):
        if not isinstance(found, dict):
            return f"{where} is {type(found).__name__}"
        lacking = [] if names else [one for one in begun if one not in found]
        if lacking:
            return f"{where} lacks {', '.join(map(str, lacking))}"
        told = (unlike(found[one], kept, f"{where}, {one}", names=True) for one, kept in begun.items() if one in found)
        return next(filter(None, told), "")
    if isinstance(begun, (tuple, list)):
        if not isinstance(found, (tuple, list)) or len(found) != len(begun):
            return f"{where} is not {len(begun)} numbers"
        return next(filter(None, (unlike(*both, where) for both in zip(found, begun, strict=True))), "")
    if isinstance(begun, torch.Tensor):
        alike = isinstance(found, torch.Tensor) and found.shape == begun.shape
        return "" if alike else f"{where} is not of shape {tuple(begun.shape)}"
    return "" if is_number(found) and float(found) == float(found) else f"{where} is no number"


def is_number(one: Any) -> bool:
    """Whether it is a number that a float can hold, or a tensor of one."""
    if isinstance(one, torch.Tensor):
        return one.numel() == 1
    return isinstance(one, float) or (isinstance(one, int) and abs(one) < 2**63)


def on_device(memory: Any, device: torch.device) -> Any:
    """A memory whose tensors lie on the device."""
    if isinstance(memory, dict):
        return {key: on_device(one, device) for key, one in memory.items()}
    if isinstance(memory, (tuple, list)):
        return type(memory)(on_device(one, device) for one in memory)
    return memory.to(device) if isinstance(memory, torch.Tensor) else memory
