"""The acquisition benchmark in small: one seed, resumed, deterministic, every strategy chooses new rows of the pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import active_learning as benchmark
from benchmarks.active_learning_network import WordCounts
from benchmarks.active_learning_table import conclusion, draw, markdown, mean_interval
from models.fit import encoded
from models.reporter_data import Elements

PLAN = benchmark.Plan(start=100, batch=100, batches=2, members=2)
SHORT = replace(benchmark.RECIPE, epochs=2)


def elements(n: int, seed: int) -> Elements:
    """Random letters whose activity is how often GG and CC stand in them."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 4, (n, 164)).astype(np.int8)
    pairs = (codes[:, 1:] == codes[:, :-1]) & np.isin(codes[:, 1:], (1, 2))
    labels = (pairs.sum(1, keepdims=True) - 20) / 4 + random.normal(scale=0.3, size=(n, 1))
    return Elements(codes, labels.astype(np.float32), np.ones(n, np.float32), np.arange(n))


@pytest.fixture(scope="module")
def field() -> benchmark.Field:
    scored = {"valid": elements(60, 1), "building blocks": elements(60, 2)}
    return benchmark.Field(elements(400, 0), elements(40, 3), scored, (-1.0, 1.0))


def test_one_seed_runs_is_taken_up_and_says_what_it_found(field, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "RECIPE", SHORT)
    done = benchmark.play(field, PLAN, (0,), tmp_path / "one", say=lambda _: None)
    assert len(done) == len(benchmark.STRATEGIES) * 3
    for name in benchmark.STRATEGIES:
        rows: list[int] = []
        for one in (one for one in done if one["strategy"] == name):
            assert one["rows"] == 100 + len(rows)
            rows += one["next"].get(name, {"rows": []})["rows"]
        assert len(set(rows)) == len(rows) == 200
        assert 0 <= min(rows) <= max(rows) < 400
    files = sorted((tmp_path / "one").iterdir())
    assert len(files) == 1 + 2 * len(benchmark.STRATEGIES)
    files[-1].unlink()
    again = benchmark.play(field, PLAN, (0,), tmp_path / "one", say=lambda _: None)
    alike = [{key: value for key, value in one.items() if key != "seconds"} for one in done]
    assert [{key: value for key, value in one.items() if key != "seconds"} for one in again] == alike
    found = benchmark.results(field, PLAN, done)
    assert markdown(found).count("\n") == 1 + len(benchmark.STRATEGIES)
    assert {one["strategy"] for one in found["areas"]} == set(benchmark.STRATEGIES)
    draw(found, tmp_path / "a.svg")
    draw(found, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_an_area_is_paired_by_seed_with_random():
    told = mean_interval(np.array([0.1, 0.2, 0.3]))
    assert told["value"] == 0.2
    assert told["high"] - told["value"] == pytest.approx(4.303 * 0.1 / 3**0.5, abs=1e-4)


def test_the_conclusion_names_who_beats_random_and_says_when_nobody_does():
    def line(strategy: str, on: str, low: float, high: float) -> dict:
        return {"strategy": strategy, "on": on, "against_random": {"value": (low + high) / 2, "low": low, "high": high}}

    text = conclusion(
        [line("a", "valid", 0.01, 0.02), line("b", "valid", -0.1, 0.3), line("a", "building blocks", -1, -0.1)]
    )
    assert "On valid a lies above random" in text
    assert "On building blocks no strategy lies above random beyond its interval, and a below it." in text


def test_words_are_counted_on_both_strands_and_not_over_n():
    network = WordCounts().eval()
    codes = np.random.default_rng(0).integers(0, 5, (20, 164)).astype(np.int8)
    counts = network.counts(encoded(codes))
    turned = np.where(codes == 4, 4, 3 - codes)[:, ::-1]
    assert torch.equal(counts, network.counts(encoded(np.ascontiguousarray(turned))))
    known = np.lib.stride_tricks.sliding_window_view(codes < 4, 5, axis=1).all(2).sum(1)
    np.testing.assert_array_equal(counts.sum(1), known)
    assert network.n_words == 512
