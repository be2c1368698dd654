"""A random organism-shaped reader, the shipped ones, and reference chains to read."""

from pathlib import Path
from random import Random

import pytest
import torch

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Completion
from mechcot.core.trace import Trace
from mechcot.measures.inputs import Inputs
from mechcot.model.loading.spec import ORGANISM_FILE
from mechcot.model.reasoner import Reasoner
from mechcot.organisms import chain_writer, problems, vocabulary
from mechcot.organisms.known_task import OrganismMaker, OrganismMeaning, OrganismParaphraser
from mechcot.organisms.recipes import Shape
from mechcot.organisms.training import fresh

PROBLEMS = problems.problems(8, seed=5, hops=(2, 3), hint="answer", style="random")


@pytest.fixture(scope="session")
def random_reader(tmp_path_factory: pytest.TempPathFactory) -> Reasoner:
    """Untrained weights, spread enough for every effect to be far above rounding."""
    folder: Path = tmp_path_factory.mktemp("random")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = fresh(Shape(layers=3))
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.data.mul_(4.0)
    model.save_pretrained(folder)
    vocabulary.save(folder)
    (folder / ORGANISM_FILE).write_text("{}")
    return Reasoner.load(str(folder))


@pytest.fixture(scope="session")
def traces(random_reader: Reasoner) -> list[Trace]:
    return [chain_of(random_reader, problem, seed=i) for i, problem in enumerate(PROBLEMS)]


def chain_of(reader: Reasoner, problem, *, seed: int) -> Trace:
    chain = chain_writer.write(problem, rng=Random(seed))
    text = " " + vocabulary.completion_text(chain, problem.answer).removesuffix(" <eos>")
    return reader.read(Completion(problem, reader.render(problem), text, "writer"))


def measurable(module, reader: Reasoner, traces: list[Trace], inputs: Inputs, *, least: int = 1):
    """Traces and readings of those that a measure can read: at least so many."""
    found = []
    for trace in traces:
        try:
            found.append((trace, module.measure(reader, trace, inputs)))
        except NotMeasurable:
            continue
    assert len(found) >= least
    return found


@pytest.fixture(scope="session")
def inputs(random_reader: Reasoner, traces: list[Trace]) -> Inputs:
    return Inputs(
        against=random_reader,
        other=traces[-1],
        partners=tuple(traces),
        maker=OrganismMaker(),
        paraphraser=OrganismParaphraser(),
        meaning=OrganismMeaning(),
        draws=2,
        filler=" hmm",
        seed=3,
        answer_tokens=2,
    )


@pytest.fixture(scope="session")
def base() -> Reasoner:
    return Reasoner.load("organism:base")


@pytest.fixture(scope="session")
def bypass() -> Reasoner:
    return Reasoner.load("organism:bypass")
