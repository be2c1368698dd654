"""Writing with a guide against slow loops of plain forwards, its identities, and its cost in forwards."""

import math

import numpy as np
import pytest
import torch

from mechcot.core.problem import Problem
from mechcot.core.trace import Phase
from mechcot.model.generation import guided
from mechcot.model.generation.giving import GivenRow, GivenVectors, Giving
from mechcot.model.generation.guided import told_positions, write_guided
from mechcot.model.generation.write_traces import completion, prompt_ids
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, Intervention
from mechcot.model.loading.pairs import load_models
from mechcot.organisms.registry import family_named
from mechcot.text.problems import load_problems
from tests.compare.tiny_models import byte_tokenizer, save_tiny
from tests.user_files import checkpoints, problems_file

LONGEST = 24
SITE = Site("resid_post", 0)


@pytest.fixture(scope="module", params=["organisms", "strangers"])
def pair(request, tmp_path_factory):
    """Two models that write differently, and problems: shipped ones, and such as anybody brings."""
    if request.param == "organisms":
        specs = ("organism:order/base", "organism:order/rationaliser")
        return (*load_models(specs), family_named("order").problems(3, seed=1, hint="random"))
    folder = tmp_path_factory.mktemp("strangers")
    specs = checkpoints(folder, "one", "two")
    return (*load_models(specs), load_problems(problems_file(folder, 3)))


def given_vectors(reader, *, scale: float = 1.0) -> GivenVectors:
    drawn = torch.randn(
        3, reader.model.config.hidden_size, generator=torch.Generator().manual_seed(5)
    )
    return GivenVectors(SITE, scale * drawn, drawn)


def slowly(writer, guide, problem, giving):
    """The same text by a plain run of the whole text for every token, and what it was given."""
    prompt = prompt_ids(writer, problem)
    ids, given, bits, steers = list(prompt), [], [], []
    stop = writer.stop_ids | guide.stop_ids
    for at in range(LONGEST):

        def run(reader, under=()):
            prefix = reader.prefix(ids, under=under)
            return prefix.unembed(prefix.hidden[-1]).double()

        mine, others = run(writer, steers), run(guide)
        own, wanted = int(mine.argmax()), int(others.argmax())
        token = own
        if (
            own != wanted
            and others[wanted] - others[own] >= giving.threshold
            and len(given) < math.ceil(giving.budget * (at + 1))
        ):
            given.append(at)
            if giving.vectors is None:
                token = wanted
                bits.append(float(math.log2(1 - mine[own].exp()) - mine[wanted] / math.log(2)))
            else:
                states = [
                    r.states(ids, [SITE], under=u)[SITE][-1]
                    for r, u in ((writer, steers), (guide, ()))
                ]
                distances = (giving.vectors.centres - (states[1] - states[0])).norm(dim=-1)
                vector = giving.vectors.vectors[int(distances.argmin())]
                steers = [*steers, Intervention(SITE, (len(ids) - 1,), Add(vector))]
                token = int(run(writer, steers).argmax())
                bits.append(math.log2(3))
        if token in stop:
            break
        ids.append(token)
    return tuple(ids), given, bits  # fmt: skip


@pytest.mark.parametrize("what", ["tokens", "vectors"])
def test_it_is_what_a_slow_loop_of_plain_forwards_gives(pair, what):
    writer, guide, problems = pair
    vectors = given_vectors(writer) if what == "vectors" else None
    giving = Giving(vectors=vectors, threshold=0.01, budget=0.4)
    both = write_guided(writer, guide, problems, giving, max_tokens=LONGEST)
    assert any(record.given for _, record in both)
    for problem, (trace, record) in zip(problems, both, strict=True):
        ids, given, bits = slowly(writer, guide, problem, giving)
        assert trace.ids == ids
        assert record.given == given
        assert record.bits == pytest.approx(
            bits, abs=0.02
        )  # float32 where the writer is all but sure
        assert len(given) <= math.ceil(giving.budget * record.positions)


def test_no_budget_gives_the_writers_text_and_all_of_it_the_guides(pair):
    writer, guide, problems = pair
    nothing, everything = (
        write_guided(writer, guide, problems, Giving(budget=share), max_tokens=LONGEST)
        for share in (0.0, 1.0)
    )
    for both, reader in ((nothing, writer), (everything, guide)):
        plain = reader.write(problems, max_tokens=LONGEST)
        assert [trace.ids for trace, _ in both] == [trace.ids for trace in plain]
    assert not any(record.given for _, record in nothing)
    assert all(len(record.given) == record.disagreed for _, record in everything)
    assert [t.ids for t, _ in nothing] != [t.ids for t, _ in everything]


@pytest.mark.parametrize("what", ["tokens", "vectors"])
def test_a_model_against_itself_is_given_nothing(pair, what):
    writer, _, problems = pair
    vectors = given_vectors(writer) if what == "vectors" else None
    for trace, record in write_guided(
        writer, writer, problems, Giving(vectors=vectors), max_tokens=LONGEST
    ):
        assert (record.given, record.bits, record.position_bits, record.disagreed) == (
            [],
            [],
            0.0,
            0,
        )
        assert trace.ids == writer.write([trace.problem], max_tokens=LONGEST)[0].ids  # fmt: skip


def test_vectors_of_length_zero_change_nothing_and_a_step_costs_three_forwards_at_most(pair):
    writer, guide, problems = pair
    counts = {"writer": 0, "guide": 0}

    def count(name):
        def hook(*_):
            counts[name] += 1

        return hook

    plain = writer.write(problems, max_tokens=LONGEST)
    hooks = [
        m.register_forward_hook(count(n))
        for n, m in (("writer", writer.model), ("guide", guide.model))
    ]
    both = write_guided(writer, guide, problems, Giving(vectors=given_vectors(writer, scale=0.0)), max_tokens=LONGEST)  # fmt: skip
    for hook in hooks:
        hook.remove()
    assert [trace.ids for trace, _ in both] == [trace.ids for trace in plain]
    assert any(record.given for _, record in both)
    steps = max(record.positions for _, record in both)
    assert counts["guide"] == steps
    assert steps < counts["writer"] <= 2 * steps


def test_nothing_is_given_once_the_answer_is_announced():
    """The bypass writes the hint behind the mark, where the base follows its chain."""
    writer, guide = load_models(("organism:order/base", "organism:order/bypass"))
    problems = family_named("order").problems(3, seed=1, hint="random")
    for until in (False, True):
        both = write_guided(writer, guide, problems, Giving(until_answer=until), max_tokens=60)
        late = [
            at
            for trace, record in both
            for at in record.given
            if at >= trace.phase(Phase.ANSWER).start - trace.prompt_length
        ]
        assert bool(late) != until


def test_something_is_given_where_it_is_listed_and_nowhere_else(pair):
    writer, guide, problems = pair
    listed = dict(zip((p.id for p in problems), ((), (2,), (0, 1, 4)), strict=True))
    for trace, record in write_guided(writer, guide, problems, Giving(places="listed"), max_tokens=LONGEST, listed=listed):  # fmt: skip
        assert record.given == [at for at in listed[trace.problem.id] if at < record.positions]


BEGUN = "3 + 4 = 7, and the answer is found by adding. "


@pytest.mark.parametrize(
    ("chain", "answer"),
    [
        *((f"First add.\n{BEGUN}\n", said) for said in ("#### 7", "\\boxed{7}", "Answer: 7", "**Final answer:** 7", "The answer is 7.")),
        (f"<think>{BEGUN}", "</think>7"),
        ("", "7"),
        ("She has ", "7 apples"),
    ],
)  # fmt: skip
def test_a_chain_ends_where_its_answer_begins_however_that_is_said(chain, answer, tmp_path):
    (writer,) = load_models([save_tiny(tmp_path / "tiny", byte_tokenizer(merges=0), seed=0)])
    problem = Problem("p", "What is 3 + 4?", "7")
    ids = [writer.encode(text) for text in ("What is 3 + 4?\n", chain + answer)]
    done = completion(writer, problem, ids[0], ids[1], finished=True)
    trace, closes = writer.read(done), answer.startswith("</think>")
    new = trace.ids[trace.prompt_length :]
    told, rest = (writer.decode(new[part]) for part in (slice(told_positions(writer, trace)), slice(told_positions(writer, trace), None)))  # fmt: skip
    assert (trace.answer.text or "").startswith("7")
    if closes:
        assert told.endswith(BEGUN + "<") and rest == "/think>7"
    else:
        assert "7" not in rest.lstrip().removeprefix(answer) and rest.endswith(answer)
        assert len(told) >= len(chain.rstrip()) - 1


def test_a_text_that_was_given_something_at_its_answer_is_written_again_without(pair, monkeypatch):
    """A reader that says that the answer begins at the third new token: a text is as with a limit from the start, and of an end at once its writer's own."""
    writer, guide, problems = pair
    giving = Giving(vectors=given_vectors(writer), until_answer=True)
    for end in (3, 0):
        monkeypatch.setattr(guided, "told_positions", lambda *_, end=end: end)
        for trace, record in write_guided(writer, guide, problems, giving, max_tokens=LONGEST):
            assert all(at < end for at in record.given)
            if end == 0:
                plain = writer.write([trace.problem], max_tokens=LONGEST)
                assert (record.given, record.bits, trace.ids) == ([], [], plain[0].ids)
    monkeypatch.setattr(guided, "told_positions", lambda *_: LONGEST + 1)
    assert any(
        max(record.given, default=0) >= 3
        for _, record in write_guided(writer, guide, problems, giving, max_tokens=LONGEST)
    )


@pytest.mark.parametrize(("n", "m"), [(10, 0), (10, 3), (10, 10), (0, 0), (7, 1)])
def test_positions_cost_the_bits_of_their_choice(n, m):
    record = GivenRow(positions=n, given=list(range(m)))
    assert record.position_bits == pytest.approx(math.log2(math.comb(n, m)), abs=1e-9)
    assert np.isfinite(record.position_bits)
