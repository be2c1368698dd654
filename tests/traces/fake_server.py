"""A server in this process that answers chat completions as it is told to."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def completion(message: dict[str, Any], *, finish: str = "stop", **further: Any) -> dict[str, Any]:
    """An answer as the servers give it."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    own = further.pop("choice", {})
    usage = {"prompt_tokens": 10, "completion_tokens": 20}
    return {"id": "chatcmpl-1", "choices": [choice | own], "usage": usage, **further}


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        body: What it holds.
        tries: How often it was sent before.
    """

    body: dict[str, Any]
    tries: int

    @property
    def prompt(self) -> str:
        return self.body["prompt"]

    @property
    def question(self) -> str:
        return self.body["messages"][0]["content"]


class Server:
    """What was asked, and how the next questions are answered.

    Attributes:
        models: The names of its models.
        asked: The requests' bodies, in order.
        headers: Their headers.
        answer: From a request to what goes back: an object, bytes, (status, headers, object), or
            "cut" for a body that ends too early.
    """

    def __init__(self, answer: Callable[[Asked], Any], models: Sequence[str]) -> None:
        self.answer = answer
        self.models = models
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self.stop: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def reply(self, body: dict[str, Any], headers: dict[str, str]) -> Any:
        with self._lock:
            tries = sum(body == before for before in self.asked)
            self.asked.append(body)
            self.headers.append({name.lower(): value for name, value in headers.items()})
        return self.answer(Asked(body, tries))


@contextmanager
def serving(answer: Callable[[Asked], Any], models: Sequence[str] = ()) -> Iterator[Server]:
    """A server for what is done inside."""
    server = Server(answer, models)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            data = [{"id": name, "object": "model"} for name in server.models]
            self.send(200, {}, json.dumps({"object": "list", "data": data}).encode())

        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(size))
            reply = server.reply(body, dict(self.headers))
            if reply == "cut":
                self.send(200, {}, b'{"choices": [{"mess', claimed=4000)
                self.close_connection = True
                return
            status, headers, value = reply if isinstance(reply, tuple) else (200, {}, reply)
            self.send(
                status, headers, value if isinstance(value, bytes) else json.dumps(value).encode()
            )

        def send(self, status, headers, body, claimed=None) -> None:
            self.send_response(status)
            for name, value in (
                {"Content-Type": "application/json", "Content-Length": str(claimed or len(body))}
                | headers
            ).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}/v1"

    def stop() -> None:
        http.shutdown()
        http.server_close()

    server.stop = stop
    try:
        yield server
    finally:
        stop()
        thread.join()
