"""Say on the console what a user's own truth gives for the chains of a run, and what of it does not fit: nothing is left out in silence."""

from collections import Counter
from collections.abc import Iterator, Sequence

from mechcot.core.errors import NotMeasurable
from mechcot.core.notices import print_notice
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model.reasoner import Reasoner
from mechcot.text.given_truth import GivenTwins, plain_step, truth_of
from mechcot.text.user_truth_files import TruthFiles


def say_truth(truth: TruthFiles, reader: Reasoner, traces: Sequence[Trace]) -> None:
    """Say what files give for some chains; nothing where there is no file.

    Args:
        truth: The files.
        reader: Whose tokens a twin must fit.
        traces: The chains, whose problems have what the files say.
    """
    if not truth.given:
        return
    problems = list({trace.problem.id: trace.problem for trace in traces}.values())
    for line in (*truth.told(problems), *fits(reader, traces)):
        print_notice(line)


def fits(reader: Reasoner, traces: Sequence[Trace]) -> Iterator[str]:
    """Say of how many chains each sort of truth fits, and why not of the others.

    Args:
        reader: Whose tokens a twin must fit.
        traces: The chains.
    """
    known = [(trace, truth) for trace in traces if (truth := truth_of(trace.problem))]
    twinned = [trace for trace, truth in known if truth.patches]
    if twinned:
        reasons = Counter(_misfit(reader, trace) for trace in twinned)
        yield _counted("a twin fits", reasons, len(twinned))
    steps = [(truth, [plain_step(s.text) for s in trace.chain_steps]) for trace, truth in known]
    reworded = [
        (all(s in t.paraphrases for s in texts), texts) for t, texts in steps if t.paraphrases
    ]
    if reworded:
        lacking = Counter("" if whole else "a step has no rewording" for whole, _ in reworded)
        yield _counted("every step has a rewording", lacking, len(reworded))
    for name, what in (("mistakes", "a mistake"), ("kinds", "a kind")):
        sides = [(getattr(t, name), texts) for t, texts in steps if getattr(t, name)]
        if sides:
            lacking = Counter(
                "" if any(s in table for s in texts) else "no step of the file stands in the chain"
                for table, texts in sides
            )
            count = sum(s in table for table, texts in sides for s in texts)
            total = sum(len(texts) for _, texts in sides)
            yield f"{_counted(f'a step has {what}', lacking, len(sides))} ({count} of {count_of(total, 'step')})"


def _misfit(reader: Reasoner, trace: Trace) -> str:
    """Why no given twin fits a chain; empty where one does."""
    try:
        GivenTwins()(reader.view(trace), retoken=reader.retoken, seed=0)
    except NotMeasurable as reason:
        return str(reason)
    return ""


def _counted(what: str, reasons: Counter[str], total: int) -> str:
    said = "".join(f"; {n} not: {reason}" for reason, n in reasons.most_common() if reason)
    return f"{what} in {reasons['']} of {count_of(total, 'chain')}{said}"
