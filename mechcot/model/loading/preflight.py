"""Checks before a model is run for hours: its weights, its prompts, its tokenizer, its states.

    weights     every number is finite
    prompt      the rendered prompt holds the question, whole, as it was asked
    tokenizer   prompt and cue -> ids -> text gives them back, white space aside
    identity    states written back where they came from change nothing: exactly 0
    causality   another last token moves no earlier state

`mechcot doctor` prints these; every command that writes or reads chains takes the same functions on its own
questions, before it writes anything: what is wrong ends it with one sentence, what only looks odd is a warning.
Cost: one pass over the weights and five forwards over a short prompt, once a model; a rendering for each question.
"""

import logging
import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

import torch
from torch import nn

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.prompt_check import altered, lost_in_prompt
from mechcot.model.reasoner import Reasoner

_log = logging.getLogger(__name__)

_CLOSE = {"float32": 1e-4, "bfloat16": 0.05}
"""Largest difference, relative to the largest state, by precision."""
_SPELLED = 8
"""Prompts whose tokens are decoded again."""
_TRIED_TOKENS = 64
"""Tokens of a prompt on which states are tried."""
_REWRITES = "its tokenizer changes capitals, accents or forms of letters"
LONG = Problem(
    id="long",
    question=(
        'A baker writes "3/4 of a loaf & more" on a <b>board</b>, then asks:\n\n'
        + " ".join(
            f"On day {day} he sells {day + 3} loaves at 2.{day} each;" for day in range(1, 40)
        )
        + "\n\nHow many loaves are there in all? Give $\\frac{a}{b}$ if it is no whole number."
    ),
    answer="897",
)
"""A question that a template would cut, escape or squeeze, if it does so with any."""

CheckState = Literal["ok", "odd", "wrong"]


@dataclass(frozen=True)
class CheckResult:
    """Result of one check.

    Attributes:
        state: `ok`; `odd`, which is said and does no harm; `wrong`, with which nothing can be measured.
        text: What was found and, when it is not `ok`, what to do.
    """

    state: CheckState
    text: str


def preflight(reader: Reasoner, problems: Sequence[Problem]) -> None:
    """Check a model on what it will be asked, before anything is written.

    Raises:
        UserError: Something is wrong: which, and what to do.
    """
    results = [weights(reader)]
    if results[0].state != "wrong":
        results += [
            prompts(reader, problems),
            spelling(reader, problems),
            *_tried(reader, problems),
        ]
    for result in results:
        if result.state == "wrong":
            again = shlex.join(["mechcot", "doctor", reader.spec.text or reader.name])
            raise UserError(f"{reader.name}: {result.text}. `{again}` checks it again.")
        if result.state == "odd":
            _log.warning("%s: %s", reader.name, result.text)


def rendered(reader: Reasoner, traces: Sequence[Trace]) -> list[Problem]:
    """The problems of traces whose prompt is this reader's own rendering, each once."""
    problems: dict[str, Problem] = {}
    for trace in traces:
        problem = trace.problem
        if problem.question.strip() and trace.prompt.startswith(reader.render(problem)):
            problems.setdefault(problem.id, problem)
    return list(problems.values())


# --- weights and states ---------------------------------------------------------------------------

_TRIED: WeakKeyDictionary[nn.Module, list[CheckResult]] = WeakKeyDictionary()


def weights(reader: Reasoner) -> CheckResult:
    """Return whether every weight is a finite number."""
    named = [(n, w) for n, w in reader.model.named_parameters() if not w.is_meta]
    suspect = [(n, w) for n, w in named if not bool(w.sum(dtype=torch.float32).isfinite())]
    spoilt = [name for name, weight in suspect if not bool(weight.isfinite().all())]
    rows, head = (
        part().weight
        for part in (reader.model.get_input_embeddings, reader.model.get_output_embeddings)
    )
    only_rows = all(weight is rows for name, weight in named if name in spoilt)
    if spoilt and only_rows and rows is not head:
        count = int((~rows.isfinite().all(-1)).sum())
        text = f"{count_of(count, 'row')} of {spoilt[0]} are not finite: texts with these tokens are left out"
        return CheckResult("odd", text)
    if spoilt:
        text = f"{len(spoilt)} weights are not finite (NaN or infinite), the first is {spoilt[0]}; copy the checkpoint again"
        return CheckResult("wrong", text)
    return CheckResult("ok", f"{sum(w.numel() for w in reader.model.parameters()):,} parameters")


def _tried(reader: Reasoner, problems: Sequence[Problem]) -> list[CheckResult]:
    """The checks of states, once a model."""
    asked = [problem for problem in problems if problem.question.strip()]
    if reader.model not in _TRIED and asked:
        ids = reader.encode(reader.render(asked[0]))[-_TRIED_TOKENS:]
        try:
            _TRIED[reader.model] = [identity(reader, ids), causality(reader, ids)]
        except NotMeasurable as reason:
            _log.info("%s: states were not tried: %s", reader.name, reason)
    return _TRIED.get(reader.model, [])


def bound(reader: Reasoner) -> float:
    """The largest relative difference between equal states, in the model's precision."""
    return _CLOSE.get(str(reader.dtype).removeprefix("torch."), max(_CLOSE.values()))


def middle(reader: Reasoner) -> int:
    """The layer in the middle."""
    return backbone_of(reader.model).n_layers // 2


def identity(reader: Reasoner, ids: Sequence[int]) -> CheckResult:
    """Return whether states that are written back where they came from change nothing."""
    from mechcot.model.internals.sites import Site
    from mechcot.model.interventions import Intervention, Replace

    parts = backbone_of(reader.model)
    if not parts.streams:
        return CheckResult(
            "odd", f"{parts.no_streams}: steering, patching and lenses are not measurable"
        )
    site = Site("resid_pre", middle(reader))
    at = tuple(range(len(ids) // 2, len(ids)))
    own = reader.states(ids, [site])[site][list(at)]
    patch = Intervention(site=site, at=at, edit=Replace(own))
    moved = (reader.prefix(ids, under=[patch]).hidden - reader.prefix(ids).hidden).abs().max()
    text = f"own states written back at {site.name}: {float(moved):.1e}, wanted 0"
    if float(moved) == 0.0:
        return CheckResult("ok", text)
    return CheckResult(
        "odd" if float(moved) <= bound(reader) * float(own.abs().max()) else "wrong", text
    )


def causality(reader: Reasoner, ids: Sequence[int]) -> CheckResult:
    """Return whether another last token moves its own state and no earlier one; odd in a family that is known to look ahead."""
    other = [*ids[:-1], (ids[-1] + 1) % reader.n_vocabulary]
    here, there = reader.prefix(ids).hidden, reader.prefix(other).hidden
    past = float((here[:-1] - there[:-1]).abs().max() / here.abs().max())
    now = float((here[-1] - there[-1]).abs().max() / here.abs().max())
    text = f"another last token moves earlier states by {past:.1e} and its own by {now:.1e}"
    if past <= bound(reader) < now:
        return CheckResult("ok", text)
    return CheckResult("wrong" if backbone_of(reader.model).causal else "odd", text)


# --- prompts --------------------------------------------------------------------------------------


def prompts(reader: Reasoner, problems: Sequence[Problem]) -> CheckResult:
    """Return whether rendered prompts hold their questions: whole, as they were asked, once."""
    asked = [problem for problem in problems if problem.question.strip()]
    lost = [(p, loss) for p in asked if (loss := lost_in_prompt(p, reader.render(p)))]
    repair = "repair the chat template, or remove it to use the plain one"
    if lost:
        problem, loss = lost[0]
        some = (
            ""
            if len(lost) == len(asked)
            else f" for {len(lost)} of {count_of(len(asked), 'question')}"
        )
        text = f"the template drops or changes the question{some}: of {problem.question[:40]!r} {loss}; {repair}"
        return CheckResult("wrong" if 2 * len(lost) > len(asked) else "odd", text)
    odd = [loss for problem in asked if (loss := altered(problem, reader.render(problem)))]
    if odd:
        return CheckResult("odd", f"{odd[0]}; measured as it is, else {repair}")
    return CheckResult("ok", "the prompts hold their questions")


def spelling(reader: Reasoner, problems: Sequence[Problem]) -> CheckResult:
    """Return whether the tokenizer gives prompts and the cue back, white space aside."""
    asked = [problem for problem in problems if problem.question.strip()][:_SPELLED]
    texts = [f"{reader.render(problem)}{reader.cue.text}" for problem in asked]
    lost = [at for at, text in enumerate(texts) if not _spells(reader, text)]
    if not lost:
        return CheckResult("ok", "ids spell the text")
    first = texts[lost[0]]
    why = _respell(reader, [asked[at].question for at in lost])
    text = f"ids do not spell the text: {_start(first, _back(reader, first))}; {why}"
    return CheckResult("wrong" if 2 * len(lost) > len(texts) else "odd", text)


def _respell(reader: Reasoner, questions: Sequence[str]) -> str:
    """Where a text comes from that the tokenizer cannot spell: an option of the user's, the questions, else the files."""
    asking = reader.policy.asking
    options = (("--cue", asking.cue), ("--instruction", asking.instruction))
    for option, text in options:
        if text and not _spells(reader, text):
            if _rewrites(reader, text):
                return f"{_REWRITES} of {option}: give {_back(reader, text)!r}"
            return f"the text of {option} has words that its tokenizer lacks; leave {option} out, or give words that it has"
    lost = [question for question in questions if not _spells(reader, question)]
    files = "check which tokenizer class the files are loaded as"
    if lost and all(_rewrites(reader, question) for question in lost):
        return f"{_REWRITES} of the questions: give problems as they come back, or {files}"
    if lost:
        return f"the questions have words that its tokenizer lacks: give problems in words that it has, or {files}"
    return files


def _rewrites(reader: Reasoner, text: str) -> bool:
    """Return whether a text comes back with other letters of the same kind: small ones, without accents, of one width."""
    return _folded(_back(reader, text)) == _folded(text)


def _folded(text: str) -> str:
    """A text without case, accents, forms of one letter and white space."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not (c.isspace() or unicodedata.combining(c)))


def _spells(reader: Reasoner, text: str) -> bool:
    """Return whether a text comes back from its tokens, white space aside."""
    return "".join(_back(reader, text).split()) == "".join(text.split())


def _back(reader: Reasoner, text: str) -> str:
    """A text behind its tokens; "" where the vocabulary cannot hold it."""
    try:
        return reader.decode(reader.encode(text))
    except NotMeasurable:
        return ""


def _start(text: str, other: str) -> str:
    """The place where two texts begin to differ, in words."""
    at = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), len(other))
    return f"{text[at : at + 24]!r} comes back as {other[at : at + 24]!r}"
