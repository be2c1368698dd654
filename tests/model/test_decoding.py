from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Problem
from mechcot.model.generation.decoding import Writer, stop_ids
from mechcot.model.generation.sampling import Sampling, choose
from mechcot.model.generation.write_traces import prompt_ids


def writer_of(reasoner: Any, **sampling: Any) -> Writer:
    return Writer(
        model=reasoner.model,
        device=reasoner.device,
        stop=frozenset(),
        sampling=Sampling(**{"max_tokens": 12} | sampling),
        max_length=reasoner.max_length,
    )


def slow_greedy(model: nn.Module, ids: list[int], count: int) -> list[int]:
    """The obvious loop: no cache, no padding."""
    written: list[int] = []
    for _ in range(count):
        with torch.inference_mode():
            logits = model(torch.tensor([[*ids, *written]])).logits
        written.append(int(logits[0, -1].argmax()))
    return written


def test_greedy_equals_the_obvious_loop_in_every_family(reasoner, family, problems):
    reader = reasoner(family)
    prompts = [prompt_ids(reader, problem) for problem in problems]
    written = writer_of(reader).write(prompts, [0] * len(prompts), batch_size=5)
    assert [list(new.ids) for new in written] == [
        slow_greedy(reader.model, prompt, 12) for prompt in prompts
    ]


def test_greedy_equals_the_obvious_loop_with_eager_sliding_windows(reasoner, problems):
    reader = reasoner("gemma2")
    prompts = [prompt_ids(reader, problem) for problem in problems[:3]]
    written = writer_of(reader).write(prompts, [0, 0, 0], batch_size=3)
    assert [list(new.ids) for new in written] == [
        slow_greedy(reader.model, prompt, 12) for prompt in prompts
    ]


@pytest.mark.parametrize("padding", ["left", "right"])
def test_equal_prompts_are_run_once_and_parted_behind(reasoner, family, problems, padding):
    reader = reasoner(family)
    one, other = (prompt_ids(reader, problem) for problem in problems[:2])
    prompts = [one, other, one, one, other]
    writer = replace(writer_of(reader, temperature=1.0), padding=padding)
    seeds, ran = list(range(len(prompts))), []
    table = reader.model.get_input_embeddings()
    hook = table.register_forward_pre_hook(lambda _, given: ran.append(tuple(given[0].shape)))
    together = writer.write(prompts, seeds, batch_size=len(prompts))
    hook.remove()
    alone = [writer.write([p], [s], batch_size=1)[0] for p, s in zip(prompts, seeds, strict=True)]
    assert together == alone
    assert len({new.ids for new in (together[0], *together[2:4])}) == 3
    assert ran[0] == (2, max(len(one), len(other)))
    assert ran[1] == (5, 1)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_samples_do_not_depend_on_the_batch(reasoner, problems, name):
    reader = reasoner(name)
    about = {"max_tokens": 15, "temperature": 1.0, "top_p": 0.9, "seed": 7}
    together = reader.write(problems, **about)
    alone = [reader.write([problem], **about)[0] for problem in problems]
    backwards = reader.write(problems[::-1], batch_size=2, **about)[::-1]
    assert together == alone == backwards
    assert [t.problem for t in together] == list(problems)
    other = reader.write(problems, **about | {"seed": 8})
    assert all(a.ids != b.ids for a, b in zip(together, other, strict=True))


def test_a_stop_token_ends_a_row_and_is_not_kept(reasoner, problems):
    reader = reasoner("llama")
    prompts = [prompt_ids(reader, problem) for problem in problems]
    free = writer_of(reader).write(prompts, [0] * 5, batch_size=5)
    stop = free[1].ids[5]
    stopped = replace(writer_of(reader), stop=frozenset({stop})).write(
        prompts, [0] * 5, batch_size=5
    )
    for before, after in zip(free, stopped, strict=True):
        known = stop in before.ids
        assert after.finished is known
        assert after.ids == (before.ids[: before.ids.index(stop)] if known else before.ids)
    assert stopped[1].finished


class Starved(nn.Module):
    """Runs out of memory above a number of rows."""

    def __init__(self, model: nn.Module, most: int) -> None:
        super().__init__()
        self.model, self.most, self.seen = model, most, []

    def forward(self, input_ids: torch.Tensor, **about: Any) -> Any:
        self.seen.append(len(input_ids))
        if len(input_ids) > self.most:
            msg = "out of memory"
            raise torch.OutOfMemoryError(msg)
        return self.model(input_ids, **about)


def test_out_of_memory_halves_the_batch(reasoner, problems, caplog):
    reader = reasoner("llama")
    prompts = [prompt_ids(reader, problem) for problem in problems]
    plain = writer_of(reader).write(prompts, [0] * 5, batch_size=5)
    starved = Starved(reader.model, most=1)
    written = replace(writer_of(reader), model=starved).write(prompts, [0] * 5, batch_size=5)
    assert written == plain
    assert starved.seen[:3] == [5, 2, 1]
    assert "going on with 2" in caplog.text


def test_one_item_that_does_not_fit_is_a_clear_error(reasoner):
    starved = Starved(reasoner("llama").model, most=0)
    writer = replace(writer_of(reasoner("llama")), model=starved)
    with pytest.raises(UserError, match=r"one item alone does not fit in memory; lower max_tokens"):
        writer.write([[1, 2]], [0], batch_size=4)


def test_nan_logits_are_a_clear_error(checkpoint: Callable[..., Any], problems):
    from mechcot.model.reasoner import Reasoner

    reader = Reasoner.load(str(checkpoint("llama")), device="cpu")
    reader.model.get_output_embeddings().weight.data[:] = float("nan")
    with pytest.raises(UserError, match=r"gives values that are not finite \(NaN or infinite\)"):
        reader.write(problems[:1], max_tokens=2)


def test_context_limits(checkpoint: Callable[..., Any]):
    from mechcot.model.reasoner import Reasoner

    reader = Reasoner.load(str(checkpoint("gpt2", template="plain", context=48)), device="cpu")
    short, long = Problem("short", "1 + 1?", "2"), Problem("long", "1 + 1 " * 30, "30")
    (trace,) = reader.write([short], max_tokens=500)
    assert len(trace) == 48
    assert not trace.finished
    with pytest.raises(
        NotMeasurable, match=r"problem long: the prompt has \d+ tokens, the context .* is 48"
    ):
        reader.write([short, long], max_tokens=4)
    skipped: list[str] = []
    traces = reader.write([long, short], max_tokens=4, skip=lambda p, _: skipped.append(p.id))
    assert (skipped, [t.problem.id for t in traces]) == (["long"], ["short"])


def test_question_without_tokens(reasoner):
    reader = reasoner("llama", words=True)
    silent = replace(reader, tokenizer=Silent(reader.tokenizer))
    with pytest.raises(NotMeasurable, match="problem q: the question has no tokens"):
        silent.write([Problem("q", "find x", "1")])


class Silent:
    """A tokenizer that makes nothing of any text."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __len__(self) -> int:
        return len(self.inner)

    def encode(self, *_: Any, **__: Any) -> list[int]:
        return []


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"max_tokens": 0}, "max_tokens: expected at least 1, got 0"),
        ({"temperature": -1.0}, "temperature: expected 0"),
        ({"top_p": 0.0}, "top_p: expected a number above 0"),
    ],
)
def test_sampling_messages(about, words):
    with pytest.raises(UserError, match=words):
        Sampling(**{"max_tokens": 1} | about)


def test_choice_follows_the_distribution():
    probabilities = torch.tensor([0.1, 0.6, 0.3])
    logits = probabilities.log().expand(20_000, 3)
    draws = np.random.default_rng(0).random(20_000)
    counts = np.bincount(choose(logits, Sampling(1, 1.0), draws).numpy(), minlength=3) / 20_000
    assert np.abs(counts - [0.1, 0.6, 0.3]).max() < 0.01
    cold = np.bincount(choose(logits, Sampling(1, 0.5), draws).numpy(), minlength=3) / 20_000
    assert np.abs(cold - np.array([0.01, 0.36, 0.09]) / 0.46).max() < 0.01


def test_nucleus_keeps_the_smallest_sufficient_set():
    logits = torch.tensor([[0.1, 0.6, 0.3]]).log().expand(1000, 3)
    draws = np.linspace(0, 1 - 1e-9, 1000)
    kept = set(choose(logits, Sampling(1, 1.0, 0.85), draws).tolist())
    assert kept == {1, 2}
    assert set(choose(logits, Sampling(1, 1.0, 0.5), draws).tolist()) == {1}
    assert set(choose(logits, Sampling(1, 1.0, 1.0), draws).tolist()) == {0, 1, 2}


def test_greedy_ignores_the_draw():
    logits = torch.tensor([[0.0, 2.0, 1.0]])
    assert choose(logits, Sampling(1), np.array([0.99])).tolist() == [1]


def test_stop_ids_come_from_model_and_tokenizer(reasoner):
    reader = reasoner("llama")
    assert stop_ids(reader.model, reader.tokenizer) == {0}
    assert reader.stop_ids == {0}


@pytest.mark.parametrize("top_p", [1.0, 0.9, 0.3])
@pytest.mark.parametrize("scale", [0.0, 1.0, 8.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_likeliest_tokens_decide_as_the_whole_vocabulary_does(monkeypatch, top_p, scale, dtype):
    """Flat rows, peaked rows, and rows of many equal logits; few of the likeliest, so that some rows need the rest."""
    generator = torch.Generator().manual_seed(3)
    logits = (torch.randn(64, 300, generator=generator) * scale).to(dtype)
    logits[:, ::7] = logits[:, :1]  # equal ones, also at the edge of the likeliest
    draws = np.random.default_rng(5).random(64)
    draws[:2] = 0.0, np.nextafter(1.0, 0.0)
    settings = Sampling(max_tokens=1, temperature=1.0, top_p=top_p)
    chosen = []
    for likeliest in (1, 12, 300, 1000):
        monkeypatch.setattr("mechcot.model.generation.sampling.LIKELIEST", likeliest)
        chosen.append(choose(logits, settings, draws).tolist())
    sorted_p, tokens = logits.double().softmax(-1).sort(dim=-1, descending=True, stable=True)
    for row, (p, ids, draw) in enumerate(
        zip(sorted_p.numpy(), tokens.tolist(), draws, strict=True)
    ):
        nucleus = p[np.cumsum(p) - p < top_p]
        passed = np.cumsum(nucleus)
        place = int((passed <= draw * passed[-1]).sum())
        assert {each[row] for each in chosen} == {ids[min(place, len(nucleus) - 1)]}


def test_a_peaked_row_is_not_sorted_to_its_end(monkeypatch):
    logits = torch.zeros(2, 5000)
    logits[:, 70:80] = 20.0
    monkeypatch.setattr("mechcot.model.generation.sampling._among_all", None)
    chosen = choose(logits, Sampling(max_tokens=1, temperature=1.0), np.array([0.05, 0.95]))
    assert chosen.tolist() == [70, 79]
