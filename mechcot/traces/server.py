"""Ask an OpenAI-compatible server (vLLM, SGLang, llama.cpp, `transformers serve`, an API) for one chain, or one continuation of a text, at a time.

The `openai` client tries again with growing pauses and as `Retry-After` says. The key is read from one environment variable that the user
names, is sent to the server alone, and is struck out of whatever the server says.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.text.json_lines import DECODER

KEY_VARIABLE = "MECHCOT_API_KEY"
"""The environment variable that is read where the user names none."""
_NO_KEY = "none"
_STRUCK = "[key]"
_LONGEST = 300
"""Characters of what a server says, in a message."""
_AGAIN = "the same command resumes"
_REFUSED = (400, 413, 422)
"""Answers that say of one request that it will never be answered."""


@dataclass(frozen=True)
class Server:
    """A server that writes.

    Attributes:
        url: Its address, `/v1` included.
        key: What it is asked with.
        timeout: Seconds that one answer may take.
        retries: Most further tries of a request that was not answered.
    """

    url: str
    key: str = field(default=_NO_KEY, repr=False)
    timeout: float = 1800.0
    retries: int = 8

    def client(self) -> Any:
        """The client; of what the environment says of other servers it gets nothing.

        Raises:
            UserError: The `openai` library is not installed.
        """
        try:
            from openai import OpenAI
        except ImportError:
            raise UserError(
                "the `openai` library is not installed; pip install 'mechcot[server]'"
            ) from None
        client = OpenAI(
            base_url=self.url, api_key=self.key, timeout=self.timeout, max_retries=self.retries
        )
        client.organization = client.project = client.admin_api_key = None
        return client

    def struck(self, text: str) -> str:
        """What the server said, without the key."""
        return text if self.key == _NO_KEY else text.replace(self.key, _STRUCK)


def server_of(
    url: str, *, key_env: str | None, timeout: float = Server.timeout, retries: int = Server.retries
) -> Server:
    """The server of the command line.

    Args:
        url: Its address.
        key_env: Name of the environment variable that holds the key; None: `KEY_VARIABLE`, which may be unset.
        timeout: See `Server`.
        retries: See `Server`.

    Raises:
        UserError: No address of a server, an address that holds a password or a key, an unset variable.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UserError(
            "--server: expected an address such as http://localhost:8000/v1, with http or https"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UserError(
            f"--server: expected an address without user, password or parameters, such as {parts.scheme}://{parts.hostname}/v1; "
            f"a key goes into the environment ({KEY_VARIABLE}, or name another variable with --key-env)"
        )
    key = os.environ.get(key_env or KEY_VARIABLE, "").strip()
    if key_env and not key:
        raise UserError(
            f"--key-env {key_env}: expected a key in that environment variable, got none"
        )
    return Server(url.rstrip("/"), key or _NO_KEY, timeout=timeout, retries=retries)


def ask_server(server: Server, client: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for one chain, or for one continuation of a `prompt`.

    Args:
        server: The server.
        client: Its client.
        body: The request, as OpenAI's chat completions (`messages`) or completions (`prompt`) take it; further fields are sent as they are.

    Returns:
        `choice`, `usage`, `token_ids` where the server gives them; or `refused`: why it will never answer this.

    Raises:
        NotMeasurable: There was no answer to this request; the same command asks again.
        UserError: The server is not there, or refuses every request.
    """
    import openai

    said, place = ("prompt", client) if "prompt" in body else ("messages", client.chat)
    known = {name: body[name] for name in ("model", said)}
    further = {name: value for name, value in body.items() if name not in known}
    try:
        answer = place.completions.with_raw_response.create(**known, extra_body=further)
    except openai.APIStatusError as error:
        said = f"{error.status_code}: {_said(server, error.response.text)}"
        if error.status_code in _REFUSED:
            return {"refused": f"the server refused the request ({said})"}
        if error.status_code in {401, 403}:
            raise UserError(
                f"the server refused the key ({said}); put one into {KEY_VARIABLE}, or name its variable with --key-env"
            ) from None
        if error.status_code == 404:
            raise UserError(
                f"the server knows no such model or address ({said}); `curl {server.url}/models` lists its models for --model"
            ) from None
        waits = error.response.headers.get("retry-after")
        later = f", and asks to wait {waits} s" if waits else ""
        raise NotMeasurable(f"the server answered {said}{later}") from None
    except openai.APITimeoutError:
        raise NotMeasurable(
            f"no answer within {server.timeout:g} s (--timeout), asked {server.retries + 1} times"
        ) from None
    except openai.APIConnectionError as error:
        said = _said(server, str(error.__cause__ or error))
        if not _answers(client):
            raise UserError(
                f"{server.url} does not answer ({said}); see that the server runs and the address is right; {_AGAIN}"
            ) from None
        raise NotMeasurable(f"the server cut its answer ({said})") from None
    return _reply(server, answer.http_response.content)


def models_of(server: Server) -> list[str] | None:
    """The names of a server's models; None where it answers, and lists none.

    Raises:
        UserError: It does not answer, or refuses the key.
    """
    client = server.client()
    import openai

    try:
        listed = client.with_options(max_retries=1).models.list().data
    except openai.APIStatusError as error:
        if error.status_code not in {401, 403}:
            return None
        raise UserError(f"{server.url} refused the key; put one into {KEY_VARIABLE}") from None
    except (openai.OpenAIError, ValueError, TypeError) as error:
        raise UserError(
            f"{server.url} does not list its models ({_said(server, str(error))}); see that the server runs, and that the address ends in /v1"
        ) from None
    return [str(model.id) for model in listed]


def _answers(client: Any) -> bool:
    """Return whether the server answers anything at all."""
    import openai

    try:
        client.with_options(max_retries=0, timeout=10.0).models.list()
    except openai.APIStatusError:
        return True
    except (openai.OpenAIError, ValueError, TypeError):
        return False
    return True


def _reply(server: Server, content: bytes) -> dict[str, Any]:
    """What is kept of an answer.

    Raises:
        NotMeasurable: It is none.
    """
    text = server.struck(content.decode("utf-8", "replace"))
    try:
        answer = DECODER.decode(text)
    except (ValueError, RecursionError):
        raise NotMeasurable(f"the server's answer is no JSON: {_said(server, text)!r}") from None
    choices = answer.get("choices") if isinstance(answer, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        raise NotMeasurable(f"the server's answer holds no choice: {_said(server, text)!r}")
    ids = _token_ids(choice)
    bulk = {"logprobs", "token_ids", "prompt_logprobs"}
    kept = {
        "choice": {name: value for name, value in choice.items() if name not in bulk},
        "usage": answer.get("usage"),
        **({"token_ids": ids} if ids else {}),
    }
    return _spelled(kept)


def _token_ids(choice: Mapping[str, Any]) -> list[int]:
    """Ids of the tokens of an answer: `token_ids`, or logprobs whose tokens are called `token_id:N`; none where there are none."""
    ids = choice.get("token_ids")
    if not isinstance(ids, list):
        logprobs = choice.get("logprobs")
        content = logprobs.get("content") if isinstance(logprobs, dict) else None
        tokens = content if isinstance(content, list) else ()
        names = [str(token.get("token")) if isinstance(token, dict) else "" for token in tokens]
        digits = [name.removeprefix("token_id:") for name in names if name.startswith("token_id:")]
        whole = (
            bool(names)
            and len(digits) == len(names)
            and all(d.isdecimal() and len(d) < 20 for d in digits)
        )
        ids = [int(d) for d in digits] if whole else []
    return ids if all(isinstance(i, int) and not isinstance(i, bool) for i in ids) else []


def _spelled(value: Any) -> Any:
    """The value with a mark in place of halves of characters, which no file can hold."""
    if isinstance(value, dict):
        return {_spelled(name): _spelled(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_spelled(part) for part in value]
    return (
        value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if isinstance(value, str)
        else value
    )


def _said(server: Server, text: str) -> str:
    """The beginning of what a server said, on one line, without the key and what a terminal would obey."""
    line = " ".join(server.struck(text).split())
    return "".join(c if c.isprintable() else "?" for c in line)[:_LONGEST]
