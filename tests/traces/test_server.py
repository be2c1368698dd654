"""Chains from a server: every shape of answer, every fault of a server, nothing asked twice, no key anywhere."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.model.reasoner import Reasoner
from mechcot.runs.threads import Threads
from mechcot.traces.continuations import served_model
from mechcot.traces.external import load_chains
from mechcot.traces.formats import write_lines
from mechcot.traces.load import load_traces
from mechcot.traces.server import Server, server_of
from mechcot.traces.write_on_server import Request, write_on_server
from tests.compare.tiny_models import byte_tokenizer, save_tiny, sum_of
from tests.runs.commands import call
from tests.traces.fake_server import completion, serving

THOUGHT, SAID = "First we add 3 and 4. So the sum is 7.", "The answer is 7."
REQUEST = Request("tiny", max_tokens=40)


def question(body) -> str:
    return body["messages"][0]["content"]


def problems(n=3) -> list[Problem]:
    return [Problem(**sum_of(i)) for i in range(n)]


def write(server, folder, request=REQUEST, n=3, retries=2, workers=4, **options):
    there = Server(server.url, retries=retries, timeout=20.0, **options)
    return write_on_server(
        there, request, problems(n), folder=folder, executor=Threads(workers), tags=None
    )


def plain(_):
    return completion({"content": f"<think>{THOUGHT}</think>{SAID}"})


SHAPES = {
    "reasoning_content": {"reasoning_content": THOUGHT, "content": SAID},
    "reasoning": {"reasoning": THOUGHT, "content": SAID},
    "both names": {"reasoning": THOUGHT, "reasoning_content": THOUGHT, "content": SAID},
    "details": {"reasoning_details": [{"type": "reasoning.text", "text": THOUGHT}], "content": SAID},
    "marks": {"content": f"<think>{THOUGHT}</think>{SAID}"},
    "closing mark only": {"content": f"{THOUGHT}</think>{SAID}"},
    "harmony": {"content": f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{SAID}"},
    "parts": {"content": [{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": SAID}]},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_thought_is_found_in_every_shape(shape, tmp_path):
    with serving(lambda _: completion(SHAPES[shape])) as server:
        written = write(server, tmp_path / "r", n=1)
    (chain,) = written.chains
    assert (chain.chain.strip(), chain.answer.strip()) == (THOUGHT, SAID)
    assert chain.opened and chain.closed and not chain.cut and chain.author == "tiny"
    write_lines(tmp_path / "t.jsonl", written.chains)
    assert load_chains(tmp_path / "t.jsonl") == written.chains
    assert chain.problem.meta["completion_tokens"] == 20
    assert chain.problem.meta["finish_reason"] == "stop"


def test_a_chain_at_the_token_limit_is_cut_and_said(tmp_path):
    def half(asked):
        cut = "2 + 4" in asked.question
        return completion(
            {"content": f"<think>{THOUGHT}" if cut else f"{THOUGHT} {SAID}"},
            finish="length" if cut else "stop",
        )

    with serving(half) as server:
        written = write(server, tmp_path / "r")
    assert [chain.cut for chain in written.chains] == [False, False, True]
    told = " ".join(written.told())
    assert "3 chains, 1 cut at the longest completion (finish reasons: stop 2, length 1)" in told
    assert "2 chains show no mark of a thought: each is read whole" in told
    assert "30 tokens of prompts, 60 of completions" in told


def test_each_chain_has_its_seed_and_more_samples_add_to_those_that_are_there(tmp_path):
    def seeded(asked):
        return completion({"content": f"{THOUGHT} seed {asked.body['seed']}. {SAID}"})

    folder = tmp_path / "r"
    with serving(seeded) as server:
        one = write(server, folder, Request("tiny", temperature=0.6, seed=5))
        three = write(server, folder, Request("tiny", temperature=0.6, seed=5, samples=3))
        assert len(server.asked) == 9
        assert len({body["seed"] for body in server.asked}) == 9
    assert [chain.sample for chain in three.chains] == ["0", "1", "2"] * 3
    assert [chain.chain for chain in three.chains[::3]] == [chain.chain for chain in one.chains]
    for chain in three.chains:
        assert f"seed {chain.problem.meta['seed']}." in chain.chain
    with pytest.raises(
        UserError, match="at temperature 0 asks for the same chain 3 times; add --temperature"
    ):
        Request("tiny", samples=3)


def test_a_busy_and_a_failing_server_are_asked_again(tmp_path):
    def busy(asked):
        if asked.tries == 0 and "0 + 4" in asked.question:
            return 429, {"Retry-After": "0.3"}, {"error": {"message": "slow down"}}
        if asked.tries == 0 and "1 + 4" in asked.question:
            return 500, {"retry-after-ms": "10"}, b"oops"
        if asked.tries == 0:
            return "cut"
        return plain(asked)

    with serving(busy) as server:
        began = time.monotonic()
        written = write(server, tmp_path / "r")
        waited = time.monotonic() - began
        assert len(server.asked) == 6
    assert len(written.chains) == 3 and waited >= 0.3  # as the server asked: never sooner


FAULTS = {
    "busy": ((429, {"Retry-After": "0.01"}, {"error": {"message": "busy"}}), "answered 429: .*busy.*asks to wait 0.01 s"),
    "broken": ((500, {"Retry-After": "0.01"}, b"no\x1b[31m such\n luck"), r"answered 500: no\?\[31m such luck"),
    "no json": (b"<html>hello</html>", "is no JSON: '<html>hello"),
    "not utf-8": (b"\xff\xfe", "is no JSON"),
    "deep": (b"[" * 100_000, "is no JSON"),
    "twice": (b'{"choices": [], "choices": []}', "is no JSON"),
    "a list": ([1, 2], "holds no choice"),
    "an error": ({"error": {"message": "out of memory"}}, "holds no choice: .*out of memory"),
    "no choices": ({"choices": []}, "holds no choice"),
    "a choice of text": ({"choices": ["hello"]}, "holds no choice"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_one_answer_is_named_and_asked_again(fault, tmp_path):
    reply, words = FAULTS[fault]
    wrong = [True]

    def faulty(asked):
        return reply if wrong[0] and "1 + 4" in asked.question else plain(asked)

    with serving(faulty) as server:
        with pytest.raises(
            UserError,
            match=f"1 of 3 chains were not written, the others are kept; sum-1: .*{words}",
        ):
            write(server, tmp_path / "r", retries=1)
        wrong[0], server.asked[:] = False, []
        assert len(write(server, tmp_path / "r").chains) == 3
        assert len(server.asked) == 1


def test_an_answer_that_is_cut_every_time_loses_only_itself(tmp_path):
    def cut(asked):
        return "cut" if "1 + 4" in asked.question else plain(asked)

    with (
        serving(cut) as server,
        pytest.raises(UserError, match=r"1 of 3 chains.*sum-1: the server cut its answer"),
    ):
        write(server, tmp_path / "r", retries=1)


LEFT_OUT = {
    "refused": ((400, {}, {"error": {"message": "longer than the context"}}), "refused the request.*longer than the context"),
    "filter": (completion({"content": "no"}, finish="content_filter"), r"ended the text itself \(content_filter\)"),
    "tool": (completion({"content": None, "tool_calls": [{"type": "function"}]}, finish="tool_calls"), "ended the text itself"),
    "empty": (completion({"content": ""}), "empty|no chain"),
    "null": (completion({"content": None}), "empty|no chain"),
    "two thoughts": (completion({"reasoning": THOUGHT, "reasoning_content": SAID, "content": SAID}), "two thoughts"),
    "hidden": (
        completion({"content": SAID}, usage={"completion_tokens_details": {"reasoning_tokens": 9}}),
        "its thought is not in the file",
    ),
}  # fmt: skip


@pytest.mark.parametrize("reply", LEFT_OUT)
def test_an_answer_without_a_chain_is_left_out_with_its_reason_and_not_asked_for_again(
    reply, tmp_path
):
    value, words = LEFT_OUT[reply]

    def some(asked):
        return value if "1 + 4" in asked.question else plain(asked)

    with serving(some) as server:
        for _ in range(2):
            written = write(server, tmp_path / "r")
        assert len(server.asked) == 3
    assert len(written.chains) == 2
    with pytest.raises(UserError, match=f"1 left out; sum-1.*({words})"):
        raise UserError(" ".join(written.told()))


def test_no_chain_at_all_is_an_error(tmp_path):
    with (
        serving(lambda _: completion({"content": ""})) as server,
        pytest.raises(UserError, match="no chain at all: sum-0"),
    ):
        write(server, tmp_path / "r")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refused the key.*MECHCOT_API_KEY.*--key-env"),
        (404, "knows no such model.*/models"),
    ],
)
def test_what_every_request_would_meet_stops_the_run(status, words, tmp_path):
    said = {"error": {"message": "no"}}
    with (
        serving(lambda _: (status, {}, said)) as server,
        pytest.raises(UserError, match=words),
    ):
        write(server, tmp_path / "r", n=200)
    assert len(server.asked) < 200


def test_a_server_that_dies_stops_the_run_and_the_rest_is_asked_later(tmp_path):
    with serving(plain) as server:

        def die(asked):
            if len(server.asked) <= 3:
                return plain(asked)
            if len(server.asked) == 4:
                threading.Thread(target=server.stop).start()
            return "cut"

        server.answer = die
        with pytest.raises(UserError, match=r"does not answer \(.*the same command resumes"):
            write(server, tmp_path / "r", n=8, retries=3, workers=2)
    with serving(plain) as again:
        assert len(write(again, tmp_path / "r", n=8).chains) == 8
        assert len(again.asked) == 5


HOSTILE = "<script>alert(1)</script> \x1b[31m \u0000 \ud800 {{x}} [red]"


def test_hostile_text_is_kept_as_text(tmp_path):
    with serving(lambda _: completion({"reasoning": HOSTILE, "content": HOSTILE + "7"})) as server:
        written = write(server, tmp_path / "r", n=1)
    write_lines(tmp_path / "t.jsonl", written.chains)
    (chain,) = load_chains(tmp_path / "t.jsonl")
    assert chain.chain == HOSTILE.replace("\ud800", "\ufffd")


SECRET = "sk-very-secret-1234"


def test_the_key_is_sent_to_the_server_and_stands_nowhere(tmp_path, monkeypatch):
    others = ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY")
    for name in others:
        monkeypatch.setenv(name, f"other-{name}")
    monkeypatch.setenv("MY_KEY", SECRET)
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(sum_of(i)) + "\n" for i in range(3)))

    def echo(asked):
        if "1 + 4" in asked.question:
            return 500, {"Retry-After": "0.01"}, {"error": {"message": f"bad key {SECRET}"}}
        return completion({"content": f"I know {SECRET}. {SAID}"})

    with serving(echo) as server:
        words = ["--server", server.url, "--model", "tiny", "--problems", tmp_path / "p.jsonl"]
        words += ["--out", tmp_path / "t.jsonl", "--retries", "1"]
        code, said = call("write", *words, "--key-env", "MY_KEY")
        assert code != 0 and SECRET not in said and "bad key [key]" in said
        assert all(head["authorization"] == f"Bearer {SECRET}" for head in server.headers)
        assert not any("other-" in str(head) for head in server.headers)
        server.answer = lambda _: completion({"content": f"I know {SECRET}. {SAID}"})
        code, said = call("write", *words, "--key-env", "MY_KEY")
        assert code == 0 and SECRET not in said, said
        server.headers.clear()
        server.answer = plain
        call("write", *words, "--seed", "1", "--overwrite")
        assert all(head["authorization"] == "Bearer none" for head in server.headers)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 4 and not any(SECRET in path.read_text() for path in files)
    assert SECRET not in repr(server_of("http://h/v1", key_env="MY_KEY", timeout=1.0, retries=0))


@pytest.mark.parametrize(
    ("url", "key_env", "words"),
    [
        ("localhost:8000", None, "expected an address such as http://localhost:8000/v1"),
        (f"http://me:{SECRET}@host/v1", None, "without user, password"),
        (f"https://host/v1?key={SECRET}", None, "a key goes into the environment"),
        ("http://host/v1", "NOT_THERE", "--key-env NOT_THERE: expected a key"),
    ],
)
def test_a_wrong_address_is_named_without_what_it_hides(url, key_env, words):
    with pytest.raises(UserError, match=words) as error:
        server_of(url, key_env=key_env, timeout=1.0, retries=0)
    assert SECRET not in str(error.value)


def test_the_command_writes_once_and_refuses_another_run(tmp_path):
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(sum_of(i)) + "\n" for i in range(3)))
    with serving(plain) as server:
        words = ["--server", server.url, "--model", "tiny", "--problems", tmp_path / "p.jsonl"]
        words += ["--out", tmp_path / "t.jsonl"]
        code, said = call("write", *words, "--body", '{"top_p": 0.9}', "--token-ids")
        assert code == 0 and "3 chains, 0 cut" in said, said
        assert server.asked[0]["top_p"] == 0.9 and server.asked[0]["return_token_ids"] is True
        assert question(server.asked[0]).endswith(r"within \boxed{}.")
        code, said = call("write", *words, "--body", '{"top_p": 0.9}', "--token-ids")
        assert code == 0 and "is there already" in said and len(server.asked) == 3
        code, said = call("write", *words, "--instruction", "none")
        assert code != 0 and "--overwrite" in said and len(server.asked) == 3
        code, said = call("write", *words, "--instruction", "none", "--overwrite")
        assert code == 0 and question(server.asked[-1]).endswith("+ 4?")
    for body in ("[1]", "{", '{"model": "x"}'):
        code, said = call("write", *words, "--overwrite", "--body", body)
        assert code != 0 and "--body" in said


def test_a_killed_run_asks_for_nothing_twice(tmp_path):
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(sum_of(i)) + "\n" for i in range(6)))

    over = threading.Event()

    def slow(asked):
        if len(server.asked) > 3:
            over.wait(60)
        return plain(asked)

    with serving(slow) as server:
        words = ["--server", server.url, "--model", "tiny", "--problems", str(tmp_path / "p.jsonl")]
        words += ["--out", str(tmp_path / "t.jsonl"), "--concurrency", "1"]
        command = [sys.executable, "-m", "mechcot", "write", *words]
        replies = tmp_path / "t.jsonl.replies"
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            deadline = time.monotonic() + 120
            while len(server.asked) < 4 and time.monotonic() < deadline and run.poll() is None:
                time.sleep(0.05)
            run.send_signal(signal.SIGKILL)
        over.set()
        assert len(server.asked) == 4 and replies.is_dir() and not (tmp_path / "t.jsonl").exists()
        first = [question(body) for body in server.asked[:3]]
        server.answer, server.asked = plain, []
        code, said = call("write", *words)
        assert code == 0, said
        again = [question(body) for body in server.asked]
        assert len(again) == 3 and not set(again) & set(first)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    tokenizer = byte_tokenizer(merges=40)
    return Reasoner.load(save_tiny(tmp_path_factory.mktemp("m"), tokenizer, seed=0, context=600))


def test_token_ids_of_the_server_stay_as_they_were_written(reader, tmp_path, capsys):
    text = f"{THOUGHT} {SAID}"
    usual = reader.encode(text)
    ids = [i for character in text for i in reader.encode(character)]  # no merges: other ids
    assert ids != usual and reader.decode(ids) == text

    def answered(asked):
        named = {"content": [{"token": f"token_id:{i}"} for i in ids]}
        given = (
            {"token_ids": [*ids, 0]} if "0 + 4" in asked.question
            else {"logprobs": named} if "1 + 4" in asked.question
            else {"token_ids": ids[:-3]}
        )  # fmt: skip
        return completion({"content": text}, choice=given)

    with serving(answered) as server:
        written = write(server, tmp_path / "r")
    assert [chain.token_ids for chain in written.chains] == [(*ids, 0), tuple(ids), tuple(ids[:-3])]
    write_lines(tmp_path / "t.jsonl", written.chains)
    traces = load_traces(tmp_path / "t.jsonl", reader)
    own = [list(trace.ids[trace.prompt_length :]) for trace in traces]
    assert own[0] == ids and own[1] == ids
    assert all(trace.completion == text for trace in traces[:2])
    assert own[2] != ids[:-3]  # they do not spell the text: tokenized anew
    told = " ".join(capsys.readouterr().err.split())
    assert "2 chains keep the token ids of the file; 1 are tokenized anew" in told


def test_a_text_tokenized_anew_is_checked_against_the_servers_count(reader, tmp_path, capsys):
    text = f"{THOUGHT} {SAID}"
    counts = (len(reader.encode(text)) + 1, 500)

    def answered(asked):
        count = counts["1 + 4" in asked.question]
        return completion({"content": text}, usage={"completion_tokens": count})

    with serving(answered) as server:
        write_lines(tmp_path / "t.jsonl", write(server, tmp_path / "r").chains)
    load_traces(tmp_path / "t.jsonl", reader)
    told = " ".join(capsys.readouterr().err.split())
    assert "tokenized anew: 2 of 3 chains have as many tokens as the server counted" in told
    assert f"the largest difference is {500 - counts[0] + 1}" in told


CHAT = "{% for m in messages %}{{ m.role }}: {{ m.content }} {% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"


@pytest.fixture(scope="module")
def transformers_serve(tmp_path_factory):
    """A random checkpoint and the address of `transformers serve` that serves it."""
    pytest.importorskip("fastapi", reason="transformers serve needs fastapi")
    pytest.importorskip("uvicorn", reason="transformers serve needs uvicorn")
    root = tmp_path_factory.mktemp("served")
    tokenizer = byte_tokenizer(merges=40)
    tokenizer.chat_template = CHAT
    folder = save_tiny(root, tokenizer, seed=0, context=600)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["from transformers.cli.transformers import main; main()", "serve", folder]
    words += ["--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    log = root / "log.txt"
    with (
        log.open("w") as file,
        subprocess.Popen([sys.executable, "-c", *words], stdout=file, stderr=file) as run,
    ):
        try:
            deadline = time.monotonic() + 120
            while not _listens(port):
                if run.poll() is not None or time.monotonic() > deadline:
                    pytest.skip(f"transformers serve does not come up: {log.read_text()[-300:]}")
                time.sleep(0.2)
            yield folder, f"http://127.0.0.1:{port}/v1"
        finally:
            run.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_chains_of_transformers_serve_are_those_that_the_model_writes_here(
    transformers_serve, tmp_path, capsys
):
    folder, url = transformers_serve
    here = Reasoner.load(folder)
    request = Request(folder, max_tokens=30, instruction=here.policy.instruction)
    served = Server(url, timeout=60.0)
    asked = [*problems(3), Problem("long", "What? " * 2000, "1")]
    written = write_on_server(
        served, request, asked, folder=tmp_path / "r", executor=Threads(2), tags=None
    )
    assert [chain.problem.id for chain in written.chains][:3] == ["sum-0", "sum-1", "sum-2"]
    write_lines(tmp_path / "t.jsonl", written.chains[:3])
    traces = load_traces(tmp_path / "t.jsonl", here)
    own = here.write(problems(3), max_tokens=30)
    assert [t.completion.strip() for t in traces] == [t.completion.strip() for t in own]
    assert [t.finished for t in traces] == [t.finished for t in own]
    counts = [t.problem.meta["completion_tokens"] for t in traces]
    near = sum(
        abs(len(t.ids) - t.prompt_length - n) <= 8 for t, n in zip(traces, counts, strict=True)
    )
    assert (
        f"tokenized anew: {near} of 3 chains" in capsys.readouterr().err
    )  # random text merges anew
    with pytest.raises(UserError, match=r"no chain at all.*refused the request.*return_token_ids"):
        write_on_server(
            served,
            replace(request, further={"return_token_ids": True}),
            problems(1),
            folder=tmp_path / "r",
            executor=Threads(1),
        )
    with pytest.raises(UserError, match="not-there"):
        write_on_server(
            served, replace(request, model="not-there"), problems(1), folder=tmp_path / "r", executor=Threads(1)
        )  # fmt: skip


@pytest.mark.slow
def test_transformers_serve_continues_a_text(transformers_serve):
    folder, url = transformers_serve
    here = Reasoner.load(folder)
    ids = here.encode(here.render(problems(1)[0]))
    served = served_model(Server(url, timeout=60.0), folder)
    first, again, other = served.draw(here, ids, 12, [1, 1, 2])
    assert first == again and 0 < len(first) <= 12
    assert {*first, *other} <= set(range(here.n_vocabulary))
