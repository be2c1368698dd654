"""`mechcot write`; heavy imports happen inside the command."""

from typing import TYPE_CHECKING, Annotated

import typer

from mechcot import command_inputs
from mechcot.cli.options import Field, MaxTokens, MostProblems, OutFile, Seed, Source
from mechcot.cli.outputs import makes
from mechcot.core.errors import UserError

if TYPE_CHECKING:
    from mechcot.runs.output_claims import Maker


@makes("write", but=("server", "concurrency", "timeout", "retries", "key_env"))
def write(  # noqa: PLR0913 - one argument per option
    out: OutFile,
    *,
    server: Annotated[
        str,
        typer.Option(
            metavar="URL", help="An OpenAI-compatible server, such as http://localhost:8000/v1."
        ),
    ],
    served: Annotated[
        str, typer.Option("--model", metavar="NAME", help="The model, as the server calls it.")
    ],
    source: Source,
    field: Field = None,
    n: MostProblems = None,
    n_samples: Annotated[int, typer.Option(min=1, help="Chains of each problem.")] = 1,
    max_tokens: MaxTokens = 4096,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.0,
    seed: Seed = 0,
    instruction: Annotated[
        str | None,
        typer.Option(
            help="What is written behind each question, or around it with {question} in it, or none; default: to box the answer."
        ),
    ] = None,
    think: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="OPEN CLOSE", help="The marks of the thought; default: those of each text."
        ),
    ] = None,
    token_ids: Annotated[
        bool,
        typer.Option(
            "--token-ids", help="Ask for the ids of the tokens too (vLLM: return_token_ids)."
        ),
    ] = False,
    body: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help='Further fields of each request, such as {"top_p": 0.95, "reasoning_effort": "high"}.',
        ),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests under way at a time.")] = 64,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that one answer may take.")] = 1800,
    retries: Annotated[int, typer.Option(min=0, help="Further tries of a request.")] = 8,
    key_env: Annotated[
        str | None,
        typer.Option(
            metavar="VARIABLE",
            help="Environment variable that holds the key; default MECHCOT_API_KEY, where it is set.",
        ),
    ] = None,
    maker: "Maker",
) -> None:
    """Let a model on a server write chains, as the lines that --traces reads.

    A killed run goes on where it stopped: answers are kept beside --out, in FILE.replies.
    """
    fields = command_inputs.check_problems(source, field)
    if maker.made(out):
        typer.echo(
            f"{out} is there already, made by this command with these settings; --overwrite makes it anew"
        )
        return
    from mechcot import tasks
    from mechcot.runs.threads import Threads
    from mechcot.text.think_tags import ThoughtTags
    from mechcot.traces.formats import write_lines
    from mechcot.traces.server import server_of
    from mechcot.traces.write_on_server import Request, write_on_server

    there = server_of(server, key_env=key_env, timeout=timeout, retries=retries)
    further = {**({"return_token_ids": True} if token_ids else {}), **_object(body)}
    request = Request(
        served,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        samples=n_samples,
        instruction=_instruction(instruction),
        further=further,
    )
    written = write_on_server(
        there,
        request,
        tasks.problems(source, n=n, seed=seed, fields=fields),
        folder=out.with_name(f"{out.name}.replies"),
        executor=Threads(concurrency),
        tags=None if think is None else ThoughtTags(*think),
    )
    write_lines(out, written.chains)
    maker.note(out)
    for line in (*written.told(), f"written: {out}"):
        typer.echo(line)


def _instruction(text: str | None) -> str:
    from mechcot.model.prompts import BOXED

    if text is None:
        return BOXED
    return "" if text == "none" else text.replace("\\n", "\n")


def _object(text: str | None) -> dict[str, object]:
    import json

    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        raise UserError(f"--body: expected a JSON object, got {text!r} ({error})") from None
    if not isinstance(value, dict):
        raise UserError(f"--body: expected a JSON object, got {text!r}")
    if kept := value.keys() & {"model", "messages", "stream", "n"}:
        raise UserError(f"--body: {', '.join(sorted(kept))} cannot be given here; leave it out")
    return value
