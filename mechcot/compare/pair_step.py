"""What to do next about a pair whose use of the chain could not be judged on the same chains: the root gate, and the one step that opens it."""

import math
from collections.abc import Callable

from mechcot.compare.command_line import NextStep
from mechcot.compare.pair_finding import PairFinding, null_name
from mechcot.compare.settings import Study
from mechcot.compare.unjudged import SPARE, RunFacts, lengthened, more
from mechcot.stats.gate_bounds import Gate, GateBounds, gate_roots

Facts = Callable[[str], RunFacts]


def next_step(study: Study, finding: PairFinding, facts: Facts) -> str:
    """What opens the root gate, as a line; where no gate that holds for every measure is closed, the problems that would decide an open claim, or "".

    Where a model could not be judged on its own chains, that is the root: what opens it is the same. Where its verdict is unclear, what would decide it.

    Args:
        study: The settings.
        finding: What was found about the pair.
        facts: Of the run, by author.
    """
    if finding.use is not None and not finding.use.decided:
        sides = (finding.use.before, finding.use.after)
        word = "unclear" if finding.use.judged else "not judged"
        ahead = [str(side["next"]) for side in sides if side["verdict"] == word and side["next"]]
        if ahead:
            return ahead[0]
    roots = gate_roots([gate for gate in finding.headline.gates if not gate.measure])
    items = None if finding.after == null_name(study) else finding.headline.decides
    if not roots and items is None:
        return ""
    known = facts(finding.before)
    return known.say(_opens(study, roots[0], known) if roots else _more(study, items or 0, known))


def _more(study: Study, items: int, facts: RunFacts) -> NextStep:
    """As many problems as give so many items."""
    return NextStep(words="more chains") if study.traces is not None else more(items, facts)


def _opens(study: Study, gate: Gate, facts: RunFacts) -> NextStep:
    """The step for one gate."""
    if study.traces is not None:
        return NextStep(words=_WORDS[gate.name])
    if gate.name == "finished":
        return lengthened(facts)
    if gate.name == "items":
        return more(_wanted(study, gate), facts)
    if gate.name == "length":
        return NextStep(words="nothing: the claim on own chains needs no equal lengths")
    if study.author == "first" and (gate.side == "after" or gate.name == "off_policy"):
        return NextStep({"author": "own"})
    return NextStep(words=_WORDS[gate.name])


def _wanted(study: Study, gate: Gate) -> int:
    """Problems of which enough will be usable, by the share that was."""
    asked = study.most or 0
    share = gate.value / asked if asked else 1.0
    least = GateBounds().min_items
    return math.ceil(SPARE * least / share) if share else 4 * least


_WORDS = {
    "finished": "chains that no limit cut",
    "parsed": "answers that can be read: `mechcot doctor` says how they are",
    "items": "more chains",
    "off_policy": "chains of one of the two models",
    "accuracy": "problems that the models can do, with answers that differ",
    "length": "chains that both models read",
}
