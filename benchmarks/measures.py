"""Every measure, end to end, in plain forwards and in tokens run, against the obvious way where it is short to write.

    python -m benchmarks.measures [--tokens 1000] [--steps 32] [--chains 1] [--layers 6] [--width 256] [measure ...]
    python -m benchmarks.measures --tokens 8000 --steps 150 --layers 2 --width 64 --ours-only
    python -m benchmarks.measures --tokens 160 220 --steps 4 --chains 64    # chains of 60 to 120 tokens behind prompts of 100

The obvious way asks each question with one plain or masked forward of the whole text (SDPA, nothing kept between questions) and gives
the same numbers; both sides are held against each other. A model of random weights reads running sums and answers in at most eight tokens. CPU seconds of
one thread after a warm-up, divided by those of one plain forward of the same chain; tokens are counted at the blocks. Several chains are also
measured side by side, as `mechcot compare` does it: the same numbers, and CPU seconds against one chain at a time.
"""

import argparse
import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from benchmarks.setting import small_model
from mechcot.compare.measure_inputs import inputs_for
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Span, Trace
from mechcot.measures.inputs import Inputs
from mechcot.measures.registry import MEASURES, STANDARD
from mechcot.model.generation.ask_answer import read_continuation
from mechcot.model.prefix.lockstep import companies, together
from mechcot.model.prefix.memory import Limit
from mechcot.model.reasoner import Reasoner
from mechcot.model.token_count import counted
from mechcot.text.filler import fill

LEAD = "so we go on: "
ANSWER = 8
"""Most tokens of an answer."""
Knockouts = Sequence[tuple[Span, Span]]
"""Queries, and the keys that they cannot see."""


def reader_of(*, context: int, layers: int, width: int) -> Reasoner:
    """A random Llama that reads and writes ASCII, a token a sign: what it answers is text."""
    alphabet = [*map(chr, range(33, 127)), "Ġ", "Ċ"]  # the last two: blank and line break
    vocabulary = {sign: index for index, sign in enumerate(["<eos>", *alphabet])}
    core = Tokenizer(models.BPE(vocabulary, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<eos>", pad_token="<eos>")
    model = small_model(d_vocab=len(vocabulary), context=context, layers=layers, width=width).model
    return Reasoner.of(model, tokenizer, name="small")


def chain(reader: Reasoner, *, tokens: int, steps: int, start: int) -> Trace:
    """A running sum of so many steps, whose lines are filled up to the wanted length.

    Args:
        reader: Who reads it.
        tokens: About how many tokens (bytes) prompt and chain have.
        steps: How many additions.
        start: The first number.
    """
    total, lines = start, []
    question = f"Start with {start}. Add 2, 3, 4, 5, 6, 7, 8 and 9, over and over, {steps} times in all. What is the total?"
    for index in range(steps):
        added = 2 + index % 8
        lines.append(f"{total} + {added} = {total + added}.\n")
        total += added
    problem = Problem(f"p{start}", question, str(total))
    prompt = reader.render(problem)
    room = (tokens - len(prompt) - sum(map(len, lines))) // steps
    lead = f"{(LEAD * (room // len(LEAD) + 1))[: max(0, room - 1)]} "
    text = "".join(lead + line for line in lines)
    return reader.read(Completion(problem, prompt, f"{text}The answer is {total}.\n", "author"))


@dataclass(frozen=True)
class Obvious:
    """One forward of a whole text a question.

    Attributes:
        reader: The model.
        trace: The chain.
        inputs: What the measure is given.
    """

    reader: Reasoner
    trace: Trace
    inputs: Inputs

    @torch.no_grad()
    def logprobs(self, ids: Sequence[int], hidden: Knockouts = ()) -> Tensor:
        """Log-probabilities of all tokens from one forward, masked where something is hidden."""
        mask = None
        if hidden:
            seen = torch.ones(len(ids), len(ids), dtype=torch.bool).tril()
            for queries, keys in hidden:
                seen[queries.start : queries.stop, keys.start : keys.stop] = False
            mask = torch.zeros(1, 1, *seen.shape).masked_fill_(~seen, torch.finfo().min)
        batch = torch.tensor([list(ids)])
        logits = self.reader.model(input_ids=batch, attention_mask=mask, use_cache=False).logits[0]
        return torch.log_softmax(logits.float(), dim=-1)

    def probability(self, ids: Sequence[int], answer: Sequence[int]) -> float:
        """Probability of an answer behind a text."""
        scores = self.logprobs([*ids, *answer])[len(ids) - 1 : -1]
        return float(np.exp(sum(float(row[t]) for row, t in zip(scores, answer, strict=True))))

    def question(self, ids: Sequence[int]) -> list[int]:
        """A text with the question for the answer behind it."""
        return [*ids, *self.reader.cue_after(ids)]

    def answer(self, ids: Sequence[int]) -> tuple[int, ...]:
        """The greedy answer behind a text, one forward a token."""
        written: list[int] = []
        for _ in range(self.inputs.answer_tokens):
            token = int(self.logprobs([*ids, *written])[-1].argmax())
            if token in self.reader.stop_ids:
                break
            written.append(token)
        return read_continuation(self.reader, written)[0]

    def suppression(self) -> np.ndarray:
        """TV of the answer for each step."""
        ids = self.question(self.trace.ids[: self.trace.cuts()[-1]])
        clean, moved = self.logprobs(ids), []
        for step in self.trace.chain_steps:
            hidden = self.logprobs(ids, [(Span(step.tokens.stop, len(ids)), step.tokens)])
            (clean.exp() * (clean - hidden)).sum(dim=-1)  # the matrix's row
            moved.append(0.5 * (clean[-1].exp() - hidden[-1].exp()).abs().sum().item())
        return np.array(moved)

    def early_answering(self) -> np.ndarray:
        """Probability of the final answer after each cut; the greedy answers too."""
        texts = [self.question(self.trace.ids[:cut]) for cut in self.trace.cuts()]
        answers = [self.answer(text) for text in texts]
        return np.array([self.probability(text, answers[-1]) for text in texts])

    def filler(self) -> np.ndarray:
        """Probability of the own answer with filler from up to nine places on."""
        ids, cuts = self.trace.ids, self.trace.cuts()
        answer = self.answer(self.question(ids[: cuts[-1]]))
        unit = self.reader.continue_ids(self.inputs.filler)
        after = {round(x) for x in np.linspace(0, len(cuts) - 1, min(9, len(cuts)))}
        fillings = ((*ids[: cuts[k]], *fill(unit, count=cuts[-1] - cuts[k])) for k in sorted(after))
        return np.array([self.probability(self.question(text), answer) for text in fillings])

    def step_patching(self) -> np.ndarray:
        """Movement of the answer, layer by stated value; values that do not feed it are run for what follows them."""
        maker = self.inputs.maker
        if maker is None:
            raise NotMeasurable("no maker")
        twin = maker(self.trace, retoken=self.reader.retoken, seed=self.inputs.seed)
        stop = self.trace.cuts()[-1]
        ids = self.question(self.trace.ids[:stop])
        other = [*twin.trace.ids[:stop], *ids[stop:]]
        with torch.no_grad():
            out = self.reader.model(input_ids=torch.tensor([other]), output_hidden_states=True)
        clean = self.logprobs(ids)[-1].exp()
        columns = []
        for stated in twin.stated:
            at = list(stated.tokens.positions())
            token = self.reader.answer_ids(stated.answer_kept or twin.answer or "")[0]
            rows = [
                float(self._patched(ids, layer, at, states[0, at])[-1, token].exp() - clean[token])
                for layer, states in enumerate(out.hidden_states[:-1])
            ]
            if stated.answer_kept is not None:
                columns.append(rows)
        return np.array(columns).T

    def _patched(self, ids: Sequence[int], layer: int, at: list[int], rows: Tensor) -> Tensor:
        def write(_module: Any, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            states = args[0].clone()
            states[0, at] = rows
            return (states, *args[1:])

        handle = self.reader.model.model.layers[layer].register_forward_pre_hook(write)
        try:
            return self.logprobs(ids)
        finally:
            handle.remove()


OURS: Mapping[str, Callable[[Measurement], np.ndarray]] = {
    "suppression": lambda m: _values(m, "answer"),
    "early_answering": lambda m: _values(m, "soft"),
    "filler": lambda m: _values(m, "from"),
    "step_patching": lambda m: _fed(_values(m, "answer")),
}
"""Measures whose obvious way is written here, and the array that it gives."""


def _values(measurement: Measurement, name: str) -> np.ndarray:
    result: Any = measurement.results[name]
    return np.asarray(result.values)


def _fed(grid: np.ndarray) -> np.ndarray:
    return grid[:, np.isfinite(grid).all(axis=0)]


def cpu_seconds(run: Callable[[], Any]) -> float:
    """CPU seconds of a run."""
    started = time.process_time()
    run()
    return time.process_time() - started


def line(
    reader: Reasoner, name: str, work: Sequence[tuple[Trace, Inputs]], *, obvious: bool
) -> str:
    """The table's line of one measure; the obvious way may be left out, for a chain on which it takes hours."""
    measured, reason = [], ""
    for item in work:
        try:
            measured.append((item, MEASURES[name].run(reader, *item)))
        except NotMeasurable as error:
            reason = str(error)
    if not measured:
        return f"| {name} | not measurable here: {reason[:60]} | | | | | |"
    work, measurements = zip(*measured, strict=True)
    size = sum(trace.cuts()[-1] for trace, _ in work)
    plain = min(
        cpu_seconds(lambda: [reader.prefix(t.ids[: t.cuts()[-1]]) for t, _ in work])
        for _ in range(3)
    )

    def told(run: Callable[[], Any]) -> tuple[float, list[str]]:
        with counted(reader) as count:
            seconds = cpu_seconds(run)
        return seconds, [f"{count.tokens / size:.1f}", f"{seconds / plain:.1f}"]

    ours, cells = told(lambda: [MEASURES[name].run(reader, *item) for item in work])
    if len(work) > 1:
        return f"| {' | '.join([name, *cells, *beside(reader, name, work, measurements, ours)])} |"
    if name not in OURS or not obvious:
        return f"| {' | '.join([name, *cells])} | | | | |"
    ways = [getattr(Obvious(reader, *item), name) for item in work]
    results: list[np.ndarray] = []
    slow, theirs = told(lambda: results.extend(ask() for ask in ways))
    pairs = zip(measurements, results, strict=True)
    far = max(float(np.abs(OURS[name](m) - values).max()) for m, values in pairs)
    return f"| {' | '.join([name, *cells, *theirs, f'{slow / ours:.1f}x', f'{far:.0e}'])} |"


def side_by_side(
    reader: Reasoner, name: str, work: Sequence[tuple[Trace, Inputs]]
) -> list[Measurement]:
    """One measure of all chains, in the companies in which `mechcot compare` takes them."""
    tasks = [partial(MEASURES[name].run, reader, *item) for item in work]
    sizes = [len(trace) for trace, _ in work]
    parts = (together(tasks[p], sizes=sizes[p], limit=Limit()) for p in companies(sizes))
    return [measurement for part in parts for measurement in part]


def beside(
    reader: Reasoner,
    name: str,
    work: Sequence[tuple[Trace, Inputs]],
    alone: Sequence[Measurement],
    seconds: float,
) -> list[str]:
    """Cells of the same chains side by side: runs of the first block before and now, ratio of CPU seconds, largest difference.

    Args:
        reader: The model.
        name: The measure.
        work: The chains.
        alone: Their measurements, one at a time.
        seconds: What those took.
    """
    measured: list[Measurement] = []
    side_by_side(reader, name, work[:2])
    with counted(reader) as before:
        for item in work:
            MEASURES[name].run(reader, *item)
    with counted(reader) as now:
        took = cpu_seconds(lambda: measured.extend(side_by_side(reader, name, work)))
    numbers = [(m.value, *m.scalars.values()) for m in (*alone, *measured)]
    differences = np.abs(np.array(numbers[: len(alone)]) - np.array(numbers[len(alone) :]))
    return [
        str(before.runs),
        str(now.runs),
        f"{seconds / took:.1f}x",
        f"{np.nanmax(differences):.0e}",
    ]


def random_pair(*, context: int, layers: int, width: int) -> tuple[Reasoner, Reasoner]:
    """A random model, and a copy whose weights were moved a little."""
    reader = reader_of(context=context, layers=layers, width=width)
    torch.manual_seed(0)
    other = Reasoner.of(copy.deepcopy(reader.model), reader.tokenizer, name="other")
    for weights in other.model.parameters():
        weights.data += 0.002 * torch.randn_like(weights)
    return reader, other


def work_of(
    reader: Reasoner, other: Reasoner, *, lengths: Sequence[float], steps: int, chains: int
) -> list[tuple[Trace, Inputs]]:
    """Chains of the wanted lengths, the first so many of them with what a measure is given.

    Args:
        reader: Who reads them.
        other: The model that comparisons with another one take.
        lengths: Tokens of each chain; two at least, since a measure may exchange chains.
        steps: Additions a chain.
        chains: How many are measured.
    """
    traces = [
        chain(reader, start=200 + 7 * i, tokens=int(n), steps=steps) for i, n in enumerate(lengths)
    ]
    return [
        (
            trace,
            replace(
                inputs_for(reader, trace, others=traces, seed=0, against=other),
                answer_tokens=ANSWER,
            ),
        )
        for trace in traces[:chains]
    ]


def main() -> None:
    """Print the table of one shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[1000])
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--chains", type=int, default=1)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("measures", nargs="*", default=list(STANDARD))
    args = parser.parse_args()
    shape = {"context": 2 * max(args.tokens) + 512, "layers": args.layers, "width": args.width}
    reader, other = random_pair(**shape)
    lengths = np.linspace(min(args.tokens), max(args.tokens), max(2, args.chains)).round()
    np.random.default_rng(0).shuffle(lengths)
    work = work_of(reader, other, lengths=lengths, steps=args.steps, chains=args.chains)
    head = (
        "measure",
        "ours: traces",
        "ours: forwards",
        *(
            ("runs, one at a time", "runs, side by side", "ratio of CPU seconds", "difference")
            if args.chains > 1
            else ("obvious: traces", "obvious: forwards", "ratio", "difference")
        ),
    )
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
    for name in args.measures:
        print(line(reader, name, work, obvious=not args.ours_only), flush=True)


if __name__ == "__main__":
    main()
