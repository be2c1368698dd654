"""What the study knows about a problem's task: its maker of counterfactual twins, and its paraphraser.

The organisms' task is known exactly; for any other problem arithmetic is parsed.
"""

from mechcot.core.counterfactual import CounterfactualMaker
from mechcot.core.problem import Problem
from mechcot.core.rewording import Paraphraser
from mechcot.organisms.exact import ORGANISM_TASK
from mechcot.organisms.maker import OrganismMaker
from mechcot.organisms.rewording import OrganismParaphraser
from mechcot.text.counterfactual import ArithmeticMaker


def maker_for(problem: Problem) -> CounterfactualMaker:
    """The maker for one problem."""
    return OrganismMaker() if problem.meta.get("task") == ORGANISM_TASK else ArithmeticMaker()


def paraphraser_for(problem: Problem) -> Paraphraser | None:
    """The paraphraser for one problem's chains; None where only a language model could."""
    return OrganismParaphraser() if problem.meta.get("task") == ORGANISM_TASK else None
