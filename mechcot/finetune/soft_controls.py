"""What else may stand where soft tokens stand: those of another question, random vectors, and acts on them behind a chain that stays.

    another   the assistant reads another question of the same set, whose answer differs
    random    vectors of a random direction, each as long as the one that it replaces

Behind a written chain that stays as it is, y the author's own answer and y' that of the other question:

    lost      p(y | question, soft tokens, chain) - p(y | ..., acted on)
    moved     p(y' | ..., acted on) - p(y' | question, soft tokens, chain)
    acts      exchanged for those of the other question, hidden from the answer, hidden from chain and answer, states of the other run patched in at a layer

Exchanged for the own soft tokens, or edited by the identity, gives exactly 0. Patched at layer 0 is the exchange of tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product, starmap
from zlib import crc32

import torch
from torch import nn

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Problem
from mechcot.core.trace import Span, Trace
from mechcot.measures.inputs import unhideable
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import (
    AnyIntervention,
    AttentionKnockout,
    Edit,
    Identity,
    Intervention,
    Replace,
)
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.reasoner import Reasoner
from mechcot.model.soft.tokens import FIRST_SOFT, SoftTokens, map_of, soft_of, softened
from mechcot.text.answers import same_answer

EXCHANGED, HIDDEN_FROM_ANSWER, HIDDEN = "exchanged", "hidden from the answer", "hidden"
IDENTITY = "identity"
NO_PARTNER = "another question with another answer is needed among the problems"


def _soft(reader: Reasoner) -> SoftTokens:
    soft = soft_of(reader.model)
    if soft is None:
        raise NotMeasurable(f"{reader.name} has no soft tokens")
    return soft


def other_questions(problems: Sequence[Problem]) -> dict[str, Problem]:
    """For each problem, by its id, the next one with another question and another answer; problems without one are not in it."""
    answers: dict[str, list[str]] = {}
    for problem in problems:
        answers.setdefault(problem.question, []).append(problem.answer)

    def parts(one: Problem, other: Problem) -> bool:
        pairs = product(answers[one.question], answers[other.question])
        return one.question != other.question and not any(starmap(same_answer, pairs))

    around = [(one, [*problems[at + 1 :], *problems[:at]]) for at, one in enumerate(problems)]
    found = {one.id: next((p for p in rest if parts(one, p)), None) for one, rest in around}
    return {name: other for name, other in found.items() if other is not None}


def with_another_question(reader: Reasoner, problems: Sequence[Problem]) -> Reasoner:
    """A model whose assistant reads another question than the model itself.

    Raises:
        NotMeasurable: No problem has a partner; or later, on reading a question without one.
    """
    soft, other = _soft(reader), other_questions(problems)
    render = reader.policy.render
    if not other:
        raise NotMeasurable(NO_PARTNER)
    texts = {render(one): render(other[one.id]) for one in problems if one.id in other}

    def source(text: str) -> torch.Tensor:
        if text not in texts:
            raise NotMeasurable(NO_PARTNER)
        return soft.source(texts[text])

    made = replace(soft, source=source, texts={})
    return replace(softened(reader, made, map_of(reader.model)), name=f"{reader.name} (another)")


def with_random_vectors(reader: Reasoner, *, seed: int) -> Reasoner:
    """A model whose soft tokens are random vectors of the same lengths."""
    soft, own = _soft(reader), map_of(reader.model)

    @torch.no_grad()
    def source(text: str) -> torch.Tensor:
        vectors = own(soft.source(text).to(next(own.parameters()).device)).cpu()
        stream = torch.Generator().manual_seed(seed + crc32(text.encode()))
        drawn = torch.randn(vectors.shape, generator=stream)
        return drawn * vectors.norm(dim=-1, keepdim=True) / drawn.norm(dim=-1, keepdim=True)

    made = replace(soft, source=source, texts={})
    return replace(softened(reader, made, nn.Identity()), name=f"{reader.name} (random)")


def acted_on(reader: Reasoner, trace: Trace, other: Trace) -> dict[str, dict[str, float]]:
    """What acts on the soft tokens of a trace change behind its chain.

    Costs three forwards, and four with a row an act.

    Args:
        reader: The model with soft tokens, which wrote both traces.
        trace: The trace; its chain stays.
        other: A trace of another question with another answer.

    Returns:
        By act: `lost` and `moved`, in probability.

    Raises:
        NotMeasurable: One of both states no answer, or both the same.
    """
    own_answer, other_answer = trace.answer.text, other.answer.text
    if own_answer is None or other_answer is None or same_answer(own_answer, other_answer):
        raise NotMeasurable("two answers that differ are needed, one of each trace")
    head = tuple(trace.ids[: trace.cuts()[-1]])
    places = [at for at, token in enumerate(head) if token >= FIRST_SOFT]
    theirs = tuple(token for token in other.ids if token >= FIRST_SOFT)
    if not places or len(theirs) != len(places):
        raise NotMeasurable("both traces need as many soft tokens")
    rows, acts = _rows(reader, head, places, theirs, other)
    before = reader.prefix(head[: places[0]])
    tail = reader.cue_after(head)
    clean, edited = [(rows[0], ())] * len(rows), list(zip(rows, acts.values(), strict=True))
    change = {}
    for what, text in (("lost", own_answer), ("moved", other_answer)):
        behind = (*tail, *reader.answer_ids(text))
        runs = [_probabilities(before, each, behind, len(tail)) for each in (clean, edited)]
        first, second = runs if what == "moved" else reversed(runs)
        change[what] = [b - a for a, b in zip(first, second, strict=True)]
    return {name: {what: change[what][at] for what in change} for at, name in enumerate(acts)}


def _rows(
    reader: Reasoner,
    head: tuple[int, ...],
    places: Sequence[int],
    theirs: tuple[int, ...],
    other: Trace,
) -> tuple[list[tuple[int, ...]], Mapping[str, tuple[AnyIntervention, ...]]]:
    """Tokens from the first soft one on, and acts, a row each."""
    keys, rest = Span(places[0], places[-1] + 1), head[places[-1] + 1 :]
    sites = [Site("resid_pre", layer) for layer in range(backbone_of(reader.model).n_layers)]
    at = [place for place, token in enumerate(other.ids) if token >= FIRST_SOFT]
    their = reader.states(other.ids[: at[-1] + 1], sites)

    def act(site: Site, edit: Edit) -> tuple[AnyIntervention, ...]:
        return (Intervention(site=site, at=tuple(places), edit=edit),)

    acts: dict[str, tuple[AnyIntervention, ...]] = {
        IDENTITY: act(sites[len(sites) // 2], Identity()),
        EXCHANGED: (),
    }
    acts |= {f"patched at {s.layer}": act(s, Replace(their[s][at])) for s in sites}
    if not unhideable(reader):
        acts[HIDDEN_FROM_ANSWER] = (AttentionKnockout(keys, Span(len(head), reader.max_length)),)
        acts[HIDDEN] = (AttentionKnockout(keys),)
    own = head[places[0] : keys.stop]
    return [((theirs if n == EXCHANGED else own) + rest) for n in acts], acts


def _probabilities(
    prefix: Prefix,
    rows: Sequence[tuple[tuple[int, ...], tuple[AnyIntervention, ...]]],
    tail: tuple[int, ...],
    cue: int,
) -> list[float]:
    """Probability of an answer, the tokens of `tail` behind its first `cue`, in each row of tokens and acts."""
    whole = [tokens + tail for tokens, _ in rows]
    hidden = prefix.rerun_from(len(prefix), whole, under=[acts for _, acts in rows])
    answer = torch.tensor(tail[cue:], device=hidden.device)
    states = hidden[:, -len(answer) - 1 : -1]
    scores = prefix.unembed(states).gather(-1, answer.expand(len(rows), -1)[..., None])
    return scores[..., 0].sum(-1).exp().tolist()
