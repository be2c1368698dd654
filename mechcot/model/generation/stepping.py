"""A batch of texts, one token further at a time: prompts are run, then every chosen token.

With the model's own cache a step runs one token per row; without, it runs every row anew. Rows that have
ended leave. Prompts are padded on one side, with an attention mask and explicit position ids where the
model takes them.
"""

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

Side = Literal["left", "right"]
_GROWING = ("DynamicLayer", "DynamicSlidingWindowLayer")
_CACHES = ("past_key_values", "cache_params", "state")


@cache
def accepted(kind: type) -> frozenset[str]:
    """The names of the arguments that a module's forward spells out; a wrapper that passes all on takes the usual ones."""
    parameters = inspect.signature(kind.forward).parameters
    names = frozenset(parameters)
    passes = any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()
    )
    usual = frozenset(("attention_mask", "position_ids", "past_key_values"))
    return names | usual if passes and "attention_mask" not in names else names


@dataclass
class DecodingState:
    """The running rows of a batch: their next inputs and their cache.

    Attributes:
        rows: Numbers of the rows that still run.
        ids: What the next step runs.
        mask: Which keys are no padding.
        positions: Positions of `ids`.
        cached: The model's own cache carries what was run; else `ids` are the whole texts.
        cache: That cache, by the name under which the model takes it.
        last: Row and slot of each last token; None: the last slot.
        copies: Which of the rows each text takes, where equal prompts are run once; None: each its own.
    """

    rows: list[int]
    ids: Int[Tensor, "batch token"]
    mask: Int[Tensor, "batch key"]
    positions: Int[Tensor, "batch token"]
    cached: bool = True
    cache: Mapping[str, Any] = field(default_factory=dict)
    last: tuple[Tensor, Tensor] | None = None
    copies: Tensor | None = None

    @classmethod
    def start(
        cls,
        prompts: Sequence[Sequence[int]],
        device: torch.device,
        padding: Side = "left",
        *,
        cached: bool = True,
        once: bool = False,
    ) -> "DecodingState":
        """Put prompts side by side.

        Args:
            prompts: Token ids of each.
            device: Of the model.
            padding: Side of the padding.
            cached: See the class.
            once: Equal prompts are run once, and parted behind that run; only what looks at no row by its number allows it.
        """
        every = [tuple(prompt) for prompt in prompts]
        prompts = list(dict.fromkeys(every)) if once and cached else every
        longest = max(len(prompt) for prompt in prompts)
        ids = torch.zeros(len(prompts), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            first = longest - len(prompt) if padding == "left" else 0
            ids[row, first : first + len(prompt)] = torch.tensor(prompt)
            mask[row, first : first + len(prompt)] = 1
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        rows = list(range(len(prompts)))
        state = cls(rows, ids.to(device), mask.to(device), positions.to(device), cached=cached)
        if padding == "right":
            slots = torch.tensor([len(prompt) - 1 for prompt in prompts], device=device)
            state.last = (torch.arange(len(rows), device=device), slots)
        if len(prompts) < len(every):
            places = {prompt: row for row, prompt in enumerate(prompts)}
            state.copies = torch.tensor([places[prompt] for prompt in every], device=device)
        return state

    @property
    def real(self) -> Int[Tensor, "batch token"]:
        """Mask of the `ids` that are no padding."""
        return self.mask[:, -self.ids.shape[1] :]

    def logits(self, model: nn.Module) -> Float[Tensor, "batch d_vocab"]:
        """Run the next inputs: what comes after each row, float32."""
        names = accepted(type(model))
        base = getattr(model, "base_model", model)
        kwargs: dict[str, Any] = {"input_ids": self.ids, "use_cache": self.cached, **self.cache}
        if "attention_mask" in names:
            keyless = bool(self.cache) and "past_key_values" not in self.cache
            kwargs["attention_mask"] = self.real if keyless else self.mask
        if "position_ids" in names | accepted(type(base)):
            kwargs["position_ids"] = self.positions
        if "logits_to_keep" in names and self.last is None:
            kwargs["logits_to_keep"] = 1
        out = model(**kwargs)
        if self.cached:
            caches = {name: getattr(out, name, None) for name in _CACHES if name in names}
            self.cache = {name: cache for name, cache in caches.items() if cache is not None}
            if not self.cache:
                raise RuntimeError(f"{type(model).__name__} gives no cache back")
        last = out.logits[:, -1] if self.last is None else out.logits[*self.last]
        if self.copies is not None:
            last = last[self.copies]
            self._take(self.copies)
            self.rows, self.copies = list(range(len(last))), None
        return last.float()

    def cache_before(self) -> Mapping[str, Any]:
        """The cache as it is, which the next run leaves alone; put back, the same inputs can be run once more."""
        return {name: _unshared(cache) for name, cache in self.cache.items()}

    def advance(self, keep: list[int], tokens: list[int]) -> None:
        """Go one token on with the rows at the places `keep`."""
        device = self.ids.device
        self.last = None
        if len(keep) < len(self.rows):
            self.rows = [self.rows[place] for place in keep]
            self._take(torch.tensor(keep, device=device))
        new = torch.tensor(tokens, device=device)[:, None]
        after = self.mask.sum(dim=1, keepdim=True)
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(keep), 1)], dim=1)
        self.ids = new if self.cached else torch.cat([self.ids, new], dim=1)
        self.positions = after if self.cached else torch.cat([self.positions, after], dim=1)

    def _take(self, which: Tensor) -> None:
        """Some rows of all that is carried, each as often as it is named."""
        self.ids, self.mask = self.ids[which], self.mask[which]
        self.positions = self.positions[which]
        self.cache = {name: _rows(cache, which) for name, cache in self.cache.items()}


def _unshared(cache: Any) -> Any:
    """A copy that a run of the other leaves alone: layers that grow by concatenation share their tensors, all else is copied."""
    layers = getattr(cache, "layers", None)
    if not layers or any(type(layer).__name__ not in _GROWING for layer in layers):
        return copy.deepcopy(cache)
    other = copy.copy(cache)
    other.layers = [copy.copy(layer) for layer in layers]
    return other


def _rows(cache: Any, which: Tensor) -> Any:
    """Some rows of a cache: tensors, lists of them, or a cache of Transformers."""
    if isinstance(cache, Tensor):
        return cache[which]
    if isinstance(cache, list | tuple):
        return type(cache)(_rows(part, which) for part in cache)
    layers = getattr(cache, "layers", ())
    every = all(hasattr(layer, "batch_select_indices") for layer in layers)
    (cache.batch_select_indices if every else cache.reorder_cache)(which)
    return cache
