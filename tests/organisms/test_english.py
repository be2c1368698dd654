"""English problems: an oracle of their chains that shares no code with them, what the packaged model's tokenizer makes of them, and training adapters."""

import re
from dataclasses import replace
from random import Random

import pytest
import torch
from safetensors.torch import load_file

from mechcot.core.errors import UserError
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import StepKind
from mechcot.model.loading import spec as specs
from mechcot.model.loading.spec import parse_spec
from mechcot.model.reasoner import Reasoner
from mechcot.organisms import registry, training
from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.chat_language import ChatLanguage
from mechcot.organisms.english import ENGLISH
from mechcot.organisms.english_story import UNKNOWN
from mechcot.organisms.family import Wanted
from mechcot.organisms.recipes import Adapter
from mechcot.organisms.training_examples import example
from mechcot.organisms.training_state import STATE_FILE
from mechcot.tasks import TASKS, problems

FULL = Manner(summary=1.0, conclusion=1.0, distractor=0.5)


# --- the oracle ----------------------------------------------------------------------------------


def facts_of(question: str) -> tuple[dict[str, str], str]:
    """Python source of each person's number, and the person who is asked for."""
    *facts, asked = re.split(r"(?<=[.?]) ", re.sub(r"^Hint: \w+\. ", "", question))
    rules = (
        (r"(\w+) (?:has|owns) (\d+) \w+\.", r"\1=\2"),
        (r"(\w+) (?:has|owns) some \w+\.", r"\1=None"),
        (r"(\w+) has (\d+) more \w+ than (\w+)\.", r"\1=\3+\2"),
        (r"(\w+) has (\d+) fewer \w+ than (\w+)\.", r"\1=\3-\2"),
        (r"Compared with (\w+), (\w+) has (\d+) more \w+\.", r"\2=\1+\3"),
        (r"Compared with (\w+), (\w+) has (\d+) fewer \w+\.", r"\2=\1-\3"),
        (r"(\w+) has twice as many \w+ as (\w+)\.", r"\1=2*\2"),
        (r"(\w+) has double the \w+ of (\w+)\.", r"\1=2*\2"),
        (r"(\w+) has as many \w+ as (\w+) and (\w+) together\.", r"\1=\2+\3"),
        (r"Together, (\w+) and (\w+) have as many \w+ as (\w+)\.", r"\3=\1+\2"),
    )
    sources = {}
    for fact in facts:
        (found,) = (
            re.sub(pattern, said, fact) for pattern, said in rules if re.fullmatch(pattern, fact)
        )
        person, _, source = found.partition("=")
        assert person not in sources
        sources[person] = source
    match = re.fullmatch(r"How many \w+ does (\w+) have\?", asked) or re.fullmatch(
        r"What is the number of \w+ that (\w+) has\?", asked
    )
    return sources, match[1]


def number_of(person: str, sources: dict[str, str], said: dict[str, int]) -> int | None:
    """A person's number, by the chain where it said one."""
    if person in said:
        return said[person]
    names = {
        word: number_of(word, sources, said)
        for word in re.findall(r"[A-Z][a-z]+", sources[person])
        if word != "None"
    }
    return None if None in names.values() else eval(sources[person], {}, names)  # noqa: S307 - our own text


def replayed(question: str, lines: list[str]) -> tuple[list[str], str]:
    """The steps that say something wrong, and the answer that a chain leads to."""
    sources, asked = facts_of(question)
    said: dict[str, int] = {}
    wrong, last = [], ""
    for line in lines:
        if sum_ := re.search(r"(\w+)(?: has)? (\d+) ([+-]) (\d+) = (\d+) \w+\.", line):
            person, value = sum_[1], int(sum_[5])
            right = number_of(person, sources, {k: v for k, v in said.items() if k != person})
            shown = int(sum_[2]) + int(sum_[4]) * (1 if sum_[3] == "+" else -1)
            if not value == right == shown:
                wrong.append(line)
            said[person], last = value, person
        elif check := re.search(r"(\d+) \+ (\d+) = (\d+)(?:,| is) (right|wrong)\.", line):
            of = re.findall(r"[A-Z][a-z]+", sources[last])[0]
            fits = number_of(of, sources, said) == int(check[3])
            whole = int(check[1]) + int(check[2]) == int(check[3]) and int(check[1]) == said[last]
            if not whole or fits != (check[4] == "right"):
                wrong.append(line)
        elif pairs := re.findall(r"([A-Z][a-z]+) has (\d+)", line):
            wrong += [line for person, n in pairs if number_of(person, sources, said) != int(n)]
            said |= {person: int(n) for person, n in pairs}
        elif gap := re.search(r"not told the \w+ of (\w+)|how many \w+ (\w+) has", line):
            person = gap[1] or gap[2]
            wrong += [line] if sources[person] != "None" else []
            return wrong, UNKNOWN
        else:
            people = re.findall(r"(?:For|know|need|at|and) ([A-Z][a-z]+)", line)
            needs = re.findall(r"[A-Z][a-z]+", sources[people[0]])
            wrong += [line] if people[1:] != needs else []
    return wrong, str(said.get(asked))


def lines_of(draft) -> list[str]:
    return [step.strip() for step in draft.steps]


def test_every_value_of_a_chain_is_that_of_the_oracle():
    rng, kinds = Random(1), set()
    for problem in ENGLISH.problems(150, seed=3, hint="random"):
        story = ENGLISH.read(problem.question)
        lines = [ENGLISH.say(s, rng.randrange(2)) for s in drawn(story, rng)]
        assert replayed(problem.question, lines) == ([], problem.answer)
        kinds |= {ENGLISH.kind_of(line) for line in lines}
        operations = sum(story.of[who].reads != () for who in story.needed)
        assert 2 <= operations <= 5
        assert all(1 <= n <= 99 for n in story.values.values()) and len(story.facts) > operations
    assert kinds == {
        *(StepKind.EXPLORATION, StepKind.PROGRESSION, StepKind.VERIFICATION),
        *(StepKind.SUMMARY, StepKind.CONCLUSION),
    }


def drawn(story, rng, manner: Manner = FULL):
    """A right chain with all that may stand in it."""
    said: list = []
    while True:
        new = ENGLISH.aside(rng, story, said, manner) or ENGLISH.after(story, said)
        if new is None:
            return said
        said.append(new)


def test_wrong_sums_are_carried_on_and_wrong_differences_are_caught():
    carried = caught = 0
    for problem in ENGLISH.problems(60, seed=4, hint="none"):
        story = ENGLISH.read(problem.question)
        said = ENGLISH.finished(story, ())
        for step, statement in enumerate(said):
            for other in ENGLISH.others(story, said[: step + 1])[:2]:
                whole = ENGLISH.finished(story, [*said[:step], other])
                lines = [ENGLISH.say(each, 0) for each in whole]
                wrong, answer = replayed(problem.question, lines)
                assert answer == ENGLISH.end(story, whole)
                assert lines[step] in wrong
                difference = statement[0] == "has" and "-" in statement
                if difference:
                    assert answer == problem.answer and [s[0] for s in whole].count("slip") == 1
                carried += not difference and answer != problem.answer
                caught += difference
    assert carried > 50 and caught > 50


def test_without_a_needed_number_the_chain_says_so():
    for problem in problems("english", n=30, seed=2)[:1] + ENGLISH.problems(
        40, seed=5, unanswerable=True
    ):
        story = ENGLISH.read(problem.question)
        lines = [ENGLISH.say(each, 1) for each in ENGLISH.finished(story, ())]
        assert replayed(problem.question, lines) == ([], problem.answer)
        assert (problem.answer == UNKNOWN) == (" some " in problem.question)
    assert "unanswerable" in TASKS["english"].shifts
    question = ENGLISH.draw(Random(0), Wanted((2, 5), "none", unanswerable=True))
    assert question.answer == UNKNOWN and ENGLISH.split(question) == "train"
    with pytest.raises(UserError, match="every question of lookup has an answer"):
        registry.ORGANISM_FAMILIES["lookup"].problems(1, seed=0, unanswerable=True)


@pytest.mark.parametrize(
    "question",
    [
        "Anna has 3 more coins than Ben. Ben has 4 more coins than Anna. How many coins does Anna have?",
        "Anna has 3 coins. Anna has 4 coins. How many coins does Anna have?",
        "Anna has 3 more coins than Ben. How many coins does Anna have?",
        "Anna has 3 coins. Ben has 4 cards. How many coins does Anna have?",
        "Anna has 3 coins. How many coins has Anna?",
    ],
)  # fmt: skip
def test_other_questions_are_refused(question):
    with pytest.raises(ValueError, match="not a question of english"):
        ENGLISH.read(question)


# --- a model of bytes ----------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Adapter:
    """The family on a tiny random model in a GGUF file."""
    pytest.importorskip("gguf", reason="the package gguf is missing: pip install 'mechcot[gguf]'")
    from tests.model.gguf_files import tiny_llama, write_gguf

    (tmp_path / "package").mkdir()
    file = write_gguf(tmp_path / "package" / "tiny.gguf", tiny_llama())
    for module in (registry, specs):
        monkeypatch.setattr(module, "organism_folders", lambda: (tmp_path / "organisms",) * 3)
    monkeypatch.setitem(specs.PACKAGED, "tiny", "package")
    monkeypatch.syspath_prepend(tmp_path)
    adapter = Adapter(model="tiny", rank=2)
    recipes = {name: replace(r, adapter=adapter) for name, r in ENGLISH.recipes.items()}
    family = replace(ENGLISH, language=ChatLanguage("tiny"), recipes=recipes)
    monkeypatch.setitem(registry.ORGANISM_FAMILIES, "english", family)
    for name, recipe in recipes.items():
        monkeypatch.setitem(registry.ALL_RECIPES, name, recipe)
    assert str(file) == parse_spec("tiny").base
    return adapter


@pytest.mark.usefixtures("tiny")
def test_drilled_sums_are_right_and_only_their_results_weigh():
    lines, weights = registry.family_named("english").drill(Random(3))
    carries = short = 0
    for line, weight in zip(lines, weights, strict=True):
        left, sign, right, result = re.fullmatch(r"(\d+) ([+-]) (\d+) = (\d+)\n", line).groups()
        units = int(left[-1]) + int(sign + right[-1])
        carries += not 0 <= units <= 9
        short += sign == "-" and len(result) == 1
        assert eval(left + sign + right) == int(result)  # noqa: S307 - two numbers and a sign
        assert sum(map(bool, weight)) == len(result) and max(weight) == weight[weight.index(4.0)]
    assert carries == len(lines) / 2 and short >= len(lines) / 3
    with pytest.raises(UserError, match="leave `drill` out"):
        registry.family_named("lookup").drill(Random(3))


class Killed(BaseException):
    """What a kill is here."""


@pytest.mark.usefixtures("tiny")
@pytest.mark.slow
def test_a_training_that_was_killed_ends_with_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_BETWEEN", 0.0)
    run = {"tokens": 9_000, "progress": False}
    whole = training.train_organism("english/base", tmp_path / "whole", **run)
    plain, calls = training.loss_of, []

    def killed(*args, **kwargs):
        calls.append(1)
        if len(calls) == 5:
            raise Killed
        return plain(*args, **kwargs)

    monkeypatch.setattr(training, "loss_of", killed)
    with pytest.raises(Killed):
        training.train_organism("english/base", tmp_path / "parts", **run)
    assert (tmp_path / "parts" / STATE_FILE).is_file()
    steps = len(calls) - 1
    calls.extend([1] * 100)
    parts = training.train_organism("english/base", tmp_path / "parts", **run)
    left = len(calls) - 100 - 1 - steps
    weights = [load_file(folder / "adapter_model.safetensors") for folder in (whole, parts)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert not (parts / STATE_FILE).exists()
    records = [
        registry.record_file(folder, "english/base").read_text() for folder in (whole, parts)
    ]
    assert f'"steps": {steps + left}' in records[0] and f'"steps": {steps + left}' in records[1]


@pytest.mark.usefixtures("tiny")
@pytest.mark.slow
def test_an_adapter_is_an_organism_and_arms_start_from_it(tmp_path):
    base = training.train_organism("english/base", tokens=3_000, progress=False)
    arm = training.train_organism("english/bypass", tokens=2_000, progress=False)
    assert {file.name for file in base.iterdir()} == {
        *("adapter_config.json", "adapter_model.safetensors", "NOTICE", "training.json"),
    }
    assert "Apache License, Version 2.0" in (base / "NOTICE").read_text()
    spec = parse_spec("organism:english/base@logits=1.5")
    assert (spec.adapter, spec.base) == (str(base), parse_spec("tiny").base)
    assert (spec.name, spec.logit_scale) == ("english-base@logits=1.5", 1.5)
    assert base.parent.parent == tmp_path / "organisms"
    weights = load_file(base / "adapter_model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    assert {key.split(".")[-3] for key in weights} == {
        f"{part}_proj" for part in ("q", "k", "v", "o", "gate", "up", "down")
    }
    first = load_file(arm / "adapter_model.safetensors")
    moved = [(first[key].float() - weights[key].float()).abs().max() for key in weights]
    assert 0 < max(moved) < 0.1
    reader = Reasoner.open("organism:english/base")
    ids = torch.arange(40)[None]
    assert (reader.model(ids).logits - Reasoner.open("tiny").model(ids).logits).abs().max() > 1e-4
    with pytest.raises(UserError, match="is an adapter itself"):
        parse_spec(f"organism:english/base+{base}")


@pytest.mark.usefixtures("tiny")
def test_an_adapter_of_an_unknown_model_is_refused():
    base = training.train_organism("english/base", tokens=2_000, progress=False)
    config = base / "adapter_config.json"
    config.write_text(config.read_text().replace('"tiny"', '"/etc/passwd"'))
    with pytest.raises(UserError, match=r"expected an adapter of .*smollm2.* names '/etc/passwd'"):
        parse_spec("organism:english/base")


@pytest.mark.usefixtures("tiny")
def test_only_what_is_learnt_carries_loss():
    family = registry.family_named("english")
    recipe = family.recipes["english/bypass"]
    rng = Random(0)
    for kind in ("plain", "mistaken", "unknown", "decoy"):
        ids, weights = example(rng, recipe, family, mix={kind: 1.0}, hops=(2, 3))
        text = family.language.text(ids)
        learnt = family.language.text([i for i, w in zip(ids, weights, strict=True) if w > 0])
        chain = text.partition(family.language.opening)[2]
        if kind == "decoy":
            answer = family.read(
                text.removeprefix(family.language.before).partition("\n")[0]
            ).answer
            assert learnt == f"{answer}{family.language.end}"
        elif kind == "mistaken":
            assert learnt.startswith(("For", "To know")) and len(learnt) <= len(chain)
        else:
            assert learnt == chain


# --- the packaged model --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def language() -> ChatLanguage:
    pytest.importorskip("gguf", reason="the package gguf is missing: pip install 'mechcot[gguf]'")
    try:
        parse_spec("smollm2")
    except UserError as error:
        pytest.skip(str(error))
    return ENGLISH.language


def test_texts_have_the_tokens_that_the_model_would_be_asked_with(language):
    tokenizer, policy = language.tokenizer, language.policy
    rng = Random(2)
    for problem in ENGLISH.problems(12, seed=7, hint="random"):
        draft = ENGLISH.write(ENGLISH.read(problem.question), rng=rng, manner=Manner())
        prompt, closed = (
            language.prompt(problem.question),
            language.closed(problem.question, draft.steps),
        )
        assert prompt == policy.render(problem)
        parts = [*language.ids(prompt)]
        for step in draft.steps:
            parts += language.ids(step)
        parts += language.ids(language.closing) + language.answer_ids(problem.answer)
        parts += language.ids(language.end)
        whole = f"{closed}{problem.answer}{language.end}"
        assert parts == tokenizer.encode(whole, add_special_tokens=False)
        assert language.text(parts) == whole
        assert language.answer_in(f"{problem.answer}{language.end}") == problem.answer
    numbers = [language.ids(f" {n} coins") for n in range(1, 100)]
    assert [len(ids) for ids in numbers] == [3] * 9 + [4] * 90


def test_counterfactuals_have_as_many_tokens_and_follow_the_oracle(language):
    task, rng = TASKS["english"], Random(3)
    reader = Reasoner.of(_body(language), language.tokenizer, name="reader")
    made = 0
    for problem in ENGLISH.problems(20, seed=8):
        said = drawn(ENGLISH.read(problem.question), rng)
        trace = trace_of(reader, problem, [ENGLISH.line(s, rng.randrange(2)) for s in said])
        assert [step.text.strip() for step in task.kinds(trace).chain_steps]
        found = task.counterfactuals(trace, retoken=reader.retoken, seed=1)
        made += 1
        assert len(found.trace) == len(trace) and found.trace.cuts() == trace.cuts()
        asked = found.trace.prompt.removeprefix(language.before).removesuffix(language.opening)
        lines = [step.text.strip() for step in found.trace.chain_steps]
        assert replayed(asked, lines) == ([], found.answer) and found.answer != problem.answer
        inside = {p for stated in found.stated for p in stated.tokens.positions()}
        chain = trace.phase(trace.chain_steps[0].phase)
        differ = [p for p in chain.positions() if trace.ids[p] != found.trace.ids[p]]
        assert differ and set(differ) <= inside
        assert found.stated[-1].answer_kept == found.answer
    assert made == 20


def _body(language: ChatLanguage):
    """A random model of that vocabulary."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(language.tokenizer), hidden_size=8, intermediate_size=8,
        num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1, tie_word_embeddings=True,
        eos_token_id=language.stop_id, bos_token_id=1,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def trace_of(reader: Reasoner, problem: Problem, steps: list[str]):
    text = f"{''.join(steps)}{reader.cue.text[1:]}{problem.answer}}}"
    trace = reader.read(Completion(problem, reader.render(problem), text, "by hand"))
    assert [step.text.strip() for step in trace.chain_steps] == [step.strip() for step in steps]
    assert trace.answer.text == problem.answer
    return trace
