"""The lines of the public API that give a variant's number, to the last digit.

They run what the panel runs: one prefix under the same interventions, and one question for the answer behind it. What only the user has
(a model in memory, vectors, a dictionary) keeps the name that `mc.what_if` was given it by.
"""

from collections.abc import Iterator

from mechcot.core.trace import Span
from mechcot.model.reasoner import Reasoner
from mechcot.whatif.readout import HIDES_NOTHING, Lens, interventions, push_positions
from mechcot.whatif.variant import Patch, Push, Variant

_HEAD = '''import numpy as np

import mechcot as mc

{model}


def answer(ids, cue, under=(), hide=()):
    """Distribution of the answer's first token, and the probability of the answer as it was."""
    run = reader.prefix(ids, under=under)
    asked = run.branches([len(ids)], [cue], hide=[hide])
    return asked.next_logprobs()[0].exp(), float(np.exp(asked.score([{own}])[0]))  # {said!r}
'''


def as_code(lens: Lens, variant: Variant) -> str:
    """Lines that give `p_before`, `p_after` and `moved` of a variant, and print them.

    Args:
        lens: The model over the trace.
        variant: What it reads.
    """
    reader, clean = lens.reader, lens.clean
    head = _HEAD.format(
        model=_model(reader), said=lens.said or "its first token", own=list(lens.answer)
    )
    masked = HIDES_NOTHING in interventions(reader, variant)
    plain = f"[{_NOTHING}]" if masked else "[]"
    under = ", ".join([*([_NOTHING] if masked else []), *_hides(variant), *_edits(variant)])
    hidden = ", ".join(map(_span, variant.hidden_before(len(variant))))
    lines = [
        head,
        *_given(variant),
        "# the trace as it was written: its prompt and chain, and the question for the answer",
        f"before, p_before = answer({list(clean.ids)}, {list(reader.cue_after(clean.ids))}, under={plain})",
        *_sources(variant),
        f"# {_one_line(variant.label)}",
        f"ids = {list(variant.ids)}",
        f"cue = {list(reader.cue_after(variant.ids))}",
        f"after, p_after = answer(ids, cue, under=[{under}], hide=[{hidden}])",
        "moved = float((before - after).abs().sum()) / 2  # total variation",
        "print(p_before, p_after, moved)",
    ]
    return "\n".join(lines) + "\n"


_NOTHING = "mc.AttentionKnockout(mc.Span(0, 0))"


def _model(reader: Reasoner) -> str:
    if not reader.spec.base or reader.source is None:
        return "# reader: the model that you gave to mc.what_if"
    dtype = str(reader.dtype).removeprefix("torch.")
    return f'reader = mc.load({reader.spec.text!r}, device="{reader.device}", dtype="{dtype}")'


def _span(span: Span) -> str:
    return f"mc.Span({span.start}, {span.stop})"


def _hides(variant: Variant) -> Iterator[str]:
    later = sorted({variant.spans[h.segment] for h in variant.hides if h.scope == "later"})
    end = len(variant)
    for span in later:
        if span.stop < end:
            yield f"mc.AttentionKnockout({_span(span)}, {_span(Span(span.stop, end))})"


def _edits(variant: Variant) -> Iterator[str]:
    for number, act in enumerate(variant.acts):
        if isinstance(act, Push):
            at = push_positions(variant)
            vector = f"vectors[{act.name!r}]" if act.how == "add" else f"feature_{number}"
            edit = f"{vector}.edit({act.factor!r}, {act.how!r})"
            yield f"mc.Intervention({vector}.site, tuple(range({at.start}, {at.stop})), {edit})"
        else:
            start = variant.spans[act.segment].start
            at = tuple(start + offset for offset in act.offsets)
            yield f"mc.Intervention(site_{number}, {at}, mc.Replace(states_{number}))"


def _sources(variant: Variant) -> Iterator[str]:
    """The states that patches write."""
    for number, act in enumerate(variant.acts):
        if isinstance(act, Patch):
            yield f'site_{number} = mc.Site("resid_pre", {act.layer})  # states of {_one_line(act.name)}'
            yield (
                f"states_{number} = reader.states({list(act.source)}, [site_{number}])[site_{number}][{list(act.rows)}]"
            )


def _given(variant: Variant) -> Iterator[str]:
    """What only the user has."""
    pushes = [(n, act) for n, act in enumerate(variant.acts) if isinstance(act, Push)]
    if any(act.how == "add" for _, act in pushes):
        yield "# vectors: as given to mc.what_if"
    for number, act in pushes:
        if act.how == "clamp":
            feature = act.name.removeprefix("feature ")
            yield "# dictionary and trace: as given to mc.what_if"
            yield f"feature_{number} = mc.sae.feature_vector(dictionary, reader, [trace], {feature})"


def _one_line(text: str) -> str:
    return " ".join(text.split())
