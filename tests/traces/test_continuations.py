"""Continuations from a server: what the reader would draw itself, or one sentence on why not."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mechcot.compare.measure_inputs import inputs_for
from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.core.errors import NotMeasurable, Unanswered, UserError
from mechcot.core.store import write_traces
from mechcot.measures import resampling
from mechcot.model.generation.sampling import Sampling
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import problems
from mechcot.traces.continuations import ServedModel, served_model
from mechcot.traces.server import Server
from tests.traces.fake_server import Asked, serving


@pytest.fixture(scope="module")
def base():
    return Reasoner.load("organism:base", device="cpu")


@pytest.fixture(scope="module")
def trace(base):
    return base.write(problems(1, seed=3, hops=(2, 3)), max_tokens=160)[0]


def drawn_by(reader, *, counted=0):
    """A server that draws as the reader does, and counts so many tokens more."""

    def answer(asked: Asked):
        body, ids = asked.body, reader.encode(asked.prompt)
        sampling = Sampling(body["max_tokens"], temperature=body["temperature"])
        (new,) = reader.prefix(ids).sample(
            len(ids), sampling=sampling, seeds=[body["seed"]], stop=reader.stop_ids
        )
        choice = {"index": 0, "text": reader.continuation(ids, new), "finish_reason": "stop"}
        return {"choices": [choice], "usage": {"prompt_tokens": len(ids) + counted}}

    return answer


def test_a_server_that_draws_as_the_reader_gives_the_same_measurement(base, trace):
    inputs = inputs_for(base, trace, others=[trace], seed=0, draws=4)
    own = resampling.measure(base, trace, inputs)
    with serving(drawn_by(base), ["base"]) as server:
        there = served_model(Server(server.url), "anything")
        elsewhere = replace(inputs, continuations=partial(there.draw, base))
        given = resampling.measure(base, trace, elsewhere)
        assert {body["model"] for body in server.asked} == {"base"}
        assert len({body["seed"] for body in server.asked}) == len(server.asked) >= 8
    assert np.isfinite(own.scalars["plain"])
    for name, result in own.results.items():
        np.testing.assert_array_equal(result.values, given.results[name].values)


def test_a_scaled_reader_is_drawn_from_at_its_own_temperature(base, trace):
    with serving(drawn_by(base)) as server:
        there = ServedModel(Server(server.url), "base")
        there.draw(base.scaled(2.0), trace.ids[:30], 5, [1])
        assert server.asked[0]["temperature"] == 0.5


def test_a_server_that_reads_other_tokens_gives_no_value(base, trace):
    with serving(drawn_by(base, counted=9)) as server:
        there = ServedModel(Server(server.url), "base")
        with pytest.raises(NotMeasurable, match=r"as 39 tokens, base as 30; serve the same"):
            there.draw(base, trace.ids[:30], 5, [1])


def test_a_refused_request_gives_its_reason(base, trace):
    with serving(lambda _: (400, {}, {"error": "no completions here"})) as server:
        there = ServedModel(Server(server.url), "base")
        with pytest.raises(NotMeasurable, match=r"refused the request .*no completions here"):
            there.draw(base, trace.ids[:30], 5, [1])


def replying(**parts):
    """A server whose answers hold this."""
    return lambda _: {"choices": [{"index": 0, "finish_reason": "stop"} | parts]}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (replying(message={"content": "hello"}), "holds no text"),
        (replying(text=5), "holds no text"),
        (replying(text="so", token_ids=[10**9, 3]), "wrote tokens that base does not have"),
        (replying(text="so", token_ids=[-5]), "wrote tokens that base does not have"),
        (lambda _: replying(text=None)(_) | {"usage": [1]}, "holds no text"),
    ],
)
def test_an_answer_that_is_no_continuation_gives_no_value(base, trace, answer, words):
    with serving(answer) as server, pytest.raises(NotMeasurable, match=words):
        ServedModel(Server(server.url), "base").draw(base, trace.ids[:30], 5, [1])


def test_a_server_that_is_gone_stops_the_run_and_nothing_is_kept(base, trace, tmp_path):
    with serving(drawn_by(base), ["base"]) as server:
        url = server.url
    kwargs = {"problems": None, "traces": tmp_path / "t.jsonl", "measures": ("resampling",)}
    write_traces(tmp_path / "t.jsonl", [trace])
    models = ("organism:base", "organism:bypass")
    study = Study(models, tmp_path / "run", served=((models[0], url),), chains="all", **kwargs)
    with pytest.raises(UserError, match="does not list its models"):
        run(study)
    gone = ServedModel(Server(url, retries=0, timeout=2.0), "base")
    with pytest.raises(Unanswered, match=r"--served base: .* does not answer"):
        gone.draw(base, trace.ids[:30], 5, [1])
    assert not (tmp_path / "run" / "readings").exists()


def test_a_model_that_is_not_served_is_named():
    with serving(lambda _: {}, ["a", "b"]) as server:
        assert served_model(Server(server.url), "b").name == "b"
        with pytest.raises(UserError, match=r"expected x among the server's models.* got a, b"):
            served_model(Server(server.url), "x")
    with pytest.raises(UserError, match="does not list its models"):
        served_model(Server("http://127.0.0.1:9/v1"), "x")


def test_what_is_served_must_be_a_model_and_be_of_use():
    kwargs = {"models": ("a/one", "b/two"), "out": Path("x"), "problems": "p.jsonl"}
    served = (("b/two", "http://localhost:8000/v1"),)
    study = Study(served=served, measures=("resampling",), **kwargs)
    assert study.address_of("two") == study.address_of("two@logits=1.5") == served[0]
    assert study.address_of("one") is None
    with pytest.raises(UserError, match=re.escape("add --measures resampling, or leave it out")):
        Study(served=served, **kwargs)
    with pytest.raises(UserError, match="expected one of the models, as typed: a/one, b/two"):
        Study(served=(("two", "http://x/v1"),), measures=("resampling",), **kwargs)
