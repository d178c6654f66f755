"""The replay of the retina campaign, one seed of a tiny one: it runs, resumes, and its figures are what they say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import retina_rounds as campaign
from benchmarks.retina_rounds_data import Round, noise_weights
from benchmarks.retina_rounds_network import WordNetwork
from benchmarks.retina_rounds_table import STRATEGIES, correlations, verdict
from models.fit import encoded
from models.metrics import pearson
from models.reporter_data import Elements
from tests.experiment.refine_toys import elements


def rows(n: int, word: str, seed: int) -> Elements:
    return elements(n, word=word, seed=seed)


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> campaign.Campaign:
    monkeypatch.setattr(campaign, "NAIVE_WAYS", campaign.NAIVE_WAYS[:1])
    monkeypatch.setattr(campaign, "TRIED", {name: options[:1] for name, options in campaign.TRIED.items()})
    rounds = [
        Round(name, rows(96, word, k), rows(24, word, k + 10), rows(48, word, k + 20))
        for k, (name, word) in enumerate((("1", "GATA"), ("2 entropy", "CCGG")))
    ]
    small = replace(campaign.SCRATCH, epochs=2, batch=32, max_shift=0)
    return campaign.Campaign(rounds, rows(30, "GATA", 9), tmp_path, small, replace(small, weight_decay=0.0))


def test_a_tiny_campaign_gives_every_figure_and_resumes_to_the_same(tiny, tmp_path, monkeypatch, capsys):
    results = tmp_path / "rounds.json"
    campaign.replay(tiny, [0], results)
    first = results.read_text()
    record = json.loads(first)
    assert [row["strategy"] for row in record["summary"]] == list(STRATEGIES)
    assert {"final", "forgetting", "gain", "compute"} <= record["summary"][0].keys()
    assert record["summary"][-1]["compute"] == 1.0
    assert record["summary"][0]["compute"] < 1
    assert len(record["rounds"]) == len(STRATEGIES) * 2
    assert results.with_suffix(".svg").read_text().count("<polyline") == len(STRATEGIES) * 4
    monkeypatch.setattr(campaign.loop, "fit", None)  # nothing may be fitted again
    campaign.replay(tiny, [0], results)
    assert results.read_text() == first
    capsys.readouterr()


def test_the_correlations_are_those_of_the_answers(tiny):
    chosen, _ = campaign.search(tiny)
    seed = campaign.one_seed(tiny, 0, chosen)
    found = correlations(tiny.rounds, tiny.blocks, [seed])
    for index, name in enumerate(STRATEGIES):
        for k, each in enumerate(tiny.rounds):
            assert found[index, 0, 1, k, 0] == pytest.approx(
                pearson(seed[name][1].valid[k], each.valid.labels[:, 0]), abs=1e-6
            )
    assert found[:, :, 0].std(axis=0).max() < 1e-12  # after the first round all strategies are one network


def test_the_word_network_adds_up_what_each_known_word_stands_for():
    network = WordNetwork(length=3).eval()
    codes = np.array([[0, 1, 2, 3, 4, 0, 0, 0]], dtype=np.int8)
    words = [[0, 1, 2], [1, 2, 3], [0, 0, 0]]
    table = network.table.detach().numpy()
    expected = sum(table[sum(letter * 4**place for place, letter in enumerate(word))] for word in words) / 6**0.5
    seen = []
    network.norm.register_forward_hook(lambda _, given, __: seen.append(given[0].detach().numpy()[0]))
    network(encoded(codes))
    np.testing.assert_allclose(seen[0], expected, rtol=1e-5, atol=1e-6)


def test_a_round_of_noisy_replicates_counts_less():
    row = {"expression": "4", "expression_std": "0.4", "n_reps": "3"}
    sure, noisy = noise_weights([row] * 3), noise_weights([{**row, "expression_std": "4"}] * 3)
    assert 0 < noisy.max() < sure.min() < 1


def test_the_verdict_says_plainly_where_naive_forgets_nothing():
    row = {"forgetting": 0.01, "forgetting_all": 0.0, "forgetting_interval": [-0.02, 0.03], "final": 0.5, "blocks": 0.4}
    row |= {"compute": 0.2, "against_scratch": {"final": [-0.01, -0.02, 0.0]}}
    row |= {"against_naive": {"forgetting": [-0.01, -0.02, 0.0], "new": [0.0, -0.01, 0.01]}}
    assert "interval holds 0" in verdict(dict.fromkeys(STRATEGIES, row))[0]
    forgot = row | {"forgetting": 0.2, "forgetting_interval": [0.1, 0.3]}
    said = verdict({**dict.fromkeys(STRATEGIES, forgot), "replay": row})
    assert "Meets the criterion" in next(line for line in said if line.startswith("replay:"))
    assert "Does not meet" in next(line for line in said if line.startswith("ewc:"))
