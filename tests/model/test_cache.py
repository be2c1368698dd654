import errno
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mechcot.core.errors import EditDidNotFire, UserError
from mechcot.core.problem import Problem
from mechcot.core.trace import Phase, StepKind
from mechcot.model.activations import cache as cache_module, disk_cache
from mechcot.model.activations.cache import QUESTION_STEP, ActivationCache, CaptureSpec
from mechcot.model.activations.capture import activations, capture, estimate
from mechcot.model.activations.disk_cache import open_cache, stream
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, Intervention
from tests.model.families import make, make_trace

SITES = (Site("resid_post", 0), Site("resid_post", 2), Site("attn_out", 1))
TRACES = [
    make_trace("a", [3, 4, 2, 5], seed=1),
    make_trace("b", [6, 0, 3], seed=2, prompt=9),
    make_trace("c", [2, 2, 2, 2, 4], seed=3),
]


@pytest.mark.parametrize("pool", ["mean", "last", "whole"])
def test_every_unit_is_the_pooled_capture(pool):
    reasoner = make("llama")
    cache = activations(reasoner, TRACES, wanted=CaptureSpec(SITES, pool=pool))
    assert cache.traces == ("a", "b", "c")
    for trace in TRACES:
        for site, states in capture(reasoner, trace.ids, SITES).items():
            spans = {QUESTION_STEP: trace.phase(Phase.QUESTION)}
            spans |= {step.index: step.tokens for step in trace.steps if len(step.tokens)}
            for step, span in spans.items():
                own = states[span.start : span.stop]
                expected = {"mean": own.mean(0, keepdim=True), "last": own[-1:], "whole": own}[pool]
                got = cache.read(site, trace=trace.id, step=step)
                torch.testing.assert_close(got, expected)
    assert len(cache.read(SITES[0], trace="b", step=1)) == 0


def test_addresses_are_step_kind_phase_and_trace():
    cache = activations(make("llama"), TRACES, wanted=CaptureSpec(SITES))
    site = SITES[1]
    chain = cache.select(phase=Phase.CHAIN)
    assert set(chain["phase"]) == {"chain"}
    assert len(chain) == 3 + 1 + 4
    assert len(cache.read(site, phase=(Phase.CHAIN, Phase.ANSWER))) == 8 + 3
    kind = cache.select(kind=StepKind.SUMMARY)
    assert [*zip(kind["trace"], kind["step"], strict=True)] == [("a", 1), ("c", 1), ("c", 4)]
    assert len(cache.read(site, kind=(StepKind.SUMMARY, StepKind.PROGRESSION), trace="a")) == 3
    assert list(cache.select(step=QUESTION_STEP)["kind"]) == ["question"] * 3
    assert len(cache.read(site, trace=("a", "c"), step=(0, 3))) == 4
    everything = cache.read(site)
    assert everything.shape == (len(cache.index), 32)
    line = cache.index.reset_index(drop=True).query("trace == 'c' and step == 2").index[0]
    assert torch.equal(everything[line : line + 1], cache.read(site, trace="c", step=2))


def test_layers_of_one_unit_come_together():
    cache = activations(make("llama"), TRACES, wanted=CaptureSpec(SITES, pool="whole"))
    layers, states = cache.layers("resid_post", trace="a", step=3)
    assert layers == (0, 2)
    assert states.shape == (2, 5, 32)
    assert torch.equal(states[1], cache.read(SITES[1], trace="a", step=3))
    with pytest.raises(UserError, match="no layer of 'mlp_out' was kept"):
        cache.layers("mlp_out", trace="a", step=3)


def test_only_what_is_wanted_is_kept():
    wanted = CaptureSpec(SITES[:1], phases=(Phase.CHAIN,), kinds=(StepKind.SUMMARY,))
    cache = activations(make("llama"), TRACES, wanted=wanted)
    assert [*zip(cache.index["trace"], cache.index["step"], strict=True)] == [("a", 1), ("c", 1)]
    with pytest.raises(
        UserError, match=r"blocks.2.hook_resid_post was not kept; this cache has blocks.0"
    ):
        cache.read(SITES[1])
    with pytest.raises(UserError, match="trace 'b' is not in this cache of 2 traces"):
        cache.read(SITES[0], trace="b")


def test_edited_activations_show_the_edit():
    reasoner = make("llama")
    vector = torch.ones(32)
    act = Intervention(SITES[0], (6,), Add(vector))
    wanted = CaptureSpec(SITES[:1], pool="whole")
    clean, edited = (
        activations(reasoner, TRACES[:1], wanted=wanted, under=u) for u in ((), (act,))
    )
    difference = edited.read(SITES[0], trace="a", step=0) - clean.read(SITES[0], trace="a", step=0)
    torch.testing.assert_close(difference, torch.stack([torch.zeros(32), vector, torch.zeros(32)]))
    with pytest.raises(EditDidNotFire):
        activations(
            reasoner, TRACES, wanted=wanted, under=[Intervention(SITES[0], (22,), Add(vector))]
        )


def test_generated_tokens_come_in_the_same_call():
    calls: list[Any] = []

    def write(problems: list[Problem], **about: Any) -> list[Any]:
        calls.append((tuple(p.id for p in problems), about))
        return [replace(TRACES[2], id=f"new {p.id}") for p in problems]

    plain = make("llama")
    reasoner = SimpleNamespace(**(vars(plain) | {"write": write}))
    asked = [TRACES[0], Problem("p", "?", "1")]
    cache = activations(reasoner, asked, wanted=CaptureSpec(SITES), writing={"max_tokens": 5})
    assert calls == [(("p",), {"max_tokens": 5})]
    assert cache.traces == ("a", "new p")
    twin = activations(plain, TRACES, wanted=CaptureSpec(SITES))
    assert torch.equal(cache.read(SITES[0], trace="new p"), twin.read(SITES[0], trace="c"))


@pytest.mark.parametrize(("dtype", "width"), [("float32", 4), ("bfloat16", 2)])
@pytest.mark.parametrize("pool", ["mean", "whole"])
def test_the_estimate_is_the_size(tmp_path: Path, dtype, width, pool):
    wanted = CaptureSpec(SITES, pool=pool, dtype=dtype)
    expected = estimate(TRACES, wanted=wanted, d_model=32)
    cache = stream(make("llama"), TRACES, tmp_path, wanted=wanted)
    rows = sum(len(cache.read(SITES[0], trace=trace.id)) for trace in TRACES)
    assert expected.rows == rows
    assert expected.size == rows * 32 * width * len(SITES)
    assert expected.tokens == sum(len(trace) for trace in TRACES)
    (shard,) = tmp_path.glob("*.safetensors")
    assert 0 <= shard.stat().st_size - expected.size < 1000


@pytest.mark.parametrize("pool", ["mean", "whole"])
def test_disk_and_memory_agree(tmp_path: Path, pool):
    reasoner = make("llama")
    wanted = CaptureSpec(SITES, pool=pool)
    memory = activations(reasoner, TRACES, wanted=wanted)
    disk = stream(reasoner, TRACES, tmp_path, wanted=wanted, shard_size=1)
    assert len(list(tmp_path.glob("*.safetensors"))) == 3
    for site in SITES:
        assert torch.equal(disk.read(site), memory.read(site))
        assert torch.equal(
            disk.read(site, kind=StepKind.SUMMARY), memory.read(site, kind=StepKind.SUMMARY)
        )
    again = open_cache(tmp_path, weights_hash=reasoner.weights_hash)
    assert (again.model, again.d_model, again.wanted) == ("llama", 32, wanted)


def test_bfloat16_rounds_and_halves(tmp_path: Path):
    reasoner = make("llama")
    wanted = CaptureSpec(SITES, dtype="bfloat16")
    rough = stream(reasoner, TRACES, tmp_path, wanted=wanted).read(SITES[0])
    exact = activations(reasoner, TRACES, wanted=CaptureSpec(SITES)).read(SITES[0])
    assert rough.dtype is torch.float32
    assert torch.equal(rough, exact.bfloat16().float())


def test_reading_one_step_touches_its_rows_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reasoner = make("llama")
    cache = stream(
        reasoner, TRACES, tmp_path, wanted=CaptureSpec(SITES, pool="whole"), shard_size=1
    )
    expected = cache.read(SITES[1], trace="b", step=2)
    shard = tmp_path / "shard-00001.safetensors"
    for path in tmp_path.glob("*.safetensors"):
        if path != shard:
            path.write_bytes(b"not read")
    # every number in the shard is spoilt but the three rows of that step at that site
    from safetensors import safe_open

    with safe_open(shard, framework="pt") as file:
        start = int.from_bytes(shard.read_bytes()[:8], "little") + 8
        names = sorted(file.keys())
        n_rows = file.get_slice(names[0]).get_shape()[0]
    import json

    header = json.loads(shard.read_bytes()[8:start])
    first = start + header[SITES[1].name]["data_offsets"][0] + 4 * 32 * (n_rows - 3)
    data = bytearray(shard.read_bytes())
    kept = data[first : first + 4 * 32 * 3]
    data[start:] = b"\xff" * (len(data) - start)
    data[first : first + 4 * 32 * 3] = kept
    shard.write_bytes(bytes(data))
    taken: list[tuple[int, int, int]] = []
    read = cache_module.DiskStore.read

    def spy(self: Any, number: int, site: Site, begin: int, end: int) -> Any:
        taken.append((number, begin, end))
        return read(self, number, site, begin, end)

    monkeypatch.setattr(cache_module.DiskStore, "read", spy)
    fresh = open_cache(tmp_path)
    assert torch.equal(fresh.read(SITES[1], trace="b", step=2), expected)
    assert taken == [(1, n_rows - 3, n_rows)]


def test_reading_one_step_brings_in_few_pages(tmp_path: Path):
    """Resident pages of the mapped file after one read, from the kernel's own books."""
    import torch as t
    from safetensors.torch import save_file

    name = SITES[0].name
    shard = tmp_path / "shard-00000.safetensors"
    save_file({name: t.arange(2**23, dtype=t.float32).reshape(-1, 32)}, shard)
    store = cache_module.DiskStore(tmp_path)
    rows = store.read(0, SITES[0], 70_000, 70_003)
    assert rows[:, 0].tolist() == [70_000 * 32, 70_001 * 32, 70_002 * 32]
    maps = Path("/proc/self/smaps")
    if not maps.exists():
        pytest.skip("needs /proc")
    blocks = maps.read_text().split("VmFlags")
    resident = [
        int(line.split()[1])
        for block in blocks
        if str(shard) in block
        for line in block.splitlines()
        if line.startswith("Rss:")
    ]
    assert sum(resident) < 8192  # kB, of 32 MB


def test_a_killed_run_goes_on_where_it_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reasoner = make("llama")
    wanted = CaptureSpec(SITES)
    pooled = disk_cache.pooled_rows
    ran: list[str] = []

    def killed_at_c(reader: Any, trace: Any, *rest: Any) -> Any:
        if trace.id == "c" and "c" not in ran:
            ran.append("c")
            raise KeyboardInterrupt
        ran.append(trace.id)
        return pooled(reader, trace, *rest)

    monkeypatch.setattr(disk_cache, "pooled_rows", killed_at_c)
    with pytest.raises(KeyboardInterrupt):
        stream(reasoner, TRACES, tmp_path, wanted=wanted, shard_size=1)
    (tmp_path / "shard-00002.parquet").write_bytes(b"left over")
    cache = stream(reasoner, TRACES, tmp_path, wanted=wanted, shard_size=1)
    assert ran == ["a", "b", "c", "c"]
    memory = activations(reasoner, TRACES, wanted=wanted)
    assert torch.equal(cache.read(SITES[2]), memory.read(SITES[2]))
    more = stream(reasoner, TRACES[::-1], tmp_path, wanted=wanted)
    assert ran == ["a", "b", "c", "c"]
    assert more.traces == ("c", "b", "a")
    assert torch.equal(more.read(SITES[0], trace="a"), memory.read(SITES[0], trace="a"))


def test_provenance_is_checked_on_reuse(tmp_path: Path):
    reasoner = make("llama")
    wanted = CaptureSpec(SITES)
    stream(reasoner, TRACES, tmp_path, wanted=wanted)
    other = SimpleNamespace(**(vars(reasoner) | {"weights_hash": "tuned"}))
    with pytest.raises(UserError, match=r"activations of other weights \(llama, hash of llama\)"):
        stream(other, TRACES, tmp_path, wanted=wanted)
    with pytest.raises(UserError, match="other weights"):
        open_cache(tmp_path, weights_hash="tuned")
    changed = replace(TRACES[0], ids=(*TRACES[0].ids[:-1], 3))
    with pytest.raises(UserError, match="trace 'a' is in the cache with other tokens"):
        stream(reasoner, [changed], tmp_path, wanted=wanted)
    with pytest.raises(UserError, match="made with other settings"):
        stream(reasoner, TRACES, tmp_path, wanted=CaptureSpec(SITES[:1]))
    with pytest.raises(UserError, match=r"found no manifest.json"):
        open_cache(tmp_path / "nowhere")
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"schema": 1', '"schema": 7'))
    with pytest.raises(UserError, match="expected schema 1, got 7"):
        open_cache(tmp_path)


def test_the_limit_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reasoner = make("llama")
    wanted = CaptureSpec(SITES, pool="whole")
    size = estimate(TRACES, wanted=wanted, d_model=32).size
    with pytest.raises(
        UserError, match=r"this cache needs 0\.0 MiB, the limit is 0\.0 MiB; keep fewer sites"
    ):
        stream(reasoner, TRACES, tmp_path / "small", wanted=wanted, limit=size - 1)
    assert not list((tmp_path / "small").glob("shard*"))
    with pytest.raises(UserError, match="the limit is"):
        activations(reasoner, TRACES, wanted=wanted, limit=size - 1)
    # numbers would fit, numbers with headers and indexes do not: the folder still keeps the limit
    with pytest.raises(UserError, match="the limit is"):
        stream(reasoner, TRACES, tmp_path, wanted=wanted, limit=size + 100, shard_size=1)
    held = sum(path.stat().st_size for path in tmp_path.glob("shard*"))
    assert held <= size + 100
    monkeypatch.setattr(disk_cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(UserError, match="of free disk for this cache"):
        stream(reasoner, TRACES, tmp_path / "full", wanted=wanted)


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk_cache, "write_bytes", full)
    with pytest.raises(UserError, match=r"the disk is full at .* finished shards are kept"):
        stream(make("llama"), TRACES, tmp_path, wanted=CaptureSpec(SITES))


def test_bad_requests_are_named():
    with pytest.raises(UserError, match="at least one site and none twice"):
        CaptureSpec((SITES[0], SITES[0]))
    with pytest.raises(UserError, match="layers 0 to 2, got 9"):
        activations(make("llama"), TRACES, wanted=CaptureSpec((Site("resid_pre", 9),)))
    with pytest.raises(UserError, match="got 'a' twice"):
        activations(make("llama"), [TRACES[0], TRACES[0]], wanted=CaptureSpec(SITES))
    with pytest.raises(UserError, match="empty sequence"):
        capture(make("llama"), [], SITES)


def of(family: str, traces: list[Any], **about: Any) -> ActivationCache:
    return activations(make(family), traces, wanted=CaptureSpec(SITES, **about))
