"""Check an installation, and whether a model can be measured: one line each, right or wrong.

files       the shipped models are there
load        the checkpoint opens and its values are finite
identity    states written back where they came from change nothing: exactly 0
causality   another last token moves no earlier state (states at earlier positions, relative)
paths       ours and Hugging Face's own states and log-probabilities are the same (relative to the largest)
lens        what TransformerLens gives beside them (told; no fault of the model's)
masks       steps can be hidden: what hidden tokens say reaches no later state
forks       many branches in one packed pass, or one run for each (slower)
writing     on the model's own cache or without, in which batches
prompt      the rendered prompt holds the question, by which template, and which marks stand around a thought
answer      an answer in words of the model's vocabulary, written behind the cue, is read back
tokenizer   ids -> text -> ids gives the ids, for a text in words that the vocabulary has
adapter     which base an adapter names, and which it was given
"""

import platform
import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Completion, Problem
from mechcot.model.loading.options import DEFAULTS, LoadOptions

if TYPE_CHECKING:
    from torch import Tensor

    from mechcot.model.loading.preflight import CheckResult
    from mechcot.model.reasoner import Reasoner

_PACKAGES = ("mechcot", "torch", "transformers", "transformer-lens", "sae-lens", "plotly")
OTHER = 0.1
"""TransformerLens in bfloat16 rounds at other places."""


@dataclass(frozen=True)
class DoctorLine:
    """One check.

    Attributes:
        name: What was checked.
        ok: Whether it holds.
        text: What was found and, when it does not hold, what to do.
        odd: Whether it holds, but not as it usually does: a run says so and goes on.
    """

    name: str
    ok: bool
    text: str
    odd: bool = False

    def __str__(self) -> str:
        word = ("odd" if self.odd else "ok ") if self.ok else "NOT"
        return f"{word}  {self.name:10}  {self.text}"


def installation() -> Iterator[DoctorLine]:
    """Packages and shipped models. No model is loaded."""
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield DoctorLine("packages", ok=False, text=f"{name} is missing: pip install {name}")
    yield DoctorLine(
        "packages", ok=True, text=f"python {platform.python_version()}, {', '.join(found)}"
    )
    from mechcot.model.loading.spec import holds_model, organism_folders

    for name in ("base", "bypass", "control"):
        here = any(holds_model(folder / name) for folder in organism_folders())
        what = "shipped model is here" if here else f"missing: mechcot organism train {name}"
        yield DoctorLine("files", ok=here, text=f"organism:{name}, {what}")


def model(name: str, loading: LoadOptions = DEFAULTS) -> Iterator[DoctorLine]:
    """Check one model.

    Args:
        name: Spec as on the command line.
        loading: Where it runs, and how it is asked.
    """
    from mechcot.model.reasoner import Reasoner

    try:
        reader = Reasoner.open(name, loading)
    except UserError as error:
        yield DoctorLine("load", ok=False, text=str(error))
        return
    yield from checks(reader)


def model_lines(name: str, loading: LoadOptions = DEFAULTS) -> list[DoctorLine]:
    """Check one model, as `model`; all its lines together, as another process gives them."""
    return list(model(name, loading))


def checks(reader: "Reasoner", *, but: Collection[str] = ()) -> Iterator[DoctorLine]:
    """Check a loaded model; a check that breaks is a line, not a crash.

    Args:
        reader: The model.
        but: Names of checks that are left out (`lens` imports TransformerLens, about 10 s).
    """
    from mechcot.model.loading.preflight import weights

    found = weights(reader)
    if found.state == "ok":
        found = replace(found, text=f"{found.text}, {reader.dtype}, {reader.device}")
    yield _line("load", replace(found, text=f"{reader.name}: {found.text}".replace("torch.", "")))
    if found.state == "wrong":
        return
    for name, check in CHECKS.items():
        if name in but:
            continue
        try:
            yield _line(name, check(reader))
        except (UserError, NotMeasurable) as error:
            yield DoctorLine(name, ok=False, text=str(error))
    yield from _made_for(reader)


def _line(name: str, found: "CheckResult | tuple[bool, str]") -> DoctorLine:
    if isinstance(found, tuple):
        return DoctorLine(name, ok=found[0], text=found[1])
    return DoctorLine(name, ok=found.state != "wrong", text=found.text, odd=found.state == "odd")


def _made_for(reader: "Reasoner") -> Iterator[DoctorLine]:
    """Return which base an adapter says it was trained on: names differ between machines, so the user must judge."""
    from mechcot.model.loading.adapters import made_for

    if reader.spec.adapter is not None:
        base = made_for(reader.spec.adapter)
        text = f"the adapter says that it was trained on {base}; here it sits on {reader.spec.base}; {_rendered_by(reader)}"
        yield DoctorLine("adapter", ok=True, text=text)


def _rendered_by(reader: "Reasoner") -> str:
    """Return whose tokenizer and chat template a model with an adapter uses."""
    from mechcot.model.loading.spec import text_folder
    from mechcot.model.loading.weights import own_template

    beside = text_folder(reader.spec)
    if beside is None:
        return "tokenizer and template are the base's"
    if own_template(beside) or not reader.tokenizer.chat_template:
        return "tokenizer and template are those beside the adapter"
    return "the tokenizer is the one beside the adapter, the template the base's"


def _problem(reader: "Reasoner") -> Problem:
    if reader.policy.step_end:
        return _of_the_shipped_task()
    from mechcot.model.internals.sample_texts import spelled

    question = spelled(reader.tokenizer, "Tom has 3 apples and buys 4 more. How many?", words=8)
    return Problem(id="doctor", question=question, answer=spelled(reader.tokenizer, "7", words=2))


@cache
def _of_the_shipped_task() -> Problem:
    """A question that the shipped models understand."""
    from mechcot.tasks import problems

    return problems("mod10", 1)[0]


def _ids(reader: "Reasoner") -> list[int]:
    return reader.encode(reader.render(_problem(reader)))


def _bound(reader: "Reasoner") -> float:
    from mechcot.model.loading.preflight import bound

    return bound(reader)


def _middle(reader: "Reasoner") -> int:
    from mechcot.model.loading.preflight import middle

    return middle(reader)


def _identity(reader: "Reasoner") -> "CheckResult":
    from mechcot.model.loading.preflight import identity

    return identity(reader, _ids(reader))


def _causality(reader: "Reasoner") -> "CheckResult":
    from mechcot.model.loading.preflight import causality

    return causality(reader, _ids(reader))


def _paths(reader: "Reasoner") -> tuple[bool, str]:
    import torch

    from mechcot.model.internals.sites import Site

    ids = _ids(reader)
    batch = torch.tensor([ids], device=reader.device)
    with torch.inference_mode():
        out = reader.model(
            input_ids=batch,
            attention_mask=torch.ones_like(batch),
            output_hidden_states=True,
            use_cache=False,
        )
    prefix = reader.prefix(ids)
    far = _far(
        prefix.unembed(prefix.hidden),
        torch.log_softmax(out.logits[0].float() * reader.logit_scale, -1),
    )
    what = "log-probabilities"
    site = Site("resid_post", max(_middle(reader) - 1, 0))
    states = after_blocks(reader, ids, getattr(out, "hidden_states", None) or ())
    if site.layer < len(states):
        far = max(far, _far(reader.states(ids, [site])[site], states[site.layer]))
        what += f" and states at {site.name}"
    bound = _bound(reader)
    return far <= bound, f"{what} against Hugging Face's own: {far:.1e} (bound {bound:g})"


def after_blocks(
    reader: "Reasoner", ids: Sequence[int], hidden_states: Sequence["Tensor"]
) -> Sequence["Tensor"]:
    """Hugging Face's states after each block but the last; none where the family gives others.

    Most families give the embedding first, Mamba begins after the first block.

    Args:
        reader: The model.
        ids: What was run.
        hidden_states: What it gave.
    """
    from mechcot.model.internals.self_test import backbone_of
    from mechcot.model.internals.sites import Site

    parts = backbone_of(reader.model)
    if len(hidden_states) != parts.n_layers + 1 or not parts.streams:
        return ()
    first = Site("resid_pre", 0)
    embedded = _far(reader.states(ids, [first])[first], hidden_states[0][0]) <= _bound(reader)
    return [states[0] for states in hidden_states[1 if embedded else 0 :][: parts.n_layers - 1]]


def _far(ours: "Tensor", theirs: "Tensor") -> float:
    difference = (ours.float() - theirs.to(ours.device).float()).abs().max()
    return float(difference / theirs.float().abs().max())


def _lens(reader: "Reasoner") -> tuple[bool, str]:
    """TransformerLens beside ours: told, and no fault of the model's when it differs or cannot open it."""
    import torch

    from mechcot.model.internals.sites import Site

    ids = _ids(reader)
    site = Site("resid_post", max(_middle(reader) - 1, 0))
    only = "only head-level exploration needs TransformerLens"
    try:
        lens = reader.lens
        with torch.inference_mode():
            theirs = lens.run_with_cache(torch.tensor([ids], device=reader.device))[1][site.name][0]
    except Exception as error:  # noqa: BLE001 - whatever another library cannot open is told, not a fault here
        first = next(iter(str(error).splitlines()), "") or type(error).__name__
        return True, f"TransformerLens cannot open this family ({first}); {only}"
    ours = reader.states(ids, [site])[site]
    far = _far(ours, theirs)
    bound = max(_bound(reader), OTHER) if reader.dtype != torch.float32 else _bound(reader)
    if far <= bound:
        return True, f"TransformerLens at {site.name}: {far:.1e} (bound {bound:g})"
    return True, (
        f"TransformerLens differs at {site.name} by {far:.1e} (bound {bound:g}) from states that equal Hugging Face's; "
        f"do not trust its heads here, {only}"
    )


def _masks(reader: "Reasoner") -> tuple[bool, str]:
    from mechcot.model.internals.self_test import backbone_of
    from mechcot.model.internals.self_test_trials import LENGTH

    parts = backbone_of(reader.model)
    if not parts.maskable:
        return False, (
            f"steps cannot be hidden: {parts.leak}; suppression, information flow and masked pruning are not measurable, "
            "what needs no mask is"
        )
    return (
        True,
        f"steps can be hidden: other hidden tokens move no later state ({LENGTH} tokens tried)",
    )


def _forks(reader: "Reasoner") -> tuple[bool, str]:
    from mechcot.model.internals.self_test import backbone_of

    parts = backbone_of(reader.model)
    way = (
        "packed in one pass on a cropped cache" if parts.forkable else "one run per branch (slower)"
    )
    if parts.switch < parts.context:
        way += f"; all positions turn otherwise from {parts.switch + 1} tokens on, so a branch that crosses is run whole"
    return True, way


def _writing(reader: "Reasoner") -> tuple[bool, str]:
    from mechcot.model.internals.self_test import backbone_of

    writes = backbone_of(reader.model).writes
    way = (
        "on the model's own cache"
        if writes.cached
        else "without a cache, each token a run of the whole text (slow)"
    )
    rows = {
        "padded": "in padded batches",
        "equal": "in batches of equal length (a padded row is not as if alone)",
        "alone": "one text at a time (rows of a batch are not as if alone)",
    }[writes.batch]
    return True, f"{way}, {rows}; equal to plain runs"


def _prompt(reader: "Reasoner") -> "CheckResult":
    from mechcot.model.loading.preflight import LONG, prompts
    from mechcot.model.plain_prompt import INSTRUCTION_SHAPE

    found = prompts(reader, [_problem(reader), LONG])
    policy = " ".join(reader.policy.describe().split())
    if reader.policy.frame is not None and reader.policy.asking.instruction is None:
        name = reader.spec.text or reader.name
        command = shlex.join(["mechcot", "doctor", name, "--instruction", INSTRUCTION_SHAPE])
        policy += f" Where it was trained on another prompt: {command}"
    return replace(found, text=policy if found.state == "ok" else f"{found.text}. {policy}")


def _answer(reader: "Reasoner") -> tuple[bool, str]:
    from mechcot.model.generation.ask_answer import read_continuation

    problem, cue = _problem(reader), reader.cue
    spaced = bool(reader.policy.step_end)
    answer = "7" if spaced else problem.answer
    chain = " so 7 ." if spaced else f" {problem.question}"
    text = f"{chain}{cue.text}{cue.lead}{answer}{cue.end}"
    completion = Completion(problem, reader.render(problem), text, reader.name)
    written = reader.read(completion).answer.text
    asked = read_continuation(reader, reader.answer_ids(answer))[1].text
    told = f"an answer {answer!r} put behind {cue.text!r} is read as {asked!r}"
    if asked != answer:
        return False, f"{told}; give the text that asks for an answer with --cue TEXT"
    if written != answer:
        return (
            False,
            f"{told}, but {written!r} in a written text; say what stands before an answer with --answer-after TEXT",
        )
    return True, told


def _tokenizer(reader: "Reasoner") -> "CheckResult":
    from mechcot.model.loading.preflight import CheckResult, spelling

    found = spelling(reader, [_problem(reader)])
    if found.state != "ok":
        return found
    from mechcot.model.internals.sample_texts import knows

    question = _problem(reader).question
    prompt = reader.render(_problem(reader))
    if not knows(reader.tokenizer, prompt):  # words of the template that the vocabulary lacks
        prompt = question
    ids = reader.encode(prompt)
    back = reader.decode(ids)
    same_text, same_ids = back == prompt, reader.encode(back) == ids
    what = (
        "the text and the ids" if same_text else "the ids, not the text" if same_ids else "neither"
    )
    tried = prompt if len(prompt) <= 48 else f"{prompt[:24]}...{prompt[-24:]}"
    said = f"{len(ids)} ids -> text -> ids gives back {what}, tried on {tried!r}"
    return CheckResult("ok" if same_ids else "wrong", said)


CHECKS: dict[str, Callable[["Reasoner"], "CheckResult | tuple[bool, str]"]] = {
    "identity": _identity,
    "causality": _causality,
    "masks": _masks,
    "forks": _forks,
    "writing": _writing,
    "prompt": _prompt,
    "answer": _answer,
    "tokenizer": _tokenizer,
    "paths": _paths,
    "lens": _lens,
}
