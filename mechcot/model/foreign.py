"""A chain that was written elsewhere, cut into steps and tokens by one reader."""

from mechcot.core.problem import Completion
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.text.traces_in import ForeignChain


def read_chain(reader: Reasoner, chain: ForeignChain, *, author: str | None = None) -> Trace:
    """The trace of a foreign chain behind this reader's prompt, closed the way this reader closes a thought.

    Args:
        reader: Whose tokenizer, prompt and segmenter are used.
        chain: The chain.
        author: Name of the author; None for the one the file gives.
    """
    author = author or chain.author
    return reader.read(completion_of(reader, chain, author=author), trace_id=name_of(chain, author))


def completion_of(reader: Reasoner, chain: ForeignChain, *, author: str) -> Completion:
    """A foreign chain as if this reader had written it behind its own prompt.

    Args:
        reader: Whose prompt and closing mark are used.
        chain: The chain; one that was never closed stays open, and counts as not finished where the reader has a mark that closes a thought.
        author: Name of the author.
    """
    return Completion(
        problem=chain.problem,
        prompt=reader.render(chain.problem),
        text=f"{chain.chain}{reader.cue.close}{chain.answer}" if chain.closed else chain.chain,
        model=author,
        finished=chain.closed or reader.policy.tags is None,
    )


def name_of(chain: ForeignChain, author: str) -> str:
    """The id of its trace."""
    return "/".join(part for part in (chain.problem.id, author, chain.sample) if part)
