"""What can be done to a step of a chain, as functions from a variant to a variant; each raises with the reason where it cannot.

The text's side only: nothing here runs a model. Token ids of what is not touched are kept.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from mechcot.compare.measure_inputs import filler_for
from mechcot.core.counterfactual import Counterfactual, Stated
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.measures.inputs import unhideable
from mechcot.model.generation.ask_answer import LONGEST_ANSWER
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import task_of
from mechcot.text.filler import fill
from mechcot.whatif.known_trace import KnownTrace
from mechcot.whatif.variant import SCOPES, Hide, Ids, Patch, Prediction, Scope, Segment, Variant

Replacement = Literal["counterfactual", "mistake", "paraphrase", "filler", "delete"]
OWN_ONLY = "this step was changed already; undo that first"
ANEW = "this step was written anew; undo that first"


def edit(
    known: KnownTrace, variant: Variant, step: int, text: str, *, how: str = "edited"
) -> Variant:
    """Put other words in the place of a step; the white space around them stays.

    Raises:
        UserError: The text has no tokens, unknown ones or marks of the prompt, or does not fit.
    """
    segment, reader = segment_of(variant, step), known.reader
    own = reader.continuation(variant.ids[: variant.cuts[step]], segment.ids)
    if text.strip() in (own.strip(), segment.text.strip()) and segment.ids:
        return variant.with_segment(step, segment, f"step {step + 1}: {how} (same text)")
    if marks := [mark for mark in _marks(reader) if mark in text and mark not in own]:
        raise UserError(
            f"{marks[0]!r} is a mark between the parts of a text for {reader.name}, and no part of a step; leave it out"
        )
    inner, outer = text.strip(), own if own.strip() else " "
    if not inner:
        raise UserError("this text has no tokens; write a word, or delete the step")
    lead = outer[: len(outer) - len(outer.lstrip())]
    trail = outer[len(outer.rstrip()) :] if own.strip() else ""
    ids = tuple(reader.continue_ids(lead + inner + trail))
    unknown = getattr(reader.tokenizer, "unk_token_id", None)
    if not ids:
        raise UserError("this text has no tokens; write a word, or delete the step")
    if unknown is not None and unknown in ids:
        words = [word for word in inner.split() if unknown in reader.continue_ids(f" {word}")]
        raise UserError(
            f"{reader.name} has no token for {', '.join(map(repr, words[:3])) or repr(inner[:40])}"
        )
    changed = Segment(ids, lead + inner + trail, segment.kind, own=False)
    return fitting(reader, variant.with_segment(step, changed, f"step {step + 1}: {how}"))


def _marks(reader: Reasoner) -> tuple[str, ...]:
    """What begins or ends a turn, a thought or a text."""
    tags = reader.policy.tags
    return (*reader.tokenizer.all_special_tokens, *((tags.open, tags.close) if tags else ()))


def hide(known: KnownTrace, variant: Variant, step: int, scope: Scope) -> Variant:
    """Hide a step from attention, or show it again.

    Raises:
        UserError: The family cannot hide, or the step is gone.
    """
    if scope not in SCOPES:
        raise UserError(f"expected a scope out of {', '.join(SCOPES)}, got {scope!r}")
    if reason := unhideable(known.reader):
        raise UserError(reason)
    if not segment_of(variant, step).ids:
        raise UserError("this step is deleted: there is nothing to hide")
    return variant.hiding(Hide(step, scope))


def delete(known: KnownTrace, variant: Variant, step: int) -> Variant:  # noqa: ARG001
    """Take a step out of the text.

    Raises:
        UserError: It is gone already.
    """
    segment = segment_of(variant, step)
    if not segment.ids:
        raise UserError("this step is deleted already")
    gone = Segment((), segment.text, segment.kind, own=False)
    return variant.with_segment(step, gone, f"step {step + 1}: deleted")


def filler(known: KnownTrace, variant: Variant, step: int) -> Variant:
    """Put as many filler tokens in the place of a step.

    Raises:
        UserError: The step is deleted, or the vocabulary has no filler.
    """
    segment, unit = segment_of(variant, step), known.reader.continue_ids(filler_for(known.reader))
    if not segment.ids:
        raise UserError("this step is deleted: there is nothing to fill")
    if not unit:
        raise UserError(f"{known.reader.name} has no token for a filler")
    ids = fill(unit, count=len(segment.ids))
    filled = Segment(ids, known.reader.decode(ids), segment.kind, own=False)
    return variant.with_segment(step, filled, f"step {step + 1}: filler")


def state_counterfactual(known: KnownTrace, variant: Variant, step: int, value: int = 0) -> Variant:
    """Let a step state the counterfactual's value, all else kept.

    Args:
        known: The trace.
        variant: What is changed.
        step: The step.
        value: Which of the values that it states, from 0.

    Raises:
        UserError: There is no such value, or the step was written anew.
    """
    segment, stated = _written(known, variant, step), known.stated(step)
    if not 0 <= value < len(stated):
        raise UserError(
            f"step {step + 1} states {len(stated)} such values, counted from 0; got {value}"
        )
    (_, chosen), start = stated[value], known.clean.cuts[step]
    first, last = chosen.tokens.start - start, chosen.tokens.stop - start
    ids = (*segment.ids[:first], *chosen.ids, *segment.ids[last:])
    text = known.reader.decode(ids)
    changed = variant.with_segment(
        step, Segment(ids, text, segment.kind, own=False), f"step {step + 1}: {known.value(chosen)}"
    )
    return changed.predicting(Prediction(chosen.answer_kept, chosen.answer_regenerated))


def mistake(known: KnownTrace, variant: Variant, step: int) -> Variant:
    """Let a step go wrong as the task's writer of mistakes says.

    Raises:
        UserError: No mistake is known.
    """
    _written(known, variant, step)
    if isinstance(known.mistakes, str):
        raise UserError(known.mistakes)
    text = known.mistakes[step]
    if text is None:
        raise UserError(
            "no mistake is known for this step: it states no value as a result or operand"
        )
    return edit(known, variant, step, text, how="mistake")


def paraphrase(known: KnownTrace, variant: Variant, step: int) -> Variant:
    """Say a step in the task's other words.

    Raises:
        UserError: There are none.
    """
    own = _written(known, variant, step)
    if isinstance(known.paraphrases, str):
        raise UserError(known.paraphrases)
    text = known.paraphrases[step]
    if text is None or text.strip() == own.text.strip():
        raise UserError("the task has no other words for this step")
    return edit(known, variant, step, text, how="paraphrase")


def exchange_chain(known: KnownTrace, variant: Variant, other: int) -> Variant:
    """Put another trace's chain in the place of this one; all other changes are dropped.

    Raises:
        UserError: There is no such trace, or its chain does not fit.
    """
    if not known.others:
        raise UserError("no other trace was given; mc.what_if(models, traces) takes several")
    if not 0 <= other < len(known.others):
        raise UserError(f"expected a trace from 0 to {len(known.others) - 1}, got {other}")
    trace = known.reader.view(known.others[other])
    task = task_of(trace.problem)
    expected = (task.leads_to(trace) if task.leads_to else None) or trace.answer.text
    rest = [replace(segment, own=False) for segment in Variant.of(trace).segments]
    bare = replace(variant, hides=(), acts=(), texts=())
    given = bare.with_rest(0, rest, f"the chain of {trace.id}")
    return fitting(known.reader, given.predicting(Prediction(expected, expected)))


def patch(
    known: KnownTrace, variant: Variant, step: int, layer: int, source: int | None = None
) -> Variant:
    """Write another text's states where a step stands, at the input of one block.

    Args:
        known: The trace.
        variant: What is changed.
        step: The step.
        layer: The block, from 0.
        source: None: the counterfactual, where the step states a value; else another trace, at the ends of the two steps.

    Raises:
        UserError: There is no such block, step or source, or the step was changed already.
    """
    layers = known.reader.model.config.get_text_config().num_hidden_layers
    if not 0 <= layer < layers:
        raise UserError(f"expected a block from 0 to {layers - 1}, got {layer}")
    if not segment_of(variant, step).own:
        raise UserError(OWN_ONLY)
    offsets, ids, rows, name = patched_places(known, step, source)
    act = Patch(step, layer, offsets, ids, rows, name)
    expected = Prediction()
    if source is None:
        last = _patched(known, step)[1][-1]
        expected = Prediction(last.answer_kept, last.answer_regenerated)
    return variant.acting(act).predicting(expected)


def patched_places(known: KnownTrace, step: int, source: int | None) -> tuple[Ids, Ids, Ids, str]:
    """Tokens of a step that are patched, the other text, its positions, and what it is.

    Raises:
        UserError: There is no such source, or it has no such step.
    """
    start = known.clean.cuts[step]
    if source is None:
        twin, stated = _patched(known, step)
        rows = tuple(position for value in stated for position in value.tokens.positions())
        ids = twin.trace.ids[: known.clean.cuts[-1]]
        return tuple(row - start for row in rows), ids, rows, "the counterfactual"
    if not 0 <= source < len(known.others):
        raise UserError(f"there is no trace {source}; {len(known.others)} others were given")
    trace = known.reader.view(known.others[source])
    if step >= len(trace.chain_steps):
        raise UserError(f"{trace.id} has no step {step + 1}")
    own, there = len(known.clean.segments[step].ids), trace.chain_steps[step].tokens
    size = min(own, len(there))
    if not size:
        raise UserError(f"step {step + 1} of {trace.id} has no tokens")
    rows = tuple(range(there.stop - size, there.stop))
    return tuple(range(own - size, own)), trace.ids[: trace.cuts()[-1]], rows, trace.id


def _patched(known: KnownTrace, step: int) -> tuple[Counterfactual, list[Stated]]:
    """The counterfactual whose states a step gets, and the values that it states there."""
    twin = known.stated(step)[0][0]
    return twin, [stated for other, stated in known.stated(step) if other is twin]


def segment_of(variant: Variant, step: int) -> Segment:
    """The segment of a step.

    Raises:
        UserError: There is no such step.
    """
    if not 0 <= step < len(variant.segments):
        raise UserError(f"expected a step from 1 to {len(variant.segments)}, got {step + 1}")
    return variant.segments[step]


def fitting(reader: Reasoner, variant: Variant) -> Variant:
    """The variant, if it leaves room for the question for the answer.

    Raises:
        UserError: It does not.
    """
    needed = len(variant) + len(reader.cue_ids) + LONGEST_ANSWER
    if needed > reader.max_length:
        raise UserError(
            f"this makes {needed} tokens with the question for the answer; the context of {reader.name} is {reader.max_length}"
        )
    return variant


def _written(known: KnownTrace, variant: Variant, step: int) -> Segment:
    """A step as it was written, whatever stands in its place by now.

    Raises:
        UserError: There is no such step, or all from an earlier one on was written anew.
    """
    segment_of(variant, step)
    if any(change.rest and change.segment <= step for change in variant.texts):
        raise UserError(ANEW)
    return known.clean.segments[step]


REPLACEMENTS: dict[Replacement, Callable[[KnownTrace, Variant, int], Variant]] = {
    "counterfactual": state_counterfactual,
    "mistake": mistake,
    "paraphrase": paraphrase,
    "filler": filler,
    "delete": delete,
}


def why_not(action: Callable[[], object]) -> str:
    """Return why an action cannot be done; empty where it can."""
    try:
        action()
    except (UserError, NotMeasurable) as reason:
        return str(reason)
    return ""
