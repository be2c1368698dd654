"""Commands of `mechcot sae`: train, score, falsify, patch, plant, probe, page. Heavy imports stand inside."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="Sparse features on reasoning steps, before and after."
)

Base = Annotated[str, typer.Argument(help="The model before fine-tuning.")]
Tuned = Annotated[str, typer.Argument(help="The model after it.")]
Problems = Annotated[
    str | None,
    typer.Option(
        help="JSON lines {id, question, answer}, gsm8k, or a dataset name; default the organisms' task."
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of problems, training and statistics.")]
MaxTokens = Annotated[int, typer.Option(help="Longest completion, in tokens.")]


@app.command()
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
        float, typer.Option(help="Sparsity coefficient (jumprelu, standard).")
    ] = 1.0,
    samples: Annotated[int, typer.Option(help="States seen, repeats counted.")] = 1_000_000,
    problems: Problems = None,
    n: Annotated[int, typer.Option("--n", help="Number of problems.")] = 600,
    max_tokens: MaxTokens = 512,
    seed: Seed = 0,
) -> None:
    """Train one dictionary on the states of both checkpoints and print its fit on each."""
    from mechcot.features.run import Training, train_and_fit
    from mechcot.features.training import Settings, architecture_of

    settings = Settings(
        architecture=architecture_of(architecture),
        width=width,
        k=k,
        penalty=penalty,
        samples=samples,
        seed=seed,
    )
    job = Training(base, tuned, site, settings, problems, n, max_tokens, out)
    for line in train_and_fit(job):
        typer.echo(line)
