"""Engines beside this machine's processes: the same results, a killed node's work is taken again, wrong settings are named."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import which

import psutil
import pytest

from mechcot.core.errors import UserError
from mechcot.core.measurement import Measurement
from mechcot.runs.engine import Engine
from mechcot.runs.executor import Failed, Serial, executor_of, worker_count
from mechcot.runs.items import ItemPlace, Items, recorded_items
from mechcot.runs.shards import Shards
from mechcot.runs.slurm_queue import SlurmJob, parse_slurm
from tests.finished_items import finished_items
from tests.runs.commands import call
from tests.runs.shared_out import leave_the_queue, refuse, refuse_beside_one_that_runs, square


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"address": "host:6379"}, "--address belongs to --engine ray, got --engine local"),
        ({"name": "slurm", "gpus": 0.5}, "--gpus belongs to --engine ray, got --engine slurm"),
        ({"name": "ray", "slurm": "gpus=1"}, "--slurm belongs to --engine slurm"),
        ({"name": "ray", "gpus": -1.0}, "--gpus: expected 0 or more, got -1"),
        ({"name": "slurm", "slurm": "gpu=1"}, "'gpu' is none of cluster, partition"),
    ],
)
def test_options_of_another_engine_are_named(options, words):
    with pytest.raises(UserError, match=words):
        Engine(**options)


def test_an_engine_gives_the_options_that_make_it():
    engine = Engine("ray", address="host:6379", gpus=0.25)
    assert list(engine.options()) == ["--engine", "ray", "--address", "host:6379", "--gpus", "0.25"]
    assert not list(Engine().options())
    assert worker_count(0) == os.cpu_count() and worker_count(3) == 3
    assert worker_count(1, Engine("slurm", slurm="array=8")) == 8
    assert executor_of(1) == Serial()


def test_what_a_queue_is_asked_for_is_read():
    job = parse_slurm("partition=gpu, gpus=1, time=2:00:00, array=8, mem=64G, account=lab")
    assert job == SlurmJob(
        partition="gpu", gpus=1, time=120, array=8, mem=64, account="lab"
    )  # minutes, GB
    told = job.parameters()
    assert told["slurm_partition"] == "gpu" and told["timeout_min"] == 120
    assert (
        told["gpus_per_node"] == 1 and told["mem_gb"] == 64 and told["slurm_array_parallelism"] == 8
    )
    times = {"90": 90, "1:30": 2, "0:90:00": 90, "1-2": 1560, "1-0:30": 1470, "1-0:0:1": 1441}
    assert {text: parse_slurm(f"time={text}").time for text in times} == times


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("partition", "expected KEY=VALUE between commas, such as partition=gpu,gpus=1.*got 'partition'"),
        ("gpus=", "expected KEY=VALUE"),
        ("nodes=2", "'nodes' is none of cluster, partition, account"),
        ("gpus=1,gpus=2", "gpus stands twice"),
        ("gpus=half", "gpus: expected a whole number of at least 0, got 'half'"),
        ("array=0", "array: expected a whole number of at least 1, got '0'"),
        ("mem=lots", r"mem: expected a whole number \(GB\) of at least 0, got 'lots'"),
        ("time=soon", "time: expected minutes, H:MM:SS or D-HH:MM:SS, got 'soon'"),
        ("time=0", "time: expected some time, got '0'"),
        ("cluster=cloud", "expected cluster=slurm or cluster=local, got 'cloud'"),
    ],
)  # fmt: skip
def test_what_a_queue_cannot_be_asked_for_is_named(text, words):
    with pytest.raises(UserError, match=words):
        parse_slurm(text)
    code, said = call("compare", "a", "b", "--problems", "gsm8k", "--out", "x", "--engine", "slurm", "--slurm", text)  # fmt: skip
    assert code != 0 and "--slurm" in said


def test_what_is_made_inside_is_collected_also_where_it_was_there(tmp_path):
    items = Items(tmp_path / "made", shards=tmp_path)
    items.put("a", {"value": 1})
    with recorded_items() as outer, recorded_items() as inner:
        items.get("a", lambda: {"value": 2})
        items.put("b", {"value": 3})
    items.put("c", {"value": 4})
    assert outer == inner and list(outer) == [
        ItemPlace(tmp_path / "made", f"{key}.json", tmp_path) for key in "ab"
    ]
    assert items.read("a") == {"value": 1}


def queue_of(cluster, folder):
    """An engine on a queue, where there is one."""
    pytest.importorskip("submitit")
    if cluster == "slurm" and not (which("sinfo") and subprocess.call(["sinfo"]) == 0):
        pytest.skip("no Slurm queue answers here")
    return executor_of(
        1, Engine("slurm", slurm=f"cluster={cluster},array=2,time=10,folder={folder}")
    )


@pytest.mark.slow
def test_a_job_sent_again_goes_on_and_a_cancelled_one_is_named(tmp_path, monkeypatch):
    queue = queue_of("slurm", tmp_path)
    monkeypatch.setattr("mechcot.runs.slurm_queue._PATIENCE", 2.0)
    work = partial(leave_the_queue, tmp_path)
    assert dict(queue.map(work, [3])) == {0: 9}
    assert (tmp_path / "sent again").exists()
    with pytest.raises(UserError, match=r"job \S+ died .*; see .*; the same command resumes"):
        list(queue.map(work, [0]))


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["local", "slurm"])
def test_a_queue_gives_what_one_process_gives(cluster, tmp_path):
    queue = queue_of(cluster, tmp_path)
    assert dict(queue.map(square, range(6))) == dict(Serial().map(square, range(6)))
    assert dict(queue.map(square, [3])) == {0: Failed("three is left out")}
    assert not list(queue.map(square, []))
    with pytest.raises(UserError, match=r"^no such model$"):
        list(queue.map(refuse, range(4)))
    with pytest.raises(UserError, match=r"^no such model$"):
        list(queue.map(refuse_beside_one_that_runs, range(2)))
    if cluster == "local":
        assert not [p for p in psutil.Process().children() if "submitit" in str(p.cmdline())]


@pytest.mark.slow
def test_a_job_that_is_sent_again_keeps_what_it_has_done():
    pytest.importorskip("submitit")
    from mechcot.runs.slurm_queue import Part

    part = Part(square, {0: 5, 1: 6})
    part.done[0] = "done before"
    again = part.checkpoint().function
    assert again() == ({0: "done before", 1: 36}, None)


def test_a_machine_without_a_queue_is_told(tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    queue = executor_of(1, Engine("slurm", slurm=f"folder={tmp_path}"))
    with pytest.raises(UserError, match=r"Slurm took no job.*--slurm cluster=local"):
        list(queue.map(square, [1]))


@pytest.fixture(scope="module")
def cluster():
    """A head and one further node with a core each."""
    pytest.importorskip("ray", reason="no ray for this Python")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80_000_000}
    os.environ |= {
        "PYTHONPATH": str(ROOT),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_register_timeout_seconds": "240",
    }
    for left in (2, 1, 0):
        try:
            cluster = Cluster(
                initialize_head=True, head_node_args={**node, "include_dashboard": False}
            )
            break
        except Exception:  # Ray gives a node of a busy machine 15 s
            if not left:
                raise
    try:
        yield cluster, lambda: cluster.add_node(**node)
    finally:
        cluster.shutdown()


ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0"}

LOST = """
import json, sys
from functools import partial
from pathlib import Path
from shutil import which
from mechcot.runs.engine import Engine
from mechcot.runs.executor import executor_of
from tests.runs.shared_out import linger, square, write_elsewhere
folder = Path(sys.argv[2])
executor = executor_of(2, Engine("ray", address=sys.argv[1]))
for function, tasks in (
    (partial(linger, folder), range(4)),
    (square, range(6)),
    (partial(write_elsewhere, folder / "elsewhere"), range(3)),
):
    print(json.dumps(sorted((i, getattr(r, "reason", r)) for i, r in executor.map(function, tasks))))
"""


def drive(*words: str, cwd: Path = ROOT) -> subprocess.Popen:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, *words], env=os.environ | ENVIRONMENT | {"PYTHONPATH": path}, text=True, cwd=cwd,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for(ready, process, seconds=600.0):
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_work_of_a_lost_node_is_taken_again(cluster, tmp_path):
    there, add = cluster
    node = add()
    (tmp_path / "doomed").write_text(node.node_id)
    left = tmp_path / "elsewhere" / "made"
    Items(left, shards=left).put("first", {"value": 0})
    here = tmp_path / "here"
    here.mkdir()
    process = drive("-c", LOST, there.address, str(tmp_path), cwd=here)
    wait_for(lambda: list(tmp_path.glob(f"began-*-{node.node_id}")), process)
    there.remove_node(node, allow_graceful=False)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    lost, plain, elsewhere = (
        json.loads(line) for line in out.splitlines() if line.startswith("[[")
    )
    assert lost == [[x, x * x] for x in range(4)]
    serial = Serial().map(square, range(6))
    assert plain == [[i, getattr(result, "reason", result)] for i, result in serial]
    assert elsewhere == [[x, x] for x in range(3)]
    for folder in (here, tmp_path / "elsewhere"):  # what was made there has come back
        for items in (Items(folder / "made", shards=folder / "made"), Items(folder / "files")):
            assert [items.read(str(x)) for x in range(3)] == [{"value": x} for x in range(3)]
    assert Items(here / "made", shards=here / "made").read("first") == {"value": 0}


@pytest.fixture(scope="module")
def comparison(models, chains, tmp_path_factory):
    """The words of a comparison, and the folder of its serial run."""
    words = ["compare", *models, "--traces", str(chains)]
    words += ["--measures", "filler,early_answering,suppression", "--chains", "all"]
    alone = tmp_path_factory.mktemp("alone")
    code, said = call(*words, "--out", alone)
    assert code == 0, said
    return ["-m", "mechcot", *words], alone


def finish(process: subprocess.Popen) -> None:
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err


def check_same(shared: Path, alone: Path) -> None:
    """Whatever stands in a run's files is the same byte for byte, but for what took how long."""
    for name in ("summary.json", "traces.jsonl", "results/readings.parquet"):
        assert (shared / name).read_bytes() == (alone / name).read_bytes()
    one, other = map(measurements, (alone, shared))
    assert one and one == other


@pytest.mark.slow
def test_a_comparison_on_a_cluster_that_loses_a_node_is_the_serial_one(
    cluster, comparison, tmp_path
):
    words, alone = comparison
    there, add = cluster
    node = add()
    ray = ["--engine", "ray", "--address", there.address, "--workers", "0"]
    process = drive(*words, "--out", str(tmp_path), *ray)
    wait_for(lambda: finished_items(tmp_path, "readings/*.items"), process)
    there.remove_node(node, allow_graceful=False)
    finish(process)
    check_same(tmp_path, alone)


@pytest.mark.slow
def test_a_comparison_in_a_queue_whose_job_is_killed_is_the_serial_one(comparison, tmp_path):
    pytest.importorskip("submitit")
    words, alone = comparison
    shared = tmp_path / "shared"
    queue = ["--engine", "slurm", "--slurm", f"cluster=local,array=2,folder={tmp_path / 'jobs'}"]
    process = drive(*words, "--out", str(shared), *queue)
    wait_for(lambda: finished_items(shared, "readings/*.items"), process)
    jobs = jobs_in(tmp_path / "jobs")
    os.kill(min(jobs), signal.SIGKILL)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 2 and re.search(r"job \d+ died .*; the same command resumes", err)
    kept = finished_items(shared, "readings/*.items")
    assert kept and not (shared / "summary.json").exists()
    deadline = time.monotonic() + 60
    while jobs_in(tmp_path / "jobs"):
        assert time.monotonic() < deadline, "a job outlives the run"
        time.sleep(0.1)
    fewer = queue[-1].replace("array=2", "array=1")
    finish(drive(*words, "--out", str(shared), *queue[:-1], fewer))
    assert kept.items() <= finished_items(shared, "readings/*.items").items()
    check_same(shared, alone)


def jobs_in(folder: Path) -> list[int]:
    """The processes of submitit's jobs in a folder."""
    lines = (
        (process.pid, process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])
    )
    return [pid for pid, line in lines if "submitit.core._submit" in line and str(folder) in line]


def measurements(run: Path) -> dict[str, bytes]:
    """The measurements of a run by name, but for what each took: a clock does not give the same twice."""
    shards = Shards(run / "readings")
    assert "" not in shards
    return {
        name: replace(Measurement.parse(shards.read(name), name), seconds=0.0).content()
        for name in shards.places
    }
