"""The marks that a model puts around its thought, found in its own files.

Looked at, in this order; the first that shows a pair counts:

    prompt       what the generation prompt ends with (`<think>`, `<seed:think>`, `<|channel|>analysis<|message|>`)
    message      what the template puts around the reasoning of an assistant's message
    template     marks that stand in the template's own text
    vocabulary   added tokens that say by their name that they open a thought, with their closing partner

A message also shows the white space that this model has beside its marks. Marks that are not known by name or shape are
taken where both are tokens of the vocabulary and one is the other's partner.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mechcot.core.errors import UserError
from mechcot.text.think_tags import KNOWN, THINK, ThoughtTags, means_thought, partners

Render = Callable[..., str]
"""From messages (and whether an answer is to follow) to the template's text."""

_QUESTION, _THOUGHT, _ANSWER = "What is 1 + 1?", "First 1, then 1 more.", "It is 2."
_USER = {"role": "user", "content": _QUESTION}
_MARK = r"<[^<>\s]{1,40}>|\[[^\[\]\s]{1,40}\]|\u25c1[^\s]{1,40}?\u25b7"
_LAST_MARK = re.compile(rf"(?:{_MARK})$")
_FIRST = (THINK, ThoughtTags("[THINK]", "[/THINK]"), ThoughtTags("<thought>", "</thought>"))
_RESERVED = re.compile(r"unused|reserved")
_PROSE = re.compile(r"[<\[]")
# Names of marks that open a turn or a text, not a thought.
_TURN = re.compile(
    r"assistant|model|bot|\bai\b|gpt|chat|resp|answer|start|begin|header|inst|turn|role|message|content|final|output|bos|sep|eos|end|^/",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Marks:
    """The marks of a model and how it writes them.

    Attributes:
        tags: The two marks.
        opening: What it writes in front of a chain, white space included.
        closing: What it writes between a chain and the answer.
        source: Where they were found, in words.
    """

    tags: ThoughtTags
    opening: str
    closing: str
    source: str


class UnknownMark(UserError):  # noqa: N818 - names a state of a model, as `NotMeasurable` does of an item
    """A prompt opens what looks like a thought, and nothing says what closes it."""


def given(tags: ThoughtTags, render: Render | None) -> Marks:
    """Marks that a user named, with the white space that the template has beside them, if it shows any."""
    shown = next(_shown(render, [tags]), None) if render else None
    opening, closing = _spaced(tags) if shown is None else (shown.opening, shown.closing)
    return Marks(tags, opening, closing, "given with --think")


def find_marks(tokenizer: Any, render: Render | None, *, owner: str) -> Marks | None:
    """The marks of a model.

    Returns:
        None where nothing shows a thought.

    Raises:
        UnknownMark: The generation prompt opens something that the template's own answers do not have, and no closing mark is known.
    """
    vocabulary = tokenizer.get_vocab()
    template = str(getattr(tokenizer, "chat_template", None) or "") if render else ""
    prompt = render([_USER], answer_follows=True) if render else ""
    tail = _behind(prompt)
    shown = next(_shown(render, _candidates(vocabulary, template)), None) if render else None
    opened = _opened(tail, vocabulary, template)
    if opened is None and shown is None:
        _refuse_unknown(render, tail, owner)
    for tags, source in (
        (opened, "the generation prompt ends with it"),
        (shown.tags if shown else None, "the template writes it around reasoning"),
        (_asked(prompt), "the prompt asks for it"),
        (_in_text(template), "the template names it"),
        (_in_vocabulary(vocabulary), "the vocabulary has it"),
    ):
        if tags is not None:
            spaced = shown is not None and shown.tags == tags
            opening, closing = (shown.opening, shown.closing) if spaced else _spaced(tags)  # pyright: ignore[reportOptionalMemberAccess] - narrowed by `spaced`
            return Marks(tags, opening, closing, source)
    return None


def closed_by(prompt: str, texts: Sequence[str], *, least: float) -> ThoughtTags | None:
    """The marks of a thought whose opening one ends a prompt, where texts behind it show the closing one.

    Args:
        prompt: As rendered, up to where a model writes.
        texts: What it wrote.
        least: Number of texts that must have the closing mark, with text in front of it and behind.
    """
    match = _LAST_MARK.search(prompt.rstrip())
    mark = match.group() if match else ""
    for close in partners(mark):
        parted = [text.partition(close) for text in texts]
        if sum(bool(chain.strip() and said.strip()) for chain, _, said in parted) >= least:
            return ThoughtTags(mark, close)
    return None


def turn_end(render: Render) -> str:
    """The text that the template puts behind an assistant's answer; "" when it does not show one."""
    text = _render(render, [_USER, {"role": "assistant", "content": _ANSWER}])
    return text.rpartition(_ANSWER)[2] if _ANSWER in text else ""


def _opened(tail: str, vocabulary: dict[str, int], template: str) -> ThoughtTags | None:
    """The marks whose opening one ends the generation prompt."""
    end = tail.rstrip()
    for tags in (*_FIRST, *KNOWN):
        if _PROSE.search(tags.open) and end.endswith(tags.open.rstrip()):
            return tags
    match = _LAST_MARK.search(end)
    if match is None:
        return None
    mark = match.group()
    closes = partners(mark)
    known = [close for close in closes if close in vocabulary or close in template]
    if known and not _TURN.search(mark.strip("<>[]|")):
        return ThoughtTags(mark, known[0])
    return ThoughtTags(mark, (known or closes)[0]) if means_thought(mark) else None


def _refuse_unknown(render: Render | None, tail: str, owner: str) -> None:
    """Refuse a prompt that opens what the template's own answers do not have."""
    match = _LAST_MARK.search(tail.rstrip())
    if render is None or match is None or _TURN.search(match.group().strip("<>[]|")):
        return
    answered = _render(render, [_USER, {"role": "assistant", "content": _ANSWER}])
    if match.group() in answered:
        return
    raise UnknownMark(
        f"{owner}: its chat template begins an answer with {match.group()!r}, which looks like the opening mark of a thought, but no "
        f"mark that closes it is known. Name both with --think {shlex.quote(match.group())} CLOSE, or say --think none if it opens no thought."
    )


def _candidates(vocabulary: dict[str, int], template: str) -> list[ThoughtTags]:
    """The marks that a message may hold in its text; a template that only echoes text is no evidence of others."""
    named = (_in_text(template), _in_vocabulary(vocabulary))
    return list(dict.fromkeys(tags for tags in named if tags))


def _shown(render: Render | None, candidates: Sequence[ThoughtTags]) -> Iterator[Marks]:
    """Marks around the reasoning of a rendered message, by each way in which a message may hold it."""
    if render is None:
        return
    for message in _messages(candidates):
        text = _behind(_render(render, [_USER, {"role": "assistant", **message}]))
        before, thought, rest = text.partition(_THOUGHT)
        between, answered, _ = rest.partition(_ANSWER)
        if not thought or not answered:
            continue
        end = before.rstrip()
        for tags in (*candidates, *_FIRST, *KNOWN):
            if end.endswith(tags.open.rstrip()) and tags.close in between:
                yield Marks(tags, before[before.rindex(tags.open.rstrip()) :], between, "")
        match = _LAST_MARK.search(end)
        close = next((c for c in partners(match.group()) if c in between), None) if match else None
        if match and close:
            yield Marks(ThoughtTags(match.group(), close), before[match.start() :], between, "")


def _messages(candidates: Sequence[ThoughtTags]) -> Iterator[dict[str, Any]]:
    named = ("reasoning_content", "reasoning", "thinking")
    yield {"content": _ANSWER} | dict.fromkeys(named, _THOUGHT)
    yield {
        "content": [{"type": "thinking", "thinking": _THOUGHT}, {"type": "text", "text": _ANSWER}]
    }
    for tags in candidates:
        opening, closing = _spaced(tags)
        yield {"content": f"{opening}{_THOUGHT}{closing}{_ANSWER}"}


def _render(render: Render, messages: list[dict[str, Any]]) -> str:
    """A template's text; "" where the template refuses the messages, as many do with fields or lists that they do not know."""
    try:
        return render(messages, answer_follows=False)
    except Exception:  # noqa: BLE001 - a template is a program of the model's author
        return ""


def _behind(text: str) -> str:
    return text.rpartition(_QUESTION)[2] if _QUESTION in text else text


def _asked(prompt: str) -> ThoughtTags | None:
    """Marks of plain words, which a prompt of the system asks the model to write."""
    prose = (tags for tags in KNOWN if not _PROSE.search(tags.open))
    return next((tags for tags in prose if tags.open in prompt and tags.close in prompt), None)


def _in_text(template: str) -> ThoughtTags | None:
    """Marks that stand in a template's text."""
    for tags in (*_FIRST, *KNOWN):
        if _PROSE.search(tags.open) and (tags.close in template or tags.open in template):
            return tags
    for match in re.finditer(_MARK, template):
        mark = match.group()
        close = next((partner for partner in partners(mark) if partner in template), None)
        if close and means_thought(mark):
            return ThoughtTags(mark, close)
    return None


def _in_vocabulary(vocabulary: dict[str, int]) -> ThoughtTags | None:
    """Marks that are tokens: known ones, then those that say by their name what they open."""
    for tags in _FIRST:
        if tags.close in vocabulary:
            return tags
    if {"<|channel|>", "<|message|>"} <= vocabulary.keys():
        return KNOWN[0]
    for tags in KNOWN:
        if {tags.open, tags.close} <= vocabulary.keys() and not _RESERVED.search(tags.open):
            return tags
    for token in sorted(token for token in vocabulary if means_thought(token)):
        close = next((partner for partner in partners(token) if partner in vocabulary), None)
        if close:
            return ThoughtTags(token, close)
    return None


def _spaced(tags: ThoughtTags) -> tuple[str, str]:
    """The marks with the white space that most models have beside them; channels have none."""
    if "<|message|>" in tags.open or "<|content|>" in tags.close:
        return tags.open, tags.close
    return f"{tags.open.rstrip()}\n", f"\n{tags.close}\n\n"
