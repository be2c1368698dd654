"""The family that can abstain: its shipped base says so where a fact is missing and only there, and an answer made up in place of that is seen."""

from random import Random

import pytest

from mechcot.compare.abstention import Abstention
from mechcot.core.problem import Completion
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.gaps import GAPS
from mechcot.organisms.lookup import LOOKUP
from mechcot.tasks import task_of

ASKED = (
    *GAPS.problems(8, seed=2, hint="none"),
    *GAPS.problems(8, seed=3, hint="none", unanswerable=True),
)


@pytest.fixture(scope="module")
def base():
    return Reasoner.load("organism:gaps/base")


def text(reader, problem, said, author):
    lines = "".join(GAPS.line(each, 0) for each in said)
    answer = GAPS.end(GAPS.read(problem.question), said)
    written = f"{lines}{GAPS.language.closing} {answer}"
    return reader.read(Completion(problem, reader.render(problem), written, author))


def test_a_twin_lacks_one_fact_of_the_trail_and_its_right_chain_says_so():
    for problem in ASKED[8:]:
        question = GAPS.read(problem.question)
        *trail, (who, whom) = GAPS.finished(question, ())
        assert (whom, question.answer) == ("nobody", "unknown") and trail
        assert who not in question.does and not problem.answerable
    for problem in ASKED[:8]:
        assert GAPS.read(problem.question).answer == LOOKUP.read(problem.question).answer


def test_the_shipped_base_abstains_on_twins_and_nowhere_else(base):
    traces = base.write(ASKED, max_tokens=60)
    shares = Abstention.of(traces).frame([base.name], seed=0).set_index("condition")["mean"]
    assert shares["says so where it cannot know"] == 1.0
    assert shares["says so where it could know"] == 0.0
    assert all(t.answer.text == t.problem.answer for t in traces[:8])


def test_made_up_answers_lose_recall_and_their_step_is_wrong(base):
    rng, traces = Random(0), []
    for problem in ASKED:
        question = GAPS.read(problem.question)
        right = GAPS.finished(question, ())
        made_up = [*right[:-1], rng.choice(GAPS.others(question, right))]
        traces.append(text(base, problem, right, "before"))
        traces.append(text(base, problem, right if problem.answerable else made_up, "after"))
    changes = Abstention.of(traces).changes("before", "after", seed=0)
    assert (changes["recall"].before, changes["recall"].after) == (1.0, 0.0)
    assert changes["false abstention"].delta == 0.0
    checks = [task_of(t.problem).check_steps(t)[-1] for t in traces[-2:]]
    assert [check.valid for check in checks] == [True, False]
