"""Commands of `mechcot sae`: train, score, falsify, patch, vector, probe, plant, page. Heavy imports stand inside."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mechcot import argument_checks
from mechcot.model.asking import Asking, asks

app = typer.Typer(
    no_args_is_help=True, help="Sparse features on reasoning steps, before and after."
)

Base = Annotated[str, typer.Argument(help="The model before fine-tuning.")]
Tuned = Annotated[str, typer.Argument(help="The model after it.")]
_Problems = Annotated[
    str | None,
    typer.Option(
        help="JSON lines {id, question, answer}, gsm8k, or a dataset name; default the organisms' task."
    ),
]
Dict = Annotated[str, typer.Argument(help="A dictionary: a folder, or RELEASE/ID of SAE-Lens.")]
_Chains = Annotated[int, typer.Option("--n", help="Number of fresh problems.")]
Folder = Annotated[
    Path, typer.Option("--out", help="Folder for what is found, and for the chains.")
]
_Seed = Annotated[int, typer.Option(help="Seed of problems, training and statistics.")]
MaxTokens = Annotated[int, typer.Option(help="Longest completion, in tokens.")]


@app.command()
@asks
def train(  # noqa: PLR0913 - one argument per option
    base: Base,
    tuned: Tuned,
    out: Annotated[Path, typer.Option("--out", help="Folder of the dictionary.")],
    site: Annotated[
        str, typer.Option(help="Residual site, such as resid_post.2.")
    ] = "resid_post.2",
    width: Annotated[int, typer.Option(help="Number of features.")] = 1024,
    k: Annotated[int, typer.Option(help="Features per token (batchtopk, topk).")] = 12,
    architecture: Annotated[
        str, typer.Option(help="batchtopk, topk, jumprelu or standard.")
    ] = "batchtopk",
    penalty: Annotated[
        float,
        typer.Option(help="Sparsity coefficient (jumprelu, standard); 0: what suits it."),
    ] = 0.0,
    samples: Annotated[int, typer.Option(help="States seen, repeats counted.")] = 1_000_000,
    problems: _Problems = None,
    field: argument_checks.Field = None,
    n: Annotated[int, typer.Option("--n", help="Number of problems.")] = 600,
    max_tokens: MaxTokens = 512,
    seed: _Seed = 0,
    *,
    asking: Asking,
) -> None:
    """Train one dictionary on the states of both checkpoints and print its fit on each."""
    fields = argument_checks.check_problems(problems, field)
    argument_checks.check_models([base, tuned])
    from mechcot.sae.run import Training, train_and_fit
    from mechcot.sae.training import TrainingSettings, architecture_of

    settings = TrainingSettings(
        architecture=architecture_of(architecture),
        width=width,
        k=k,
        penalty=penalty,
        samples=samples,
        seed=seed,
    )
    job = Training(
        base, tuned, site, settings, problems, n, max_tokens, out, asking, tuple(fields.items())
    )
    _say(train_and_fit(job))


@app.command()
@asks
def score(
    dictionary: Dict,
    base: Base,
    tuned: Tuned,
    out: Folder,
    problems: _Problems = None,
    field: argument_checks.Field = None,
    n: _Chains = 96,
    seed: _Seed = 0,
    *,
    asking: Asking,
) -> None:
    """Score features on words and on step kinds, and say what changed; writes score.json."""
    fields = _look(dictionary, (base, tuned), problems, field)
    from mechcot.core.store import write_json
    from mechcot.sae.results import score_lines, scored
    from mechcot.sae.run import open_study

    study = open_study(
        dictionary,
        base,
        tuned,
        problems=problems,
        fields=fields,
        n=n,
        seed=seed,
        out=out,
        asking=asking,
    )
    found = scored(study, seed=seed)
    write_json(out / "score.json", found)
    _say([*map(str, study.fits), *score_lines(found), f"written: {out / 'score.json'}"])


@app.command()
@asks
def falsify(
    dictionary: Dict,
    base: Base,
    tuned: Tuned,
    out: Folder,
    problems: _Problems = None,
    field: argument_checks.Field = None,
    n: _Chains = 96,
    seed: _Seed = 0,
    repeats: Annotated[
        int, typer.Option(help="Texts for injection from each chain; more narrow the bound.")
    ] = 1,
    *,
    asking: Asking,
) -> None:
    """Try to break the claim that features are about reasoning; writes falsify.json."""
    fields = _look(dictionary, (base, tuned), problems, field)
    from mechcot.core.store import write_json
    from mechcot.sae.results import falsified, falsify_lines
    from mechcot.sae.run import open_study

    study = open_study(
        dictionary,
        base,
        tuned,
        problems=problems,
        fields=fields,
        n=n,
        seed=seed,
        out=out,
        asking=asking,
    )
    found = falsified(study, seed=seed, repeats=repeats)
    write_json(out / "falsify.json", found)
    _say([*map(str, study.fits), *falsify_lines(found), f"written: {out / 'falsify.json'}"])


def _look(
    dictionary: str, models: Sequence[str], problems: str | None, field: Sequence[str] | None = None
) -> dict[str, str]:
    """See that what a command is given can be read; the fields of the problems."""
    argument_checks.check_dictionary(dictionary)
    fields = argument_checks.check_problems(problems, field)
    argument_checks.check_models(models)
    return fields


def _say(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)


@app.command()
@asks
def patch(
    dictionary: Dict,
    base: Base,
    tuned: Tuned,
    out: Folder,
    n: _Chains = 48,
    seed: _Seed = 0,
    *,
    asking: Asking,
) -> None:
    """Patch stated values through k features instead of the whole state; writes patch.json."""
    _look(dictionary, (base, tuned), None)
    from mechcot.core.store import write_json
    from mechcot.sae.feature_patching import patch_lines, patched
    from mechcot.sae.run import open_study

    study = open_study(
        dictionary, base, tuned, problems=None, n=n, seed=seed, out=out, asking=asking
    )
    found = [patched(study.dictionary, reader, study.traces, seed=seed) for reader in study.readers]
    write_json(out / "patch.json", {"fit": [f.to_json() for f in study.fits], "curves": found})
    _say([*map(str, study.fits), *(line for each in found for line in patch_lines(each))])
    _say([f"written: {out / 'patch.json'}"])


@app.command()
@asks
def vector(
    dictionary: Dict,
    model: Annotated[str, typer.Argument(help="The model that it shall be added to.")],
    feature: Annotated[int, typer.Option(help="Number of the feature.")],
    out: Annotated[Path, typer.Option("--out", help="File to write, .safetensors.")],
    problems: _Problems = None,
    field: argument_checks.Field = None,
    n: _Chains = 32,
    seed: _Seed = 0,
    *,
    asking: Asking,
) -> None:
    """Write a feature as a steering vector, for `mechcot steer apply` and experiment files."""
    fields = _look(dictionary, (model,), problems, field)
    from mechcot.model.loading.preflight import preflight
    from mechcot.model.reasoner import Reasoner
    from mechcot.sae.chains import Questions
    from mechcot.sae.dictionary import load
    from mechcot.sae.feature_vectors import feature_vector

    reader, found = Reasoner.load(model, asking=asking), load(dictionary)
    found.check(reader)
    asked = Questions(problems, n, seed + 1000, fields=tuple(fields.items()))
    preflight(reader, asked.problems())
    traces = reader.write(asked.problems(), max_tokens=asked.max_tokens, seed=asked.seed)
    made = feature_vector(found, reader, traces, feature)
    made.save(out)
    _say([f"written: {out} ({made.origin.method} at {made.site.name}, length {made.norm:.3g})"])


@app.command()
@asks
def probe(
    dictionary: Dict,
    base: Base,
    tuned: Tuned,
    out: Folder,
    problems: _Problems = None,
    field: argument_checks.Field = None,
    n: _Chains = 96,
    seed: _Seed = 0,
    *,
    asking: Asking,
) -> None:
    """Probe features against whole states for kind, use and the known answer; writes probe.json."""
    fields = _look(dictionary, (base, tuned), problems, field)
    from mechcot.core.store import write_json
    from mechcot.probes.features import probe_lines, probed
    from mechcot.sae.run import open_study

    study = open_study(
        dictionary,
        base,
        tuned,
        problems=problems,
        fields=fields,
        n=n,
        seed=seed,
        out=out,
        asking=asking,
    )
    found = [probed(study.dictionary, reader, study.traces, seed=seed) for reader in study.readers]
    write_json(out / "probe.json", {"fit": [f.to_json() for f in study.fits], "models": found})
    _say([*map(str, study.fits), *(line for each in found for line in probe_lines(each))])
    _say([f"written: {out / 'probe.json'}"])


@app.command()
def plant(
    out: Folder,
    base: Annotated[str, typer.Option(help="An organism.")] = "organism:base",
    marks: Annotated[
        str, typer.Option(help="What marks a step, comma separated.")
    ] = "restated,early,seven",
    seeds: Annotated[int, typer.Option(help="Plants per mark.")] = 1,
    blocks: Annotated[int, typer.Option(help="Blocks that write the plant, up to the third.")] = 1,
    width: Annotated[int, typer.Option(help="Number of features.")] = 512,
    seed: _Seed = 0,
) -> None:
    """Plant directions that no word shows, find them, and count; writes plant.json. Every plant is kept as it finishes."""
    from dataclasses import asdict

    from mechcot.core.errors import UserError
    from mechcot.core.store import digest, read_json, write_json
    from mechcot.model.reasoner import Reasoner
    from mechcot.sae.plant import MARKS, SITE, WORD_MARK, Plant
    from mechcot.sae.plant_recovery import CANDIDATES, GROWN, REPEATS, find_one, plant_lines, summed
    from mechcot.sae.training import TrainingSettings

    names = [name.strip() for name in marks.split(",")]
    if unknown := [name for name in names if name not in {*MARKS, WORD_MARK}]:
        known = ", ".join((*MARKS, WORD_MARK))
        raise UserError(f"--marks: expected some of {known}, got {unknown[0]!r}")
    if not 1 <= blocks <= SITE.layer + 1:
        raise UserError(f"--blocks: expected 1 to {SITE.layer + 1}, got {blocks}")
    reader = Reasoner.load(base)
    settings = TrainingSettings(width=width, samples=200_000)
    plants = [Plant(mark=m, seed=seed + n, blocks=blocks) for n in range(seeds) for m in names]
    found = []
    for each in plants:
        about = [reader.weights_hash, repr(each), asdict(settings), CANDIDATES, GROWN, REPEATS]
        path = out / "plants" / f"{each.mark}-{each.seed}-{digest(*about)}.json"
        if not path.is_file():
            write_json(path, find_one(reader, each, settings=settings))
        found.append(read_json(path, what="what the search for one plant found"))
    result = summed(found)
    write_json(out / "plant.json", result)
    _say([*plant_lines(result), f"written: {out / 'plant.json'}"])


@app.command()
def page(
    folder: Annotated[
        Path, typer.Argument(help="Folder with score.json, perhaps falsify.json and probe.json.")
    ],
) -> None:
    """Set the page of what `score`, `falsify` and `probe` found; writes page.html."""
    from mechcot.core.errors import UserError

    if not (folder / "score.json").is_file():
        raise UserError(
            f"{folder}: no score.json; run `mechcot sae score ... --out {folder}` first"
        )
    from mechcot.core.store import read_json, write_text
    from mechcot.sae.results import SCHEMA
    from mechcot.view.pages.sae import page as made

    score = read_json(folder / "score.json", what="what `mechcot sae score` found")
    trials, probes = (
        read_json(p, what=f"what `mechcot sae {p.stem}` found") if p.is_file() else None
        for p in (folder / "falsify.json", folder / "probe.json")
    )
    for name, found in (("score", score), ("falsify", trials)):
        if found is not None and found.get("schema") != SCHEMA:
            raise UserError(
                f"{folder}/{name}.json has schema {found.get('schema')}, this version reads {SCHEMA}; run `mechcot sae {name}` again"
            )
    write_text(folder / "page.html", made(score, trials, probes))
    _say([f"written: {folder / 'page.html'}"])
