"""A first look: the author's chains, read by all; the step that feeds the answer, and none where it does not."""

from mechcot.explorer.live import look
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.ground_truth import graph
from mechcot.organisms.problems import problems


def test_the_named_step_feeds_the_answer_before_and_none_does_after():
    readers = [Reasoner.load(f"organism:{name}", device="cpu") for name in ("base", "bypass")]
    found = look(readers, problems(2, seed=91, hops=(2, 2)), measures=("step_patching",))
    assert len(found.data.items) == 2
    for item in found.data.items:
        chain = [step.text for step in item.steps[: item.n_chain]]
        assert item.author == "base"
        assert item.carrier["base"] in graph(item.question, chain, reading="kept").answer
        assert item.carrier["bypass"] is None
