"""Soft tokens before the chain of a frozen base: identities, a slow oracle, training, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.pair import Pair
from mechcot.core.problem import Problem
from mechcot.finetune.lesson import Lesson, tokenized
from mechcot.finetune.material import MaterialSource
from mechcot.finetune.recipe import SoftRecipe
from mechcot.finetune.trainers import IGNORED, sft_rows
from mechcot.hybrid.run import check_same_words
from mechcot.hybrid.settings import HybridSettings
from mechcot.measures import cross_model_patching, model_difference
from mechcot.measures.inputs import Inputs
from mechcot.model.internals.sites import Site
from mechcot.model.loading.pairs import load_models
from mechcot.model.loading.spec import parse_spec
from mechcot.model.reasoner import Reasoner
from mechcot.model.soft.checkpoints import (
    assistant_named,
    first_map,
    placeholder_of,
    soft_tokens,
    write_soft,
)
from mechcot.model.soft.tokens import FIRST_SOFT, map_of, soft_of, softened
from tests.compare.tiny_models import byte_tokenizer
from tests.finetune.test_tune import DRAWN, kill_at, last, same, weights

QUESTIONS = ["What is 3 + 4?", "What is 3 + 5? Say it.", "Find 9."]
FORMS = ["spaced", "plain", "chat"]


def problems(reader):
    if reader.policy.family == "spaced":
        return [Problem(f"p{n}", f": c: {n} , d: c + 1 ; find d ?", str(n + 1)) for n in (2, 5, 7)]
    return [Problem(f"p{n}", text, "7") for n, text in enumerate(QUESTIONS)]


def soft_reader(base, *, places=3, assistant="base", seed=None, open_model=None):
    """A base with soft tokens: as training starts, or with a random map."""
    helper = assistant_named(base, assistant, open_model)
    soft = soft_tokens(base, helper, places, named=assistant)
    made = first_map(base, soft)
    if seed is not None:
        torch.manual_seed(seed)
        torch.nn.init.normal_(made.weight, std=0.3)
        torch.nn.init.normal_(made.bias)
    return softened(base, soft, made)


def logits(reader, ids, **kwargs):
    with torch.no_grad():
        return reader.model(torch.tensor([ids]), **kwargs).logits[0]


def slow(base, reader, ids):
    """One plain forward of the base over vectors that are put together by hand."""
    with torch.no_grad():
        soft = [place for place, token in enumerate(ids) if token >= FIRST_SOFT]
        rows = base.model.get_input_embeddings()(
            torch.tensor([t if t < FIRST_SOFT else 0 for t in ids])
        )
        seen = base.encode(reader.decode(ids[: soft[0]]))
        seen += [placeholder_of(base)] * len(soft)
        states = base.model(torch.tensor([seen]), output_hidden_states=True).hidden_states[-1][0]
        rows[soft] = map_of(reader.model)(states[-len(soft) :])
        return base.model(inputs_embeds=rows[None]).logits[0]


@pytest.mark.parametrize("form", FORMS)
def test_a_map_that_gives_the_placeholder_is_the_base_with_these_tokens(bases, form):
    base, problem = bases[form], problems(bases[form])[0]
    reader = soft_reader(base)
    ids = reader.encode(reader.render(problem))
    plain = base.encode(base.render(problem))
    assert ids[: len(plain)] == plain
    assert [token >= FIRST_SOFT for token in ids[len(plain) :]] == [True] * 3
    assert torch.equal(logits(reader, ids), logits(base, plain + [placeholder_of(base)] * 3))
    assert reader.decode(ids).split() == reader.render(problem).split()


@pytest.mark.parametrize("form", FORMS)
def test_the_fast_path_is_one_plain_forward(bases, form):
    base = bases[form]
    reader = soft_reader(base, seed=1)
    for problem in problems(base):
        ids = [*reader.encode(reader.render(problem)), *reader.continue_ids(" 3 + 4")]
        whole = slow(base, reader, ids)
        torch.testing.assert_close(logits(reader, ids), whole, atol=1e-5, rtol=1e-4)
        prefix = reader.prefix(ids)
        torch.testing.assert_close(
            prefix.unembed(prefix.hidden), torch.log_softmax(whole, -1), atol=1e-4, rtol=1e-4
        )
        inside = (
            next(n for n, token in enumerate(ids) if token >= FIRST_SOFT) + 1
        )  # a cut between two
        torch.testing.assert_close(
            prefix.rerun_from(inside)[0], prefix.hidden[inside:], atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize("form", FORMS)
def test_a_padded_batch_writes_what_each_writes_alone(bases, form):
    reader = soft_reader(bases[form], seed=2)
    asked = problems(reader)
    together = reader.write(asked, max_tokens=12)
    alone = [reader.write([problem], max_tokens=12)[0] for problem in asked]
    assert [t.ids for t in together] == [t.ids for t in alone]
    ids = list(together[0].ids)
    for at in range(together[0].prompt_length, len(ids)):  # greedy by the slow path
        assert int(slow(bases[form], reader, ids[:at])[-1].argmax()) == ids[at]


def test_soft_tokens_follow_the_question_and_nothing_else(bases):
    reader = soft_reader(bases["plain"], seed=3)
    one, other, _ = (
        [t for t in reader.encode(reader.render(p)) if t >= FIRST_SOFT] for p in problems(reader)
    )
    assert len({*one, *other}) == 6
    behind = reader.encode(reader.render(problems(reader)[0]) + " Well, 7.")
    assert [t for t in behind if t >= FIRST_SOFT] == one
    vectors = reader.model.get_input_embeddings()(torch.tensor([one, other]))
    assert not torch.allclose(vectors[0], vectors[1], atol=1e-3)
    constant = soft_reader(bases["plain"], assistant="none", seed=3)
    (
        constant.encode(constant.render(problems(reader)[0])),
        constant.encode(constant.render(problems(reader)[1])),
    )
    vectors = constant.model.get_input_embeddings()(torch.tensor([one, other]))
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.allclose(vectors[0][0], vectors[0][1], atol=1e-3)


def test_without_soft_tokens_it_is_the_base_exactly(bases):
    base = bases["chat"]
    before = logits(base, base.encode("3 + 4"))
    reader = soft_reader(base, seed=4)
    assert torch.equal(logits(reader, base.encode("3 + 4")), before)
    assert torch.equal(logits(base, base.encode("3 + 4")), before)
    (trace,) = reader.write(problems(base)[:1], max_tokens=8)
    plain, again = base.view(trace), reader.view(base.view(trace))
    assert plain.prompt == base.render(trace.problem)
    assert max(plain.ids) < base.n_vocabulary
    assert (again.ids, again.prompt) == (trace.ids, trace.prompt)


def test_a_checkpoint_is_a_model_of_the_same_numbers(models, bases, tmp_path):
    base = bases["spaced"]
    for seed in (None, 5):  # no update at all, and any map
        reader, folder = soft_reader(base, seed=seed), tmp_path / f"step-{seed}"
        write_soft(reader.model, folder, base=models[0])
        ids = reader.encode(reader.render(problems(base)[0]))
        alone = Reasoner.load(str(folder), device="cpu")
        _, beside = load_models([models[0], str(folder)])
        for loaded in (alone, beside):
            assert loaded.encode(loaded.render(problems(base)[0])) == ids
            assert torch.equal(logits(loaded, ids), logits(reader, ids))
    assert alone.weights_hash != base.weights_hash
    assert beside.model.lm_head.weight is not None
    assert soft_of(alone.asked_with(alone.policy.asking).tokenizer) is not None


def test_the_loss_covers_the_written_text_alone(bases):
    reader = soft_reader(bases["plain"])
    example = tokenized(reader, Lesson(problems(reader)[0], "3 + 4 = 7.", "7"))
    (row,) = sft_rows([example])
    for token, label in zip(row["input_ids"], row["labels"], strict=True):
        assert label in (IGNORED, token)
    assert [label for label in row["labels"] if label != IGNORED] == list(example.completion)
    assert max(example.completion) < reader.n_vocabulary
    assert sum(token >= FIRST_SOFT for token in row["input_ids"]) == 3


@pytest.mark.parametrize("arm", ["softcot", "soft-prompt"])
def test_only_the_map_is_trained_and_one_seed_gives_one_map(models, bases, train, arm):
    first, second = (train(models[0], DRAWN, name, arm=arm, budget=800) for name in ("a", "b"))
    assert same(last(first), last(second))
    width = 4 if arm == "soft-prompt" else bases["spaced"].model.config.hidden_size
    assert weights(last(first)).keys() == {"weight", "bias"}
    assert weights(last(first))["weight"].shape[1] == width
    assert weights(last(first))["weight"].abs().max() > 0
    tuned = Reasoner.load(str(last(first)), device="cpu")
    own = dict(bases["spaced"].model.named_parameters())
    named = {n: w for n, w in tuned.model.named_parameters() if "soft_map" not in n}
    assert named.keys() == own.keys()
    assert all(torch.equal(weight, own[name]) for name, weight in named.items())


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before the state", "within the state", "after it"])
def test_a_killed_run_ends_as_an_uninterrupted_one(models, train, monkeypatch, when):
    kwargs = {"arm": "softcot", "snapshots": 3, "budget": 5000}
    whole = train(models[0], DRAWN, "whole", **kwargs)
    second = sorted(int(p.name[5:]) for p in whole.glob("step-*"))[1]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        kill_at(patched, second, when)
        train(models[0], DRAWN, "killed", **kwargs)
    out = train(models[0], DRAWN, "killed", **kwargs)
    assert all(same(folder, out / folder.name) for folder in whole.glob("step-*"))


def test_an_assistant_of_other_tokens_shares_only_text(models, plain, train, bases):
    soft = SoftRecipe(plain, 2)
    out = train(models[0], MaterialSource("mod10", n=4), arm="softcot", soft=soft, budget=800)
    record = json.loads((out / "arm.json").read_text())
    assert record["soft"] == {"assistant": plain, "places": 2}
    tuned = Reasoner.load(str(last(out)), device="cpu")
    problem = problems(bases["spaced"])[0]
    (trace,) = tuned.write([problem], max_tokens=4)
    assert trace.prompt.count("<soft>") == 2
    assert weights(last(out))["weight"].shape[1] == bases["plain"].model.config.hidden_size


def test_an_assistant_is_named_from_any_folder(models, plain, train, monkeypatch):
    folder = Path(plain)
    monkeypatch.chdir(folder.parent)
    source = MaterialSource("mod10", n=4)
    out = train(models[0], source, arm="softcot", soft=SoftRecipe(folder.name, 2), budget=800)
    monkeypatch.chdir("/")
    tuned = Reasoner.load(str(last(out)), device="cpu")
    assert soft_of(tuned.model).config["assistant"] == str(folder.resolve())


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("{name}", "{path}"),
        ("{name}@logits=1.5", "{path}@logits=1.5"),
        ("organism:bypass@logits=2", "organism:bypass@logits=2"),
        ("org/name@revision=v1", "org/name@revision=v1"),
    ],
)
def test_a_model_is_spelled_for_any_folder(plain, monkeypatch, typed, whole):
    monkeypatch.chdir(Path(plain).parent)
    name, path = Path(plain).name, Path(plain).resolve()
    spec = parse_spec(typed.format(name=name))
    assert spec.anywhere == whole.format(path=path)
    monkeypatch.chdir("/")
    assert replace(parse_spec(spec.anywhere), text=spec.text) == spec


def test_soft_tokens_are_refused_by_a_model_that_has_none(bases):
    base = bases["plain"]
    reader, fewer = soft_reader(base, seed=1), soft_reader(base, places=2, seed=1)
    (trace,) = reader.write(problems(base)[:1], max_tokens=8)
    for read in (base.prefix, lambda ids: base.states(ids, [Site("resid_post", 0)])):
        with pytest.raises(NotMeasurable, match="the text holds soft tokens of another model"):
            read(trace.ids)
    for other in (base, fewer):
        for measure in (cross_model_patching.measure, model_difference.measure):
            with pytest.raises(NotMeasurable, match="do not share their tokens"):
                measure(reader, trace, Inputs(against=other))
        with pytest.raises(UserError, match="do not share their tokens"):
            check_same_words(Pair(other, reader), [trace.problem], HybridSettings())
    assert model_difference.measure(reader, trace, Inputs(against=reader)).value == 0


def test_widths_are_those_of_the_states(bases):
    """A family whose embeddings, and what is unembedded, are narrower than its blocks."""
    from transformers import OPTConfig, OPTForCausalLM

    tokenizer = byte_tokenizer(merges=20)
    sizes = {"hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    ids = {"bos_token_id": 1, "eos_token_id": 0, "pad_token_id": 0, "word_embed_proj_dim": 16}
    torch.manual_seed(0)
    model = OPTForCausalLM(OPTConfig(vocab_size=len(tokenizer), **sizes, **ids)).eval()
    narrow = Reasoner.of(model, tokenizer, name="narrow")
    one, other = soft_reader(narrow, seed=1), soft_reader(bases["plain"], assistant="narrow", seed=1, open_model=lambda _: narrow)  # fmt: skip
    for reader, width in ((one, 16), (other, bases["plain"].model.config.hidden_size)):
        assert map_of(reader.model).weight.shape == (width, 16)
        ids = reader.encode(reader.render(problems(reader)[0]))
        assert logits(reader, ids).isfinite().all()


def test_soft_tokens_cannot_be_trained_on_and_what_can_be_is_said(bases, plain, train, tmp_path):
    folder = tmp_path / "soft"
    write_soft(soft_reader(bases["plain"]).model, folder, base=plain)
    with pytest.raises(
        UserError, match="cannot be merged into weights; train on its base, "
    ) as said:
        train(str(folder), DRAWN, "x", arm="sft")
    assert plain in str(said.value)
    assert "merge_and_unload" not in str(said.value)


def test_what_is_refused(models, bases, plain, train, tmp_path):
    reader = soft_reader(bases["plain"])
    marked = Problem("a", "What is <|soft|> here?", "7")
    with pytest.raises(NotMeasurable, match="the question holds the mark of a soft token"):
        reader.render(marked)
    with pytest.raises(UserError, match="whose text this model has not met"):
        reader.prefix([1, FIRST_SOFT + 5])
    with pytest.raises(UserError, match=r"expected 1 to 256 soft tokens \(--soft-tokens\), got 0"):
        train(models[0], DRAWN, arm="softcot", soft=SoftRecipe(places=0))
    folder = tmp_path / "soft"
    write_soft(reader.model, folder, base=plain)
    with pytest.raises(UserError, match="the assistant base has other weights"):
        Reasoner.load(f"{models[0]}+{folder}")
    with pytest.raises(UserError, match="expected a plain model, got one with soft tokens"):
        train(models[0], DRAWN, "x", arm="softcot", soft=SoftRecipe(str(folder)))
    file = folder / "adapter_model.safetensors"
    save_file({"weight": load_file(file)["weight"][:3], "bias": load_file(file)["bias"]}, file)
    with pytest.raises(UserError, match="expected a map of shape"):
        Reasoner.load(f"{plain}+{folder}")
    file.write_bytes(b"no tensors")
    with pytest.raises(UserError, match="expected a map of soft tokens"):
        Reasoner.load(f"{plain}+{folder}")
