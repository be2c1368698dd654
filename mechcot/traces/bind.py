"""A chain that was written elsewhere, cut into steps and tokens by one reader.

It is put behind the reader's prompt as that model would have written it: the mark that opens a thought where the prompt
leaves it to the model, the chain, the mark that closes it, the answer, with the white space that its template has there.
A text that was written without marks has its answer in a field of its own, or ends in the statement of it: what stands before is the chain.
One that states nothing at its end is a chain without an answer. Only what a token limit cut is not finished. Where the file gives the tokens that the author wrote and they are this reader's, they stand as they were written.
"""

from mechcot.core.problem import Completion
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.text.answers import find_answer
from mechcot.text.message_parts import ink
from mechcot.text.segment import segmenter
from mechcot.text.trace_parser import before_statement
from mechcot.traces.foreign_chain import ForeignChain


def read_chain(reader: Reasoner, chain: ForeignChain, *, author: str | None = None) -> Trace:
    """The trace of a foreign chain behind this reader's prompt, opened and closed the way this reader does it."""
    author = author or chain.author
    return reader.read(completion_of(reader, chain, author=author), trace_id=name_of(chain, author))


def completion_of(reader: Reasoner, chain: ForeignChain, *, author: str) -> Completion:
    """A foreign chain as if this reader had written it behind its own prompt.

    Args:
        reader: Whose prompt and marks are used.
        chain: The chain; one that was never closed stays open, unless it ends in the statement of an answer. Only one that a
            token limit cut counts as not finished.
        author: Name of the author.
    """
    policy = reader.policy
    prompt = reader.render(chain.problem)
    if (ids := generated_ids(reader, chain)) is not None:
        own = reader.encode(prompt)
        return Completion(
            problem=chain.problem,
            prompt=prompt,
            text=reader.continuation(own, ids),
            model=author,
            ids=(*own, *ids),
            prompt_ids=len(own),
            finished=not chain.cut,
        )
    thought, answer, closed = chain.chain, chain.answer, chain.closed
    if not closed and not chain.cut and policy.tags is not None and policy.family == "tagged":
        thought, answer = _divided(thought, after=policy.asking.answer_after)
        closed = bool(answer)
    opening = "" if policy.opens_thought(prompt) else policy.opening
    divided = closed and bool(answer.strip())
    return Completion(
        problem=chain.problem,
        prompt=prompt,
        text=join_parts(opening, thought, *((policy.closing, answer) if closed else ())),
        model=author,
        finished=not chain.cut,
        answer_at=len(join_parts(opening, thought)) if divided else None,
    )


def generated_ids(reader: Reasoner, chain: ForeignChain) -> list[int] | None:
    """The tokens that a chain's author wrote, without those that end the text.

    Returns:
        None where the file has none, or they do not spell chain and answer, white space aside, in this reader's tokens.
    """
    ids = list(chain.token_ids)
    ends = set(reader.tokenizer.all_special_ids)
    while ids and ids[-1] in ends:
        ids.pop()
    if not ids or max(ids) >= reader.model.get_input_embeddings().num_embeddings:
        return None
    text = ink(reader.continuation(reader.encode(reader.render(chain.problem)), ids))
    before, thought, after = text.partition(ink(chain.chain))
    spelled = bool(thought or not chain.chain.strip()) and ink(chain.answer) in after
    left = len(before) + len(after) - len(ink(chain.answer))
    return ids if spelled and left <= _MARKS else None


_MARKS = 80
"""Characters of the marks around a thought, at most."""


def join_parts(*parts: str) -> str:
    """Texts one behind the other; white space that both sides of a border have stands there once."""
    whole = ""
    for part in parts:
        lead = part[: len(part) - len(part.lstrip())]
        shared = next(size for size in range(len(lead), -1, -1) if whole.endswith(lead[:size]))
        whole += part[shared:]
    return whole


def _divided(text: str, *, after: str | None) -> tuple[str, str]:
    """A text without marks as chain and statement of the answer; no statement where its last step states nothing."""
    statement = find_answer(text, otherwise="nothing", after=after)
    pieces = segmenter("sentence")(text)
    if statement is None:
        return text, ""
    first, start = before_statement(pieces, statement.start)
    last = statement.stop >= len(text.rstrip()) - len(pieces[-1].rstrip())
    return (text[:start], text[start:]) if first and last else (text, "")


def name_of(chain: ForeignChain, author: str) -> str:
    """The id of its trace."""
    return "/".join(part for part in (chain.problem.id, author, chain.sample) if part)
