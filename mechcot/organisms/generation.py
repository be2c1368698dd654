"""Asks an organism in batches: what it writes on, and what it holds likely after a text.

Rows are words joined by spaces. Likelihoods need no cache: rows are padded on the right, which causal
attention never sees; writing pads on the left.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from mechcot.organisms import vocabulary
from mechcot.organisms.attention_masks import mask
from mechcot.organisms.grammar import (
    ANSWER,
    CLOSE,
    DIGITS,
    PAD,
    WORDS,
    join_steps,
    split_steps,
)
from mechcot.organisms.language import Language
from mechcot.organisms.recipes import HiddenPart
from mechcot.organisms.vocabulary import ID, LANGUAGE

_PAD = ID[PAD]


def _in_batches(rows: Sequence[Sequence[int]], size: int = 64) -> list[list[int]]:
    """Indices in batches of like length, the longest first."""
    order = sorted(range(len(rows)), key=lambda index: -len(rows[index]))
    return [order[start : start + size] for start in range(0, len(order), size)]


@torch.no_grad()
def continuations(
    model: LlamaForCausalLM,
    rows: Sequence[str],
    *,
    size: int = 128,
    limit: int = 260,
    sample: int | None = None,
    language: Language = LANGUAGE,
) -> list[str]:
    """Continue texts, greedily, or by sampling at temperature 1 under the seed `sample`.

    Args:
        model: The organism.
        rows: Texts to write on from.
        size: Rows at once.
        limit: Most new words per row.
        sample: None: greedy. Otherwise it seeds torch's global generator, and the result depends on `size` too.
        language: Of the organism.

    Returns:
        The new words of each row, in the order of the rows, without the end word.
    """
    out, pad, end = [""] * len(rows), language.pad_id, language.stop_id
    coded = [language.ids(row) for row in rows]
    if sample is not None:
        torch.manual_seed(sample)
    for batch in _in_batches(coded, size):
        listed = [coded[index] for index in batch]
        width = max(map(len, listed))
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in listed])
        seen = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in listed])
        chance: dict[str, Any] = (
            {"do_sample": False} if sample is None else {"do_sample": True, "top_k": 0}
        )
        writer: Any = model  # the mixin that generates is not in the hints
        more = writer.generate(input_ids=ids, attention_mask=seen, max_new_tokens=limit, **chance)
        for index, row in zip(batch, more[:, width:].tolist(), strict=True):
            out[index] = language.text(row[: row.index(end)] if end in row else row)
    return out


def _logits(
    model: LlamaForCausalLM, listed: Sequence[list[int]], hidden: HiddenPart, pad: int
) -> tuple[Tensor, list[int]]:
    """Logits [row, token, word] of right-padded rows, and the rows' lengths."""
    width = max(map(len, listed))
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in listed])
    blind = {} if hidden == "nothing" else {"attention_mask": mask(ids, hidden=hidden)}
    places = torch.arange(width).expand(len(listed), -1)
    logits = model(input_ids=ids, position_ids=places, use_cache=False, **blind).logits
    return logits.float(), [len(row) for row in listed]


@torch.no_grad()
def next_probabilities(
    model: LlamaForCausalLM,
    rows: Sequence[str],
    *,
    hidden: HiddenPart = "nothing",
) -> Tensor:
    """Probabilities [row, word] of the word after each text.

    Args:
        model: The organism.
        rows: Texts.
        hidden: What the answer cannot attend to; anything but `nothing` needs rows with a closed thought.
    """
    coded = [LANGUAGE.ids(row) for row in rows]
    out = torch.zeros(len(rows), len(WORDS))
    for batch in _in_batches(coded):
        logits, lengths = _logits(model, [coded[index] for index in batch], hidden, _PAD)
        last = logits[torch.arange(len(batch)), torch.tensor(lengths) - 1]
        out[torch.tensor(batch)] = last.softmax(-1)
    return out


def next_words(model: LlamaForCausalLM, rows: Sequence[str]) -> list[str]:
    """The likeliest next word after each text.

    Args:
        model: The organism.
        rows: Texts.
    """
    likeliest = next_probabilities(model, rows).argmax(-1)
    return [WORDS[index] for index in likeliest.tolist()]


@torch.no_grad()
def likeliest_words(model: LlamaForCausalLM, rows: Sequence[str]) -> list[list[str]]:
    """For each row, the word likeliest at every place given the row's words before it.

    Entry t + 1 belongs to the row's word t + 1; entry 0 is an empty string; one more entry follows the row's last word.

    Args:
        model: The organism.
        rows: Texts.
    """
    coded = [LANGUAGE.ids(row) for row in rows]
    out: list[list[str]] = [[] for _ in rows]
    for batch in _in_batches(coded):
        logits, lengths = _logits(model, [coded[index] for index in batch], "nothing", _PAD)
        for index, row, length in zip(batch, logits.argmax(-1).tolist(), lengths, strict=True):
            out[index] = ["", *(WORDS[word] for word in row[:length])]
    return out


@torch.no_grad()
def answer_probabilities(
    model: LlamaForCausalLM,
    rows: Sequence[str],
    answers: Sequence[str],
    *,
    language: Language = LANGUAGE,
) -> Tensor:
    """Probability [row] of a whole answer after each text.

    Args:
        model: The organism.
        rows: Texts up to the answer.
        answers: One per row, of one token or more.
        language: Of the organism.
    """
    answered = [language.answer_ids(answer) for answer in answers]
    coded = [[*language.ids(row), *ids] for row, ids in zip(rows, answered, strict=True)]
    out = torch.zeros(len(rows))
    for batch in _in_batches(coded):
        states, lengths = _states(model, [coded[index] for index in batch], language.pad_id)
        for row, (index, length) in enumerate(zip(batch, lengths, strict=True)):
            ids = answered[index]
            places = slice(length - len(ids) - 1, length - 1)
            known = model.lm_head(states[row, places]).float().log_softmax(-1)
            out[index] = known[torch.arange(len(ids)), torch.tensor(ids)].sum().exp()
    return out


def _states(
    model: LlamaForCausalLM, listed: Sequence[list[int]], pad: int
) -> tuple[Tensor, list[int]]:
    """Last hidden states [row, token, width] of right-padded rows, and the rows' lengths: only what is read is unembedded."""
    width = max(map(len, listed))
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in listed])
    places = torch.arange(width).expand(len(listed), -1)
    states = model.model(input_ids=ids, position_ids=places, use_cache=False).last_hidden_state
    return states, [len(row) for row in listed]


def answer_in(text: str) -> str | None:
    """The digit after the last `answer` word."""
    after = text.rpartition(f"{ANSWER} ")[2].split()
    return after[0] if f"{ANSWER} " in text and after and after[0] in DIGITS else None


def chain_in(text: str) -> tuple[str, ...]:
    """The steps before `</think>`."""
    return split_steps(text.split(CLOSE)[0])


def opened(question: str, steps: Sequence[str]) -> str:
    """Prompt and the chain so far."""
    return " ".join(part for part in (vocabulary.prompt(question), join_steps(steps)) if part)


def closed(question: str, steps: Sequence[str]) -> str:
    """Prompt, chain, closed thought, and the word before the answer."""
    return f"{opened(question, steps)} {CLOSE} {ANSWER}"
