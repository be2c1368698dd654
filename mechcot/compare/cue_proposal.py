"""A question for the answer in a model's own words, where its tokenizer spells none that is known."""

import shlex
from collections.abc import Sequence
from dataclasses import replace

from mechcot.compare.answer_leads import common_lead
from mechcot.compare.command_line import escaped
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.model.answer_cue import NoCue
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.spec import ModelSpec
from mechcot.model.reasoner import Reasoner

_LONGEST = 1024
"""Most tokens of a text."""
_TEXTS = 16
"""Texts that are written to see what a model writes before its answers."""


def with_proposal(
    error: NoCue, spec: ModelSpec, loading: LoadOptions, problems: Sequence[Problem]
) -> UserError:
    """The error with the option that mends it: what most of some texts have between chain and right answer.

    Args:
        error: Why no question for the answer is known.
        spec: The model.
        loading: How it was to be loaded.
        problems: What it will be asked; the first are answered.
    """
    unasked = replace(loading, asking=replace(loading.asking, cue=""))
    reader = Reasoner.open(spec, unasked)
    few = problems[:_TEXTS]
    traces = reader.write(few, max_tokens=_LONGEST, batch_size=_TEXTS, skip=lambda *_: None)
    lead = common_lead(traces)
    if not lead:
        return error
    option = shlex.join(["--cue", escaped(lead)])
    return UserError(
        f"{error.reason} Most of {len(traces)} texts that it wrote state the right answer behind {lead!r}. Next: the same command with {option}"
    )
