"""Soft tokens: vectors that stand before the chain of a frozen model, made from what an assistant reads (SoftCoT, arXiv 2502.12134).

    prompt      what the base renders, then N marks, then the chain
    assistant   reads the text before the marks in its own tokens, then N placeholder tokens; gives its last states there
    map         one linear map from these states to vectors of the base's width: all that is ever trained

A mark becomes a token id of its own above every vocabulary, made of a hash of the text before the marks and of its place. So ids alone say which
vector stands where: caches, cuts, batches and edited questions need nothing of their own. The two models share nothing but text.
Without an assistant the states are the places themselves, so that the map holds N vectors that are the same for every question.
"""

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.model.loading.weights import same_storage

if TYPE_CHECKING:
    from mechcot.model.reasoner import Reasoner

SOFT_MARKS = {"": "<|soft|>", " ": "<soft>"}
"""The text of a soft token, by what stands between two tokens of a tokenizer's texts."""
FIRST_SOFT = 2**32
"""The lowest id of a soft token."""
MOST_SOFT = 256
"""Most soft tokens of a prompt."""
_MARKED = re.compile(r"(?: <soft>)+|(?:<\|soft\|>)+")
StateSource = Callable[[str], Float[Tensor, "place width"]]
"""From the text before the marks to the states at the places."""


@dataclass(frozen=True, eq=False)
class SoftTokens:
    """What stands at the marks of a model's prompts.

    Attributes:
        places: Number of soft tokens.
        placeholder: Token of the base whose embedding they start from.
        source: Gives states.
        config: What a checkpoint says of it.
        texts: The texts that were met, by key.
    """

    places: int
    placeholder: int
    source: StateSource
    config: dict[str, Any] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)

    def __deepcopy__(self, memo: Any) -> "SoftTokens":
        return self  # a second module tree meets the same texts

    def ids(self, text: str) -> list[int]:
        """The ids of the soft tokens behind a text, which is remembered."""
        key = int.from_bytes(blake2b(text.encode(), digest_size=5).digest())
        if self.texts.setdefault(key, text) != text:
            raise NotMeasurable("two texts have one key of soft tokens; change a word of one")
        return [FIRST_SOFT + key * MOST_SOFT + place for place in range(self.places)]

    def states(self, ids: Int[Tensor, " token"]) -> Float[Tensor, "token width"]:
        """The states of soft tokens by their ids.

        Raises:
            UserError: Their text was never encoded by this model.
        """
        rows = []
        for token in ids.tolist():
            key, place = divmod(token - FIRST_SOFT, MOST_SOFT)
            if key not in self.texts:
                raise UserError(
                    "soft tokens whose text this model has not met; read the trace with `reader.view(trace)` first"
                )
            rows.append(self.source(self.texts[key])[place])
        return torch.stack(rows)


class _SoftEmbedding(nn.Module):
    """An embedding whose rows above the vocabulary are mapped states."""

    soft: SoftTokens
    soft_map: nn.Module

    def forward(self, ids: Tensor) -> Tensor:
        at = ids >= FIRST_SOFT
        if not bool(at.any()):
            return super().forward(ids)
        plain = super().forward(ids.masked_fill(at, self.soft.placeholder))
        vectors = self.soft_map(self.soft.states(ids[at]).to(plain.device))
        return plain.index_put((at,), vectors.to(plain.dtype))


class _SoftTokenizer:
    """A tokenizer that gives each mark an id of its own."""

    soft: SoftTokens
    mark: int

    def encode(self, text: Any, *args: Any, **kwargs: Any) -> Any:
        return self._met(text, super().encode(text, *args, **kwargs))  # type: ignore[misc]

    def __call__(self, text: Any = None, *args: Any, **kwargs: Any) -> Any:
        out = super().__call__(text, *args, **kwargs)  # type: ignore[misc]
        out["input_ids"] = self._met(text, out["input_ids"])
        return out

    def decode(self, ids: Any, *args: Any, **kwargs: Any) -> Any:
        return super().decode(self._known(ids), *args, **kwargs)  # type: ignore[misc]

    def convert_ids_to_tokens(self, ids: Any, *args: Any, **kwargs: Any) -> Any:
        return super().convert_ids_to_tokens(self._known(ids), *args, **kwargs)  # type: ignore[misc]

    def _known(self, ids: Any) -> Any:
        if isinstance(ids, int):
            return self.mark if ids >= FIRST_SOFT else ids
        return [self._known(token) for token in (ids.tolist() if hasattr(ids, "tolist") else ids)]

    def _met(self, text: Any, ids: Any) -> Any:
        if self.mark not in ids:
            return ids
        at = [place for place, token in enumerate(ids) if token == self.mark]
        if at != list(range(at[0], at[0] + self.soft.places)):
            raise NotMeasurable(
                f"expected {self.soft.places} soft tokens in one row, the text has {len(at)}"
            )
        found = _MARKED.search(text)
        assert found is not None
        return [*ids[: at[0]], *self.soft.ids(text[: found.start()]), *ids[at[-1] + 1 :]]


def _recast(thing: Any, kind: type, **values: Any) -> Any:
    """Give a value, in place, the methods of `kind` before those of its own class."""
    own = type(thing)
    bare = own.__bases__[1] if issubclass(own, kind) else own
    thing.__class__ = type(bare.__name__, (kind, bare), {})
    for name, value in values.items():
        setattr(thing, name, value)
    return thing


def soft_of(model: object) -> SoftTokens | None:
    """The soft tokens of a model or tokenizer; None where it has none."""
    part: Any = model
    if isinstance(model, nn.Module):
        part = part.get_input_embeddings()
    return part.soft if isinstance(part, _SoftEmbedding | _SoftTokenizer) else None


def map_of(model: Any) -> Any:
    """The map of a model with soft tokens."""
    return model.get_input_embeddings().soft_map


def softened(reader: "Reasoner", soft: SoftTokens, soft_map: nn.Module) -> "Reasoner":
    """A model with soft tokens; the given one stays as it is, weights are shared."""
    from transformers import AddedToken

    model: Any = same_storage(reader.model)
    soft_map.to(reader.device)
    _recast(model.get_input_embeddings(), _SoftEmbedding, soft=soft, soft_map=soft_map)
    tokenizer = copy.deepcopy(reader.tokenizer)
    mark = SOFT_MARKS[_between(tokenizer)]
    tokenizer.add_tokens([AddedToken(mark, special=True, normalized=False)], special_tokens=True)
    _recast(tokenizer, _SoftTokenizer, soft=soft, mark=tokenizer.convert_tokens_to_ids(mark))
    return replace(reader, model=model, tokenizer=tokenizer, source=None)


def _between(tokenizer: Any) -> str:
    """What a tokenizer's texts have between two special tokens."""
    (token, *_) = sorted(tokenizer.all_special_ids or [0])
    twice = tokenizer.decode([token, token])
    return " " if twice == " ".join([tokenizer.decode([token])] * 2) else ""


# --- text -----------------------------------------------------------------------------------------


def soft_marked(tokenizer: Any, prompt: str) -> str:
    """A rendered prompt with the marks of a tokenizer's soft tokens; itself where there are none.

    Raises:
        NotMeasurable: The question holds such a mark.
    """
    soft = soft_of(tokenizer)
    if soft is None:
        return prompt
    if any(mark in prompt for mark in SOFT_MARKS.values()):
        raise NotMeasurable(f"the question holds the mark of a soft token, {SOFT_MARKS['']}")
    mark = tokenizer.convert_ids_to_tokens(tokenizer.mark)
    return prompt + ("" if mark == SOFT_MARKS[""] else " ").join(["", *[mark] * soft.places])


def remarked(tokenizer: Any, prompt: str, rendered: str) -> str:
    """The prompt of a trace, which another model may have read, with this tokenizer's marks.

    Args:
        tokenizer: Of the model that reads.
        prompt: The prompt.
        rendered: The same question as this model's policy renders it, without marks; what the author opened stands behind.
    """
    if not _MARKED.search(prompt) and soft_of(tokenizer) is None:
        return prompt
    bare = _MARKED.sub("", prompt)
    head = rendered if bare.startswith(rendered) else bare
    return soft_marked(tokenizer, head) + bare[len(head) :]
