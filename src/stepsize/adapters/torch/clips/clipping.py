"""Clips at work on an optimizer: when they look at the gradients, and what a gradient that is not finite does."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ...._errors import StepsizeError
from .closures import hookable, read_clips, with_closure
from .measured import measured
from .memory import Remembering
from .norms import Member, Space, by_space, local, members_of, settled, space_of, whole

ANSWERS = ("raise", "skip", "zero", "ignore")
_MANY = 10  # updates left out in a row, after which it is no longer a bad batch


class Clipping:
    """Clips at work on an optimizer, until `remove()`; `skipped` counts the steps left out for their gradients."""

    def __init__(self, call: str, optimizer: Optimizer, clips: Any, on_nonfinite: str, hang: bool = True) -> None:
        self.clips = read_clips(call, clips)
        if on_nonfinite not in ANSWERS:
            raise StepsizeError(f"{call}: on_nonfinite must be one of {', '.join(ANSWERS)}, not {on_nonfinite!r}")
        optimizer = hookable(call, optimizer)
        self.call, self.on_nonfinite, self.skipped = call, on_nonfinite, 0
        self._taken: dict[Tensor, Tensor] = {}
        self._calls, self._paused = 0, False
        self._in_a_row, self._told = 0, False  # of the steps left out
        self.wrong = ""  # with the gradients of the last of them
        self.shares: list[Any] | None = None  # of elements that each clip limited, while somebody looks
        self._remembering = Remembering(call, self.clips)
        self.agreed: Callable[[str | None], str | None] = _alone  # what is wrong for one rank where all must decide
        self._approved = members_of(optimizer)
        _refuse_complex(call, self._approved)
        self._optimizer = optimizer
        self._hooks: list[Any] = []
        if hang:
            self._hooks = [optimizer.register_step_pre_hook(self._before)]
            self._hooks.append(optimizer.register_step_post_hook(self._after))

    def remove(self) -> None:
        """Take the clips off; the next step is the optimizer's own."""
        for hook in self._hooks:
            hook.remove()
        self._forget()

    @property
    def left_out(self) -> bool:
        """Whether the step that is being made is left out for its gradients."""
        return bool(self._taken)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While a closure is called only for its loss, as a trial of another rate."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def has_memory(self) -> bool:
        """Whether any of the clips depends on what it saw before."""
        return any(one.init({}) for one in self.clips)

    def remembers(self) -> bool:
        """Whether any of the clips has seen something that the next steps depend on."""
        return any(self._remembering.states)

    def state_dict(self) -> dict[str, Any]:
        """What the clips remember, for `torch.save`; to be saved beside the optimizer's state."""
        return self._remembering.state_dict()

    def check_state(self, state_dict: Any) -> None:
        """Refuse the state of other clips."""
        self._remembering.check(state_dict, self._params())

    def load_state_dict(self, state_dict: dict[str, Any] | None) -> None:
        """Continue where a state was taken, or with None begin anew; the state of other clips is refused."""
        self._remembering.load_state_dict(state_dict, self._params())

    def _params(self) -> dict[str, Tensor]:
        return {one.name(): one.param.detach() for one in members_of(self._optimizer)}

    def __repr__(self) -> str:
        return f"{self.call}({' | '.join(map(str, self.clips))}, on_nonfinite={self.on_nonfinite!r})"

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        self._taken, self._calls = {}, 0
        self.shares = None if self.shares is None else []
        members = members_of(optimizer)
        if members is not self._approved:
            _refuse_complex(self.call, members)
            self._approved = members
        changed = with_closure(args, kwargs, lambda closure: self._followed(optimizer, members, closure))
        with torch.no_grad():
            if changed is None:
                _refuse_own_scaler(self.call, kwargs)
                self._on_gradients(optimizer, members)
            self._remember(members)
        return changed

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        for param, grad in self._taken.items():
            param.grad = grad if param.grad is None else param.grad
        if not self._taken:
            self._in_a_row = 0
            with torch.no_grad():
                self._on_update()
        self._taken = {}
        measured(optimizer).forget()

    def _followed(self, optimizer: Optimizer, members: list[Member], closure: Callable[[], Any]) -> Callable[[], Any]:
        """The closure, and after it the clips: only then there are gradients."""

        def closure_then_clips() -> Any:
            loss = closure()
            if self._paused:
                return loss
            self._calls += 1
            with torch.no_grad():
                self._on_gradients(optimizer, members)
            return loss

        return closure_then_clips

    def _on_gradients(self, optimizer: Optimizer, members: list[Member]) -> None:
        raise NotImplementedError

    def _remember(self, members: list[Member]) -> None:
        """Keep what is needed after the step."""

    def _on_update(self) -> None:
        """Act on what the step did."""

    def _forget(self) -> None:
        """Free what is kept between steps."""

    def _checked(self, optimizer: Optimizer, found: Gradients) -> None:
        """Do what on_nonfinite asks for."""
        if self._taken:
            self._take(found)
        if self._taken or self.on_nonfinite == "ignore" or getattr(optimizer, "found_inf", None) is not None:
            return
        if self.on_nonfinite == "zero":
            for grads in found.spaces.values():
                for grad in grads:
                    torch.nan_to_num_(grad, 0.0, 0.0, 0.0)
            return
        wrong = None
        if not math.isfinite(measured(optimizer).number(found.grads, found.spaces)):
            wrong = next((told for one, grad in found.pairs() if (told := _nonfinite(one, grad))), None)
        wrong = self.agreed(wrong)
        if wrong is not None:
            self._answer(found, wrong)

    def _answer(self, found: Gradients, wrong: str) -> None:
        if self.on_nonfinite == "raise":
            raise StepsizeError(
                f"{self.call}: {wrong}: write on_nonfinite='skip' to leave such a step out, or 'zero' to put 0 there"
            )
        if self._calls > 1:
            raise StepsizeError(
                f"{self.call}: {wrong} in call {self._calls} of the closure, too late to leave the step out: "
                "write on_nonfinite='zero'"
            )
        self.skipped, self.wrong = self.skipped + 1, wrong
        self._in_a_row += 1
        if self._in_a_row == _MANY and not self._told:
            self._told = True
            warnings.warn(
                f"{self.call}: {_MANY} updates in a row were left out: {wrong}: the run has stopped learning, go back "
                "to a checkpoint or lower the rate",
                stacklevel=4,
            )
        self._take(found)

    def _take(self, found: Gradients) -> None:
        """Without gradients an optimizer changes neither parameters nor its state; they are given back after."""
        self._taken |= {one.param: grad for one, grad in found.pairs()}
        for one in found.members:
            one.param.grad = None


class Gradients:
    """The gradients that are there; entries of sparse ones and sums over processes are added up for good."""

    def __init__(self, members: list[Member]) -> None:
        self.members: list[Member] = []
        self.grads: list[Tensor] = []
        self.plain = True  # whether every one is a whole tensor
        for one in members:
            grad = one[0].grad
            if grad is None:
                continue
            if type(grad) is not Tensor or grad.layout is not torch.strided:
                self.plain = False
                final = settled(grad)
                if final is not grad:
                    one.param.grad = grad = final
            self.members.append(one)
            self.grads.append(grad)
        self._spaces: dict[Space, list[Tensor]] | None = None

    @property
    def spaces(self) -> dict[Space, list[Tensor]]:
        """Their local parts, by what they share."""
        if self._spaces is None:
            self._spaces = by_space(self.grads)
        return self._spaces

    def pairs(self) -> Iterator[tuple[Member, Tensor]]:
        """Each with what it is the gradient of."""
        return zip(self.members, self.grads, strict=True)


def _nonfinite(member: Member, grad: Tensor) -> str:
    """What is wrong with a gradient; nothing where it is finite in every process."""
    bad = int(whole((~local(grad).isfinite()).sum(), space_of(grad), "sum").item())
    told = f"{bad} of {grad.numel()} elements of the gradient of {member.name()} are NaN or infinite"
    return told if bad else ""


def _refuse_own_scaler(call: str, kwargs: Any) -> None:
    """Refuse a step that unscales gradients inside, behind the clips."""
    if kwargs.get("grad_scaler") is not None:
        raise StepsizeError(
            f"{call}: step was given grad_scaler={type(kwargs['grad_scaler']).__name__} to unscale gradients inside, "
            "where clips cannot follow: call scaler.unscale_(optimizer) and optimizer.step() yourself"
        )


def _refuse_complex(call: str, members: list[Member]) -> None:
    """Refuse complex parameters: clips bound real numbers."""
    for one in members:
        if one.param.is_complex():
            raise StepsizeError(
                f"{call}: {one.name()} is complex, clips bound real numbers: give the optimizer "
                "torch.view_as_real(parameter)"
            )


def _alone(wrong: str | None) -> str | None:
    return wrong
