"""Which steps feed the answer when the text after them is written anew by the model: only the answer is judged, because the
model's own later steps need not be the chain's."""

from collections.abc import Sequence

from transformers import LlamaForCausalLM

from mechcot.organisms.counterfactual_edits import counterfactuals
from mechcot.organisms.generation import answer_in, continuations, opened


def confirm_anew(
    model: LlamaForCausalLM, question: str, steps: Sequence[str]
) -> tuple[dict[int, bool], dict[int, bool]]:
    """Confirm which steps feed the answer when the text after them is written anew by the model.

    Args:
        model: The organism that writes the later text, greedily.
        question: A question of the task.
        steps: A chain for it, steps as text.

    Returns:
        Step to whether the answer became the predicted one, for steps that feed it; step to whether the answer
        moved, for the others. A step whose stated value the semantics leave without a prediction is left out.

    Raises:
        ValueError: The question is not of the organisms' task.
    """
    edits = counterfactuals(question, steps)
    after = [edit.step + 1 for edit in edits]
    rows = [opened(question, steps[:stop]) for stop in after]
    rows += [
        opened(question, edit.apply(steps)[:stop]) for edit, stop in zip(edits, after, strict=True)
    ]
    answers = [answer_in(text) for text in continuations(model, rows)]
    feeding: dict[int, bool] = {}
    others: dict[int, bool] = {}
    for edit, plain, moved in zip(edits, answers[: len(edits)], answers[len(edits) :], strict=True):
        step = edit.step
        if edit.moves and edit.answer_regenerated is not None:
            feeding[step] = feeding.get(step, True) and moved == edit.answer_regenerated
        elif not edit.moves:
            others[step] = others.get(step, False) or moved != plain
    return feeding, others
