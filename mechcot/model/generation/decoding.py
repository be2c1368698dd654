"""Writing: batched decoding with a key/value cache, where an item's text does not depend on its batch.

Prompts are padded on the left (or right) where the family's trial says that a padded row is as if alone; else rows
of one length share a batch, or each is alone (`Backbone.writes`). Where the rotation switches with the length
(longrope), a text pauses at the switch and is run anew on the other side, so that every token is that of a plain run.
Sampling is by inverse distribution: item i draws one uniform number per position from its own
seeded generator, so that the batch it happens to be in changes nothing but floating-point noise.
Rows that have finished leave the batch. Out of memory halves the batch and goes on.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import parent_process
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm.auto import tqdm

from mechcot.core.errors import UserError
from mechcot.core.progress import progress_bar
from mechcot.model.generation.sampling import Sampling, choose, draws_of
from mechcot.model.generation.steering_hooks import RunInputs, WrittenRow
from mechcot.model.generation.stepping import DecodingState, Side
from mechcot.model.internals.architecture import Writes
from mechcot.model.internals.hooks import Hook, HookPoint, tapped
from mechcot.model.prefix.memory import NO_LIMIT, release, unless_out_of_memory
from mechcot.text.think_tags import ThoughtTags

_log = logging.getLogger(__name__)
END_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>")


@dataclass(frozen=True)
class Written:
    """The text written for one prompt.

    Attributes:
        ids: New token ids, without the stop token.
        finished: True when a stop token ended it.
        line: What acted on it, where interventions did.
    """

    ids: tuple[int, ...]
    finished: bool
    line: WrittenRow | None = None


class ActingSession(Protocol):
    """What acts on one batch while it is written."""

    @property
    def lines(self) -> Sequence[WrittenRow]:
        """What acted on each row; none where nothing is noted."""
        ...

    def run(self, state: DecodingState, forward: RunInputs) -> Float[Tensor, "row d_vocab"]:
        """Run the next inputs by way of `forward`, under hooks; gives what the tokens are chosen from."""
        ...

    def wrote(self, row: int, token: int) -> None:
        """Take notice of a new token."""
        ...


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
        writes: How the family writes, as its trial says.
        switch: Longest run before the rotation switches.
    """

    model: nn.Module
    device: torch.device
    stop: frozenset[int]
    sampling: Sampling
    logit_scale: float = 1.0
    max_length: int = 2**31
    name: str = "the model"
    session: Callable[[Sequence[int]], ActingSession] | None = None
    padding: Side = "left"
    writes: Writes = field(default_factory=Writes)
    switch: int = NO_LIMIT

    def write(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[int], *, batch_size: int
    ) -> list[Written]:
        """Continue every prompt; results come in the order of the prompts.

        Cost: one forward of the prompts, of equal ones in a batch but one, and one per new token, in batches of similar length.

        Args:
            prompts: Token ids of each.
            seeds: One per prompt; a text depends on its own alone.
            batch_size: Most prompts at once; halves itself when memory runs out.

        Raises:
            UserError: NaN logits, or one item alone does not fit in memory.
        """
        drafts = [
            _Draft(list(prompt), self._most_new(len(prompt)), draws)
            for prompt, draws in zip(
                prompts, draws_of(seeds, self.sampling.max_tokens), strict=True
            )
        ]
        self._check_switch(drafts)
        size = max(1, batch_size)
        kwargs: dict[str, Any] = {
            "desc": f"writing: {self.name}",
            "unit": "item",
            "delay": 2,
            "mininterval": 1,
        }
        kwargs |= {"disable": parent_process() is not None}  # several would write over each other
        with progress_bar(total=len(prompts), **kwargs) as bar:
            for stop_at in dict.fromkeys((self.switch, NO_LIMIT)):
                size = self._leg(drafts, stop_at=stop_at, size=size, bar=bar)
        return [draft.written for draft in drafts]

    def _most_new(self, length: int) -> int:
        return min(self.sampling.max_tokens, self.max_length - length)

    def _check_switch(self, drafts: Sequence["_Draft"]) -> None:
        """See that nothing acts on a text that pauses at the switch.

        Raises:
            UserError: Interventions act and a text would cross.
        """
        longest = max((d.length + d.most_new for d in drafts if d.length <= self.switch), default=0)
        if self.session and longest > self.switch + 1:
            raise UserError(
                f"{self.name} turns all positions otherwise from {self.switch + 1} tokens on; a text cannot be steered across "
                f"that: expected prompt and text of at most {self.switch + 1} tokens, got up to {longest}; lower max_tokens"
            )

    def _leg(self, drafts: Sequence["_Draft"], *, stop_at: int, size: int, bar: tqdm) -> int:
        """Write what can be written in runs of at most `stop_at` tokens; gives the batch size that fits."""
        left = [i for i, d in enumerate(drafts) if d.open and d.length <= stop_at]
        left.sort(key=lambda index: -drafts[index].length)
        done = bar.n

        def progress(ended: int, tokens: int) -> None:
            bar.set_postfix_str(f"{tokens} tokens", refresh=False)
            bar.update(ended)

        while left:
            chosen = self._batch_of(drafts, left[:size])
            acting = self.session(chosen) if self.session else None
            before = [replace(drafts[index], new=list(drafts[index].new)) for index in chosen]
            batch = [drafts[index] for index in chosen]
            write = partial(self._batch, batch, acting, progress, stop_at=stop_at)
            if not unless_out_of_memory(write):
                for index, draft in zip(chosen, before, strict=True):
                    drafts[index].new, drafts[index].finished = draft.new, draft.finished
                size = self._halve(len(chosen))
                bar.n = done
                continue
            left = left[len(chosen) :]
            done = bar.n
        return size

    def _batch_of(self, drafts: Sequence["_Draft"], chosen: list[int]) -> list[int]:
        """The first of the chosen that may share a batch."""
        if self.writes.batch == "alone":
            return chosen[:1]
        if self.writes.batch == "equal":
            return [i for i in chosen if drafts[i].length == drafts[chosen[0]].length]
        return chosen

    def _halve(self, size: int) -> int:
        release()
        if size == 1:
            raise UserError(
                f"{self.name}: one item alone does not fit in memory; lower max_tokens "
                f"(now {self.sampling.max_tokens}), use --dtype bfloat16, or a smaller model."
            )
        _log.warning("out of memory at %d items a batch: going on with %d", size, size // 2)
        return size // 2

    @torch.inference_mode()
    def _batch(
        self,
        drafts: Sequence["_Draft"],
        acting: ActingSession | None,
        progress: Callable[[int, int], None],
        *,
        stop_at: int,
    ) -> None:
        texts = [[*draft.prompt, *draft.new] for draft in drafts]
        state = DecodingState.start(
            texts, self.device, self.padding, cached=self.writes.cached, once=acting is None
        )
        step = 0
        while state.rows:
            logits = acting.run(state, self._logits) if acting else self._logits(state)
            running = [drafts[row] for row in state.rows]
            draws = np.array([draft.draws[len(draft.new)] for draft in running])
            chosen = choose(logits, self.sampling, draws).tolist()
            step += 1
            keep = []
            for place, (draft, token) in enumerate(zip(running, chosen, strict=True)):
                draft.finished = token in self.stop
                if draft.finished:
                    continue
                draft.new.append(token)
                if acting:
                    acting.wrote(state.rows[place], token)
                if draft.open and draft.length <= stop_at:
                    keep.append(place)
            progress(sum(not draft.open for draft in running), step)
            if not keep:
                break
            state.advance(keep, [chosen[place] for place in keep])
        for draft, line in zip(drafts, acting.lines if acting else (), strict=False):
            draft.line = line

    def _logits(
        self, state: DecodingState, taps: Sequence[tuple[HookPoint, Hook]] = ()
    ) -> Float[Tensor, "batch d_vocab"]:
        """Next-token logits of the running rows, float32."""
        with tapped(taps):
            logits = state.logits(self.model) * self.logit_scale
        if bool(torch.isnan(logits).any()):
            why = (
                "The vector that is added is not finite or too large; lower the dose."
                if taps
                else "The weights are damaged or overflow in this precision; try --dtype float32."
            )
            raise UserError(
                f"{self.name}: expected finite logits, got NaN after {state.mask.shape[1]} tokens. {why}"
            )
        return logits


@dataclass
class _Draft:
    """One text while it is written; `draws` holds one uniform number for each of at most `most_new` tokens."""

    prompt: list[int]
    most_new: int
    draws: Float[np.ndarray, " step"]
    new: list[int] = field(default_factory=list)
    finished: bool = False
    line: WrittenRow | None = None

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.new)

    @property
    def open(self) -> bool:
        return not self.finished and len(self.new) < self.most_new

    @property
    def written(self) -> Written:
        return Written(tuple(self.new), self.finished, self.line)


def stop_ids(
    model: nn.Module, tokenizer: Any, *, tags: ThoughtTags | None = None, ending: str = ""
) -> frozenset[int]:
    """Ids that end a turn: those of the generation config (else of the config), of the tokenizer, and what ends its template's turn.

    Where the template does not show it, known ends of a turn count. A token that stands in the mark behind a thought
    (`<|end|>` between the channels of gpt-oss) ends a message, not the turn.
    """
    configs = (getattr(model, "generation_config", None), getattr(model, "config", None))
    named = (getattr(config, "eos_token_id", None) for config in configs)
    ids = next((ids for ids in named if ids is not None), [])
    stops = {ids} if isinstance(ids, int) else set(ids)
    if tokenizer.eos_token_id is not None:
        stops = {token for token in stops if token < len(tokenizer)} | {tokenizer.eos_token_id}
    special = tokenizer.get_added_vocab()
    shown = [word for word in special if ending.lstrip().startswith(word)]
    ends = [max(shown, key=len)] if shown else END_OF_TURN
    stops.update(special[word] for word in ends if word in special)
    between = {special[word] for word in special if tags is not None and word in tags.close}
    return frozenset(stops - between or stops)
