"""Writing: batched decoding with a key/value cache, where an item's text does not depend on its batch.

Prompts are padded on the left (or right), with an attention mask and explicit position ids (GPT-2 needs them).
Sampling is by inverse distribution: item i draws one uniform number per position from its own
seeded generator, so that the batch it happens to be in changes nothing but floating-point noise.
Rows that have finished leave the batch. Out of memory halves the batch and goes on.
"""

import inspect
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from tqdm.auto import tqdm

from mechcot.core.errors import UserError
from mechcot.model.hand import Line, Session
from mechcot.model.hooks import tapped
from mechcot.model.room import out_of_memory, release
from mechcot.text.tags import ThoughtTags

log = logging.getLogger(__name__)

Side = Literal["left", "right"]
END_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>")


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        max_tokens: Most tokens to write.
        temperature: 0 is greedy.
        top_p: Keep the smallest set of tokens with at least this probability (Holtzman et al. 2020, arXiv 1904.09751).
    """

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            msg = f"max_tokens: expected at least 1, got {self.max_tokens}."
            raise UserError(msg)
        if not 0 <= self.temperature < math.inf:
            msg = f"temperature: expected 0 (greedy) or more, got {self.temperature}."
            raise UserError(msg)
        if not 0 < self.top_p <= 1:
            msg = f"top_p: expected a number above 0 and at most 1, got {self.top_p}."
            raise UserError(msg)


@dataclass(frozen=True)
class Written:
    """What was written for one prompt.

    Attributes:
        ids: New token ids, without the stop token.
        finished: True when a stop token ended it.
        line: What acted on it, where a hand did.
    """

    ids: tuple[int, ...]
    finished: bool
    line: Line | None = None


@dataclass(frozen=True)
class Writer:
    """A model ready to continue token sequences.

    Attributes:
        model: The causal LM.
        device: Where the ids go.
        stop: Ids that end a text.
        sampling: How tokens are chosen.
        logit_scale: Factor on the logits.
        max_length: The model's context.
        name: For messages.
        session: Makes what acts on a batch, from the indexes of its prompts; None: nothing does.
        padding: Side on which shorter prompts are padded. New tokens follow the padding of the right side, so a
            model with a sliding window, which counts slots and not positions, wants the left one.
    """

    model: nn.Module
    device: torch.device
    stop: frozenset[int]
    sampling: Sampling
    logit_scale: float = 1.0
    max_length: int = 2**31
    name: str = "the model"
    session: Callable[[Sequence[int]], Session] | None = None
    padding: Side = "left"

    def write(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[int], *, batch_size: int
    ) -> list[Written]:
        """Continue every prompt; results come in the order of the prompts.

        Cost: one forward of the prompts and one per new token, in batches of similar length.

        Args:
            prompts: Token ids of each.
            seeds: One per prompt; a text depends on its own alone.
            batch_size: Most prompts at once; halves itself when memory runs out.

        Raises:
            UserError: NaN logits, or one item alone does not fit in memory.
        """
        order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
        results: dict[int, Written] = {}
        size = max(1, batch_size)
        about = {"desc": f"writing: {self.name}", "unit": "item", "delay": 2, "mininterval": 1}
        with tqdm(total=len(prompts), **about) as bar:

            def progress(done: int, tokens: int) -> None:
                bar.set_postfix_str(f"{tokens} tokens", refresh=False)
                bar.update(done)

            while len(results) < len(prompts):
                chosen = order[len(results) : len(results) + size]
                acting = self.session(chosen) if self.session else None
                written = self._tried(
                    [prompts[i] for i in chosen], [seeds[i] for i in chosen], acting, progress
                )
                if written is None:
                    size = self._halve(len(chosen))
                    bar.n = len(results)
                    continue
                results.update(zip(chosen, written, strict=True))
        return [results[index] for index in range(len(prompts))]

    def _tried(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[int],
        acting: Session | None,
        progress: Callable[[int, int], None],
    ) -> list[Written] | None:
        """One batch; None when memory ran out (the error, which holds its tensors, is gone by then)."""
        try:
            return self._batch(prompts, seeds, acting, progress)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        return None

    def _halve(self, size: int) -> int:
        release()
        if size == 1:
            msg = (
                f"{self.name}: one item alone does not fit in memory; lower max_tokens "
                f"(now {self.sampling.max_tokens}), use --dtype bfloat16, or a smaller model."
            )
            raise UserError(msg)
        log.warning("out of memory at %d items a batch: going on with %d", size, size // 2)
        return size // 2

    @torch.inference_mode()
    def _batch(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[int],
        acting: Session | None,
        progress: Callable[[int, int], None],
    ) -> list[Written]:
        room = self.max_length - max(len(prompt) for prompt in prompts)
        steps = min(self.sampling.max_tokens, room)
        draws = _draws(seeds, steps)
        state = _State.start(prompts, self.device, self.padding)
        new: list[list[int]] = [[] for _ in prompts]
        ended = [False] * len(prompts)
        for step in range(steps):
            logits = self._forward(state, acting)
            chosen = choose(logits, self.sampling, draws[state.rows, step]).tolist()
            keep = []
            for place, (row, token) in enumerate(zip(state.rows, chosen, strict=True)):
                if token in self.stop:
                    ended[row] = True
                else:
                    new[row].append(token)
                    keep.append(place)
                    if acting:
                        acting.wrote(row, token)
            progress(len(chosen) - len(keep), step + 1)
            if not keep:
                break
            state.advance(keep, [chosen[place] for place in keep])
        progress(ended.count(False), steps)
        lines = acting.lines if acting else [None] * len(new)
        return [
            Written(tuple(ids), done, line)
            for ids, done, line in zip(new, ended, lines, strict=True)
        ]

    def _forward(self, state: "_State", acting: Session | None) -> Float[Tensor, "batch d_vocab"]:
        """Next-token logits of the running rows, float32."""
        real = state.mask[:, -state.ids.shape[1] :]
        taps = acting.taps(state.rows, state.positions, real) if acting else ()
        one = state.last is None and _keeps_last(type(self.model))
        about: dict[str, Any] = {"logits_to_keep": 1} if one else {}
        with tapped(taps):
            out = self.model(
                input_ids=state.ids,
                attention_mask=state.mask,
                position_ids=state.positions,
                past_key_values=state.cache,
                use_cache=True,
                **about,
            )
        state.cache = out.past_key_values
        last = out.logits[:, -1] if state.last is None else out.logits[*state.last]
        logits = last.float() * self.logit_scale
        if bool(torch.isnan(logits).any()):
            why = (
                "The vector that is added is not finite or too large; lower the dose."
                if taps
                else "The weights are damaged or overflow in this precision; try --dtype float32."
            )
            msg = f"{self.name}: expected finite logits, got NaN after {state.mask.shape[1]} tokens. {why}"
            raise UserError(msg)
        return acting.logits(state.rows, logits) if acting else logits


@dataclass
class _State:
    """The running rows of a batch: their next inputs and their cache."""

    rows: list[int]
    ids: Int[Tensor, "batch token"]
    mask: Int[Tensor, "batch key"]
    positions: Int[Tensor, "batch token"]
    cache: Any = field(default=None)
    last: tuple[Tensor, Tensor] | None = (
        None  # row and slot of each last token; None: the last slot
    )

    @classmethod
    def start(
        cls, prompts: Sequence[Sequence[int]], device: torch.device, padding: Side
    ) -> "_State":
        longest = max(len(prompt) for prompt in prompts)
        ids = torch.zeros(len(prompts), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            first = longest - len(prompt) if padding == "left" else 0
            ids[row, first : first + len(prompt)] = torch.tensor(prompt)
            mask[row, first : first + len(prompt)] = 1
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        rows = list(range(len(prompts)))
        placed = [rows, *(t.to(device) for t in (ids, mask, positions))]
        if padding == "left":
            return cls(*placed)
        slots = torch.tensor([len(prompt) - 1 for prompt in prompts], device=device)
        return cls(*placed, last=(torch.arange(len(rows), device=device), slots))

    def advance(self, keep: list[int], tokens: list[int]) -> None:
        """Go one token on with the rows at the places `keep`."""
        device = self.ids.device
        self.last = None
        if len(keep) < len(self.rows):
            which = torch.tensor(keep, device=device)
            self.rows = [self.rows[place] for place in keep]
            self.mask, self.positions = self.mask[which], self.positions[which]
            self.cache.batch_select_indices(which)
        self.ids = torch.tensor(tokens, device=device)[:, None]
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(keep), 1)], dim=1)
        self.positions = self.positions[:, -1:] + 1


def choose(
    logits: Float[Tensor, "batch d_vocab"],
    sampling: Sampling,
    draws: Float[np.ndarray, " batch"],
) -> Int[Tensor, " batch"]:
    """The next token of every row: the largest, or the one where the distribution passes the draw.

    Args:
        logits: Already scaled; the temperature is applied here.
        sampling: Temperature 0 takes the largest; otherwise `top_p` limits what may be drawn.
        draws: One number in [0, 1) per row; unused at temperature 0.

    Returns:
        Token ids.
    """
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits.double() / sampling.temperature, dim=-1)
    sorted_p, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
    cumulative = sorted_p.cumsum(dim=-1)
    outside: Bool[Tensor, "batch d_vocab"] = cumulative - sorted_p >= sampling.top_p
    cumulative = sorted_p.masked_fill(outside, 0.0).cumsum(dim=-1)
    target = torch.from_numpy(draws).to(cumulative)[:, None] * cumulative[:, -1:]
    place = torch.searchsorted(cumulative, target, right=True).clamp(max=logits.shape[-1] - 1)
    place = torch.minimum(place, (~outside).sum(dim=-1, keepdim=True) - 1)
    return tokens.gather(-1, place)[:, 0]


def _draws(seeds: Sequence[int], steps: int) -> Float[np.ndarray, "item step"]:
    """One uniform number per item and position, from each item's own generator."""
    return np.stack([np.random.default_rng(seed).random(steps) for seed in seeds])


def stop_ids(
    model: nn.Module, tokenizer: Any, *, tags: ThoughtTags | None = None, ending: str = ""
) -> frozenset[int]:
    """Ids that end a turn: those of the generation config (else of the config), of the tokenizer, and what ends its template's turn.

    Where the template does not show it, known ends of a turn count. A token that stands in the mark behind a thought
    (`<|end|>` between the channels of gpt-oss) ends a message, not the turn.

    Args:
        model: The causal LM.
        tokenizer: Its tokenizer.
        tags: The marks of its thought.
        ending: What its template puts behind an assistant's answer.
    """
    configs = (getattr(model, "generation_config", None), getattr(model, "config", None))
    named = (getattr(config, "eos_token_id", None) for config in configs)
    ids = next((ids for ids in named if ids is not None), [])
    found = {ids} if isinstance(ids, int) else set(ids)
    if tokenizer.eos_token_id is not None:
        found = {token for token in found if token < len(tokenizer)} | {tokenizer.eos_token_id}
    special = tokenizer.get_added_vocab()
    shown = [word for word in special if ending.lstrip().startswith(word)]
    ends = [max(shown, key=len)] if shown else END_OF_TURN
    found.update(special[word] for word in ends if word in special)
    between = {special[word] for word in special if tags is not None and word in tags.close}
    return frozenset(found - between or found)


def _keeps_last(kind: type) -> bool:
    return "logits_to_keep" in inspect.signature(kind.forward).parameters
