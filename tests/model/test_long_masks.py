"""Masks and caches of long runs: equal to the obvious ones, at a price that does not grow with the number of hidden spans."""

import re
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from mechcot.core.errors import UserError
from mechcot.core.trace import Span
from mechcot.model.internals.forward import cache_layer, cache_view
from mechcot.model.internals.growing_cache import with_room
from mechcot.model.internals.masks import causal_less
from mechcot.model.interventions import AttentionKnockout

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "hides",
    [
        [],
        [AttentionKnockout(Span(2, 5))],
        [AttentionKnockout(Span(2, 5), Span(9, 12)), AttentionKnockout(Span(0, 1))],
        [AttentionKnockout(Span(8, 13), Span(3, 99))],
        [AttentionKnockout(Span(20, 30), Span(0, 40)), AttentionKnockout(Span(4, 4))],
    ],
)
@pytest.mark.parametrize("span", [Span(0, 14), Span(6, 14), Span(13, 14)])
def test_each_query_sees_itself_and_what_came_before_less_what_is_hidden(span, hides):
    seen = causal_less(span, hides, device=CPU)
    wanted = [
        [
            key <= query
            and not any(
                query in hide.by.positions() and key in hide.keys.positions() for hide in hides
            )
            for key in range(span.stop)
        ]
        for query in span.positions()
    ]
    assert seen.tolist() == wanted


def test_a_query_that_would_see_nothing_is_refused():
    everything = [AttentionKnockout(Span(0, 4), Span(0, 9)), AttentionKnockout(Span(4, 7))]
    with pytest.raises(UserError, match="nothing to attend to"):
        causal_less(Span(2, 6), everything, device=CPU)
    causal_less(Span(5, 9), everything, device=CPU)


class _Written(TorchDispatchMode):
    """Counts the numbers that operations write; views write none."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor) and not re.search(
            r"slice|select|view|diagonal|alias", func.__name__
        ):
            self.numbers += out.numel()
        return out


def test_many_hidden_spans_are_not_many_passes_over_the_mask():
    span = Span(300, 500)
    with _Written() as one:
        causal_less(span, [AttentionKnockout(Span(10, 110), span)], device=CPU)
    spans = [AttentionKnockout(Span(at, at + 1), span) for at in range(10, 210, 2)]
    with _Written() as many:
        causal_less(span, spans, device=CPU)
    assert len(span) * span.stop <= one.numbers <= 2 * len(span) * span.stop
    assert many.numbers <= one.numbers + len(spans)


def drawn(tokens: int, seed: int) -> torch.Tensor:
    return torch.randn(2, 3, tokens, 4, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("room", [14, 9])  # 9: too small, so that it is replaced
@pytest.mark.parametrize("kept", [0, 6])
def test_a_cache_that_grows_in_place_holds_what_concatenation_holds(room, kept):
    old = (drawn(kept, 1), drawn(kept, 2))
    copies = [part.clone() for part in old]
    plain, growing = DynamicLayer(), DynamicCache()
    if kept:
        plain = cache_layer(*old)
        growing.layers.append(cache_layer(*old))
    growing = with_room(growing, room=room)
    for seed, tokens in enumerate((5, 1, 2)):
        new = drawn(tokens, 10 + seed), drawn(tokens, 20 + seed)
        for mine, theirs in zip(growing.update(*new, 0), plain.update(*new), strict=True):
            assert torch.equal(mine, theirs)
        assert growing.get_seq_length() == plain.get_seq_length()
    assert all(torch.equal(part, copy) for part, copy in zip(old, copies, strict=True))


def test_old_keys_and_values_are_copied_once():
    old = (drawn(6, 1)[:1], drawn(6, 2)[:1])
    growing = with_room(cache_view((old,), stop=4, rows=2), room=9)
    first, _ = growing.update(drawn(3, 3), drawn(3, 4), 0)
    second, _ = growing.update(drawn(2, 5), drawn(2, 6), 0)
    assert first.data_ptr() == second.data_ptr()
    assert torch.equal(second[1, :, :4], old[0][0, :, :4])
