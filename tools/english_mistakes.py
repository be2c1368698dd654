"""Where wrong chains in the language of the family `english` go wrong, by the exact meaning of their sentences.

python -m tools.english_mistakes organism:english/base --n 32      # so many questions of each of 2, 3, 4 and 5 operations

The step that decides is the last one before which the chain, written on without mistakes, leads to the right answer, and behind which it does not.
A slip that the chain mends, and a wrong sum that the answer does not need, decide nothing.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Annotated

import typer

from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.english import ENGLISH
from mechcot.organisms.english_steps import holes_of
from mechcot.organisms.english_story import Story
from mechcot.organisms.generation import continuations
from mechcot.organisms.statements import Statement
from mechcot.text.answers import same_answer
from tools.docs_pages import table

OPERATIONS = (2, 3, 4, 5)
SEED = 20260
MOST_TOKENS = 400
SAID = {
    "sum": "a sum: right numbers, wrong result",
    "first number": "a sum: takes another first number than the person's",
    "second number": "a sum: takes another second number than the fact's",
    "sign": "a sum: adds where the fact subtracts, or the other way round",
    "early": "a sum before its numbers are known, or of a person who has none",
    "number": "a given number: another number than the fact's",
    "comparison": "a given number, where the fact compares",
    "plan": "looks at another person than the fact names",
    "gap": "says that a number is not told, and it is",
    "conclusion": "a summary or conclusion repeats another number",
    "foreign": "a sentence that states nothing known",
    "stops": "no step: the chain ends before the asked person",
    "answer": "no step: the answer is not what the chain says",
}
"""Sort of mistake to its words."""


def mistake_in(story: Story, steps: Sequence[str]) -> tuple[str, int] | None:
    """The sort of the mistake that decides a chain, and its step; None where the chain leads to the right answer.

    Args:
        story: The question.
        steps: The sentences.
    """
    said: list[Statement] = []
    wrong: list[tuple[str, int]] = []
    decides: tuple[str, int] | None = None
    for step, line in enumerate(steps):
        statement = ENGLISH.hear(line.strip())
        if statement is None:
            return decides or ("foreign", step)
        follows = ENGLISH.expected(story, said, statement) == statement
        if not follows and holes_of(statement).get("who") in (None, *story.needed):
            wrong.append((sort_of(story, said, statement), step))
        if ENGLISH.end(story, ENGLISH.finished(story, [*said, statement])) == story.answer:
            decides = None
        elif decides is None:  # where it follows from what was said, that was wrong
            decides = wrong[-1] if wrong else (sort_of(story, said, statement), step)
        said.append(statement)
    if decides is None and ENGLISH.end(story, said) != story.answer:
        return "stops", len(steps)
    return decides


def sort_of(story: Story, said: Sequence[Statement], statement: Statement) -> str:
    """The sort of a mistake, a key of `SAID`.

    Args:
        story: The question.
        said: What stands before it.
        statement: The wrong statement.
    """
    kind, words = statement[0], holes_of(statement)
    expected = ENGLISH.expected(story, said, statement)
    right = holes_of(expected) if expected else {}
    if kind in {"gap", "plan", "plans"}:
        return kind.removesuffix("s")
    if kind == "given":
        return "number" if expected and expected[0] == "given" else "comparison"
    if kind not in {"has", "slip"}:
        return "conclusion"
    if expected is None:
        return "early"
    places = {"left": "first number", "sign": "sign", "right": "second number"}
    return next((sort for hole, sort in places.items() if words[hole] != right[hole]), "sum")


def counted(traces: Sequence[Trace]) -> tuple[int, Counter[str]]:
    """How many chains end in the right answer, and the sorts of mistakes of the others.

    Args:
        traces: Chains of the family's questions.
    """
    sorts: Counter[str] = Counter()
    for trace in traces:
        if not same_answer(trace.answer.text, trace.problem.answer):
            story = ENGLISH.read(trace.problem.question)
            found = mistake_in(story, [step.text for step in trace.chain_steps])
            sorts[found[0] if found else "answer"] += 1
    return len(traces) - sorts.total(), sorts


def rows(found: Mapping[int, tuple[int, Counter[str]]]) -> list[list[str]]:
    """Rows of a table: right chains, then each sort of mistake, by operations and in all.

    Args:
        found: Operations to what `counted` gives.
    """
    right = [count for count, _ in found.values()]
    total = Counter[str]()
    for _, sorts in found.values():
        total.update(sorts)
    lines = [["right", *map(str, right), str(sum(right))]]
    for sort, count in total.most_common():
        lines.append([SAID[sort], *(str(sorts[sort]) for _, sorts in found.values()), str(count)])
    return lines


def results(reader: Reasoner, *, n: int) -> dict[str, tuple[int, int]]:
    """How often the model works a needed sum out rightly behind a right chain, by its sign and the digits of its result: right ones, and all.

    Args:
        reader: The model.
        n: Most sums of each sort.
    """
    rows_of: dict[str, list[tuple[str, str]]] = {}
    for problem in ENGLISH.problems(40 * len(OPERATIONS), seed=SEED + 1, hint="answer"):
        steps = ENGLISH.write(
            ENGLISH.read(problem.question), rng=Random(problem.id), manner=Manner(mistakes=0.0)
        ).steps
        for step, line in enumerate(steps):
            before, equals, after = line.partition(" = ")
            words = holes_of(ENGLISH.statements([line])[0])
            if "sign" in words and after:
                text = "".join((ENGLISH.language.prompt(problem.question), *steps[:step], before))
                digits = f"{words['sign']} to {count_of(len(words['n']), 'digit')}"
                rows_of.setdefault(digits, []).append((text + equals.rstrip(), words["n"]))
    found = {}
    for digits, cases in sorted(rows_of.items()):
        texts, wanted = zip(*cases[:n], strict=True)
        said = continuations(reader.model, texts, size=16, limit=4, language=ENGLISH.language)
        right = [re.match(r" (\d*)", t) for t in said]
        found[digits] = (
            sum(m is not None and m[1] == w for m, w in zip(right, wanted, strict=True)),
            len(wanted),
        )
    return found


def main(
    model: Annotated[str, typer.Argument(help="A model that writes in the family's language.")],
    n: Annotated[int, typer.Option(help="Questions of each number of operations.")] = 32,
    examples: Annotated[int, typer.Option(help="Wrong chains that are printed.")] = 0,
) -> None:
    """Print how many chains are right, and how the others are wrong."""
    reader = Reasoner.load(model)
    found = {}
    for hops in OPERATIONS:
        traces = reader.write(
            ENGLISH.problems(n, seed=SEED, hint="answer", hops=(hops, hops)),
            batch_size=32,
            max_tokens=MOST_TOKENS,
        )
        found[hops] = counted(traces)
        wrong = [t for t in traces if not same_answer(t.answer.text, t.problem.answer)]
        for trace in wrong[:examples]:
            typer.echo(f"{trace.problem.question}\n{trace.completion}\n")
    heads = [f"{n} questions each", *(f"{hops} operations" for hops in OPERATIONS), "all"]
    typer.echo(table(heads, rows(found)))
    typer.echo("\nA needed sum, worked out behind a right chain:\n")
    sums = results(reader, n=n)
    typer.echo(
        table(["sum", "right", "of"], [[sort, str(a), str(b)] for sort, (a, b) in sums.items()])
    )


if __name__ == "__main__":
    typer.run(main)
