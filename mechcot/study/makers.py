"""What is known about a problem's task: who makes counterfactual twins, rewords, writes mistakes, compares meanings.

The organisms' task is known exactly; for any other problem arithmetic is parsed and words are compared.
"""

from mechcot.core.counterfactual import CounterfactualMaker
from mechcot.core.problem import Problem
from mechcot.core.rewording import MistakeWriter, Paraphraser, SameMeaning
from mechcot.organisms.exact import ORGANISM_TASK
from mechcot.organisms.maker import OrganismMaker
from mechcot.organisms.meaning import OrganismMeaning
from mechcot.organisms.rewording import OrganismParaphraser
from mechcot.text.counterfactual import ArithmeticMaker
from mechcot.text.meaning import TokenOverlap
from mechcot.text.mistakes import NumberMistake


def maker_for(problem: Problem) -> CounterfactualMaker:
    """The maker for one problem."""
    return OrganismMaker() if _known(problem) else ArithmeticMaker()


def paraphraser_for(problem: Problem) -> Paraphraser | None:
    """The paraphraser for one problem's chains; None where only a language model could."""
    return OrganismParaphraser() if _known(problem) else None


def mistakes_for(problem: Problem) -> MistakeWriter | None:
    """Who makes a step wrong where the maker has no exact mistake; nobody where the task is known exactly."""
    return None if _known(problem) else NumberMistake()


def meaning_for(problem: Problem) -> SameMeaning:
    """Who compares the meaning of two steps."""
    return OrganismMeaning() if _known(problem) else TokenOverlap()


def _known(problem: Problem) -> bool:
    """Whether the problem is of the organisms' task, where everything is exact."""
    return problem.meta.get("task") == ORGANISM_TASK
