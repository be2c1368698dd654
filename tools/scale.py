"""Cost of each measure for models of 1.5B, 7B and 70B, from the counting code that announces the cost of a run: the tables of `docs/scale.md`.

python -m tools.scale           # writes them into the page

operations = forwards (2 P T + 4 L d T^2)      P parameters, L layers of width d (all heads), T tokens
seconds    = operations / (peak x share) + calls x weights / bandwidth
cache      = 2 L d_kv T x 2 bytes
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mechcot.compare.cost import reading_bytes
from mechcot.compare.forecast import duration
from mechcot.measures.registry import MEASURES, STANDARD
from mechcot.model.prefix.lockstep import TASKS_AT_ONCE, TOKENS_AT_ONCE
from tools.docs_pages import table

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
PEAK, SHARE = 989e12, 0.4
"""Operations a second of an H100 in bfloat16 without sparsity (its data sheet), and the share that a forward of a long text reaches."""
BANDWIDTH = 3.35e12
"""Bytes a second of its memory (the same sheet)."""
MEMORY = 80e9
BFLOAT16 = 2
PROBLEMS, READERS = 1_000, 3
"""A comparison of two checkpoints, with the null reader."""
QUEUE = 64
SHORTER = tuple(name for name in STANDARD if name != "step_patching")


@dataclass(frozen=True)
class Model:
    """The shape of a model.

    Attributes:
        name: Its size.
        like: Whose shape it is.
        parameters: How many.
        layers: Blocks.
        heads: Attention heads of a block.
        kv_heads: Of its keys.
        width: Of a head.
    """

    name: str
    like: str
    parameters: float
    layers: int
    heads: int
    kv_heads: int
    width: int = 128

    @property
    def weights(self) -> float:
        """Bytes of its weights in bfloat16."""
        return BFLOAT16 * self.parameters

    def cache(self, tokens: int) -> float:
        """Bytes of the keys and values of a text."""
        return 2 * BFLOAT16 * self.layers * self.kv_heads * self.width * tokens

    def operations(self, tokens: int) -> float:
        """Operations of one forward; what a mask hides is computed, too."""
        attention = 4 * self.layers * self.heads * self.width * tokens**2
        return 2 * self.parameters * tokens + attention


MODELS = (
    Model("1.5B", "Qwen2.5-1.5B", 1.54e9, 28, 12, 2),
    Model("7B", "Qwen2.5-7B", 7.62e9, 28, 28, 4),
    Model("70B", "Llama-3.1-70B", 70.6e9, 80, 64, 8),
)
LENGTHS: Mapping[int, int] = {1_000: 32, 8_000: 150, 32_000: 300}
"""Tokens of a trace -> steps of its chain."""


def operations(measure: str, model: Model, tokens: int) -> float:
    """Operations of a measurement."""
    forwards = MEASURES[measure].card.forwards.of(steps=LENGTHS[tokens], layers=model.layers)
    return forwards * model.operations(tokens)


def calls(measure: str, tokens: int) -> float:
    """Calls of the model for a measurement, among chains side by side."""
    together = max(1, min(TASKS_AT_ONCE, TOKENS_AT_ONCE // tokens))
    return MEASURES[measure].card.calls.of([(LENGTHS[tokens], tokens)] * together) / together


def gpu_seconds(model: Model, tokens: int, measures: Sequence[str] = STANDARD) -> float:
    """Seconds of one H100 for a comparison of so many problems."""
    one = sum(
        operations(measure, model, tokens) / (PEAK * SHARE)
        + calls(measure, tokens) * model.weights / BANDWIDTH
        for measure in measures
    )
    return PROBLEMS * READERS * one


def _cells() -> list[tuple[Model, int]]:
    return [(model, tokens) for model in MODELS for tokens in LENGTHS]


def _heads(first: str) -> list[str]:
    return [first, *(f"{model.name}, {tokens // 1000}k" for model, tokens in _cells())]


def operations_table() -> str:
    """Operations of one measurement, in units of 10^12."""
    rows = [
        [_title(name), *(_short(operations(name, *cell) / 1e12) for cell in _cells())]
        for name in MEASURES
    ]
    return table(_heads("10^12 operations of one measurement"), rows)


def calls_table() -> str:
    """Calls of the model for one measurement."""
    rows = [
        [_title(name), *(_short(calls(name, tokens)) for tokens in LENGTHS)] for name in MEASURES
    ]
    return table(["calls for one measurement", *(f"{tokens // 1000}k" for tokens in LENGTHS)], rows)


def _title(name: str) -> str:
    return f"{MEASURES[name].card.title}{'' if name in STANDARD else ' (on request)'}"


def bytes_table() -> str:
    """Bytes: weights, cache, and what a measurement takes on disk."""
    rows = [
        ["weights, GB", *(_short(model.weights / 1e9) for model, _ in _cells())],
        ["keys and values of a trace, GB", *(_short(m.cache(t) / 1e9) for m, t in _cells())],
    ]
    for name in MEASURES:
        sizes = [
            reading_bytes(name, steps=LENGTHS[tokens], layers=model.layers, heads=model.heads)
            for model, tokens in _cells()
        ]
        rows.append([f"disk, MB: {MEASURES[name].card.title}", *(_short(s / 1e6) for s in sizes)])
    return table(_heads("bytes of one measurement"), rows)


def time_table() -> str:
    """Time of a whole comparison, and the seconds of a token that is drawn alone."""
    seconds = [gpu_seconds(*cell) for cell in _cells()]
    group = [_gpus(model) for model, _ in _cells()]  # GPUs that hold the model work as fast as one
    rows = [
        ["GPUs that hold two checkpoints", *map(str, group)],
        ["one H100 (or as many as hold it)", *map(_time, seconds)],
        ["the same without step patching", *(_time(gpu_seconds(*cell, SHORTER)) for cell in _cells())],
        ["eight", *(_time(s / (8 // g)) for s, g in zip(seconds, group, strict=True))],
        [f"a queue with {QUEUE}", *(_time(s / (QUEUE // g)) for s, g in zip(seconds, group, strict=True))],
        ["milliseconds of a token drawn alone", *(_short(1e3 * m.weights / BANDWIDTH) for m, _ in _cells())],
    ]  # fmt: skip
    return table(_heads(f"{PROBLEMS:,} problems, {len(STANDARD)} standard measures"), rows)


def _gpus(model: Model) -> int:
    """GPUs, a power of two, whose memory holds two checkpoints and a tenth."""
    count = 1
    while count * MEMORY < 2.2 * model.weights:
        count *= 2
    return count


def _time(seconds: float) -> str:
    return f"{seconds / 3600:,.0f} h" if seconds > 36_000 else duration(seconds)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


TABLES = {
    "operations": operations_table,
    "calls": calls_table,
    "bytes": bytes_table,
    "time": time_table,
}


def filled(text: str) -> str:
    """The page with its tables written anew, each between two comments with its name."""
    for name, make in TABLES.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        head, rest = text.split(start)
        text = f"{head}{start}{make()}\n{end}{rest.split(end)[1]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
