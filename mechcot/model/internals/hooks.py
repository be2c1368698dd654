"""Torch hooks at module inputs and outputs, installed for the time of one `with` block.

A tap is a function from the whole state tensor to the tensor that takes its place. A tap at the
*input* of a module also changes what the residual connection carries around that module: the tensor
is overwritten in place when the module is not the block itself (`resid_mid`), since the block keeps
a reference to it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor, nn

Hook = Callable[[Float[Tensor, "batch token d_model"]], Float[Tensor, "batch token d_model"]]


@dataclass(frozen=True, eq=False)
class HookPoint:
    """Place in a model where a tap sits.

    Attributes:
        module: The module.
        side: `input`: what the module gets; `shared_input`: the same, and the residual stream carries
            the changed tensor too; `output`: what it gives (the first element when it gives a tuple or a list).
    """

    module: nn.Module
    side: Literal["input", "shared_input", "output"]


@contextmanager
def tapped(taps: Sequence[tuple[HookPoint, Hook]]) -> Iterator[None]:
    """Install taps in the given order, and remove them whatever happens."""
    with ExitStack() as stack:
        for place, tap in taps:
            handle = _install(place, tap)
            stack.callback(handle.remove)
        yield


def _install(place: HookPoint, tap: Hook) -> Any:
    if place.side == "output":
        return place.module.register_forward_hook(_on_output(tap))
    hook = _on_input(tap, write=_overwrite if place.side == "shared_input" else _pass_on)
    return place.module.register_forward_pre_hook(hook, with_kwargs=True)


def _on_output(tap: Hook) -> Callable[..., Any]:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple | list):  # a list: OpenAI GPT
            states = tap(output[0])
            return None if states is output[0] else (states, *output[1:])
        states = tap(output)
        return None if states is output else states

    return hook


def _on_input(tap: Hook, *, write: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Any]:
    def hook(_module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
        before = inputs[0] if inputs else named["hidden_states"]
        after = tap(before)
        if after is before:
            return None
        after = write(before, after)
        if inputs:
            return (after, *inputs[1:]), named
        return inputs, named | {"hidden_states": after}

    return hook


def _overwrite(before: Tensor, after: Tensor) -> Tensor:
    return before.copy_(after)


def _pass_on(before: Tensor, after: Tensor) -> Tensor:  # noqa: ARG001
    return after
