"""``cislens acquire``: from candidates to a batch with what it is expected to tell, through the released models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app import acquire_cli, cli, compute, compute_acquire
from app.compute import Asker
from app.set_rows import read_sequences
from experiment.acquire import STRATEGIES
from experiment.acquire_features import embeddings, sketched_gradients
from genome.errors import UserError
from models import registry
from models.core import Target
from models.shift import codes_from
from tests.app.toy_folders import PATHS, WINDOW, write_cells
from tests.toy_models import random_bases

ROWS = 40


def fasta(length: int = 164, rows: int = ROWS) -> str:
    return "".join(f">s{row}\n{random_bases(length, seed=row)}\n" for row in range(rows))


def written(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    lines = path.read_text().splitlines()
    head = [line for line in lines if line.startswith("#")]
    columns, *rows = (line.split("\t") for line in lines[len(head) :])
    return head, [dict(zip(columns, row, strict=True)) for row in rows]


def acquired(tmp_path: Path, text: str, *options: str, name: str = "in.fa") -> tuple[list[str], list[dict[str, str]]]:
    (tmp_path / name).write_text(text)
    out = tmp_path / "out.tsv"
    assert cli.main(["acquire", *options, str(tmp_path / name), "--out", str(out)]) == 0
    return written(out)


def test_the_options_are_the_strategies():
    assert set(acquire_cli.STRATEGY_NAMES) == set(STRATEGIES)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_writes_a_batch_of_the_candidates(tmp_path, strategy):
    head, rows = acquired(tmp_path, fasta(), "--model", "retina", "--n", "6", "--strategy", strategy)
    assert len({row["name"] for row in rows}) == len(rows) == 6
    for row in rows:
        assert row["sequence"] == random_bases(164, seed=int(row["name"][1:]))
        assert int(row["row"]) == int(row["name"][1:]) + 1
        assert row["arm"] == strategy or strategy == "mix"
    text = "\n".join(head)
    assert registry.spec("retina").model_id in text
    assert "retina activity" in text
    assert "seed 0" in text
    assert "of the variance between the networks over all candidates" in text


def test_a_network_without_layers_to_follow_chooses_and_says_what_is_not_known(tmp_path, monkeypatch):
    write_cells(tmp_path / "models")
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("CISLENS_ARCHITECTURES", PATHS)
    head, rows = acquired(tmp_path, fasta(WINDOW), "--model", "cells", "--n", "4", "--strategy", "variance")
    assert len(rows) == 4
    assert "no layer of the network shows its gradients" in "\n".join(head)


def test_what_is_expected_is_larger_for_networks_that_disagree_and_grows_with_the_batch():
    found = read_sequences(fasta())
    few, many = (compute_acquire.pick("retina", "retina activity", found, n, Asker(), strategy="lcmd") for n in (4, 20))
    assert few.information is not None
    assert many.information is not None
    assert 0 < few.information.share < many.information.share < 1
    members = many.spread
    assert few.information.before == many.information.before > 0
    assert (members > 0).all()


def test_a_sequence_that_stands_twice_counts_once(tmp_path):
    head, rows = acquired(tmp_path, fasta(rows=5) + fasta(rows=5), "--model", "retina", "--n", "5")
    assert sorted(int(row["row"]) for row in rows) == [1, 2, 3, 4, 5]
    assert "5 that stand twice count once" in "\n".join(head)


def test_places_of_a_genome_are_chosen_with_their_loci(tmp_path):
    bed = "".join(f"sb1\t{start}\t{start + 100}\tplace{start}\n" for start in range(5_000, 9_000, 200))
    options = ("--model", "tf-binding", "--genome", "sandbox", "--n", "5", "--strategy", "core-set")
    _, rows = acquired(tmp_path, bed, *options, name="in.bed")
    for row in rows:
        start = int(row["name"].removeprefix("place"))
        assert row["locus"].replace(",", "") == f"sb1:{start + 1}-{start + 100}"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--model", "retina", "--n", "41"), "41 cannot be chosen from 40 different sequences"),
        (("--model", "retina", "--n", "0"), "0 cannot be chosen"),
        (("--model", "tf-binding", "--n", "3", "--strategy", "margin"), "say below which value"),
        (("--model", "simple", "--n", "3", "--strategy", "variance"), "single network"),
        (("--model", "simple", "--n", "3", "--strategy", "core-set"), "shows no embedding"),
        (("--model", "simple", "--n", "3", "--strategy", "lcmd"), "no layer whose gradients"),
        (("--model", "retina", "--n", "3", "--strategy", "mix", "--shares", "luck=1"), "shares"),
        (("--model", "retina", "--n", "3", "--strategy", "mix", "--shares", "random"), "random=0.3"),
        (("--model", "retina", "--n", "3", "--track", "nothing"), "no track 'nothing'"),
        (("--model", "retina", "--n", "3", "--strategy", "margin", "--bounds", "2", "1"), "must lie below"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(tmp_path, capsys, options, says):
    (tmp_path / "in.fa").write_text(fasta())
    assert cli.main(["acquire", *options, str(tmp_path / "in.fa"), "--out", str(tmp_path / "out.tsv")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out.tsv").exists()


def test_a_model_that_is_one_network_chooses_at_random_and_says_what_is_not_known(tmp_path):
    head, rows = acquired(tmp_path, fasta(100), "--model", "simple", "--n", "3", "--strategy", "random")
    assert len(rows) == 3
    assert "a single network does not say how unsure it is" in "\n".join(head)


@pytest.mark.parametrize(("model", "length"), [("retina", 164), ("lentimpra", 200), ("tf-binding", 100)])
def test_features_do_not_depend_on_how_windows_are_batched(model, length):
    spec = registry.spec(model)
    run = compute.engine().runner(spec.model_id)
    codes = codes_from([random_bases(length, seed=row) for row in range(9)])
    for ask in (
        lambda rows: embeddings(run, rows),
        lambda rows: sketched_gradients(run, rows, Target(spec.tracks[0].name)),
    ):
        whole = ask(codes)
        alone = np.concatenate([ask(codes[row : row + 1]) for row in range(9)])
        assert whole.shape[0] == 9
        assert np.abs(whole).max() > 0
        np.testing.assert_allclose(alone, whole, rtol=1e-3, atol=1e-4 * np.abs(whole).max())


def test_another_place_in_the_file_chooses_the_same_sequences():
    forward, backward = (
        read_sequences(text) for text in (fasta(), "".join(f">{part}" for part in fasta().split(">")[:0:-1]))
    )
    chosen = [
        {row.name for row in compute_acquire.pick("tf-binding", "CTCF binding", found, 8, Asker(), strategy=name).rows}
        for found in (forward, backward)
        for name in ("lcmd",)
    ]
    assert chosen[0] == chosen[1]


def test_a_strategy_that_there_is_not_is_refused():
    with pytest.raises(UserError, match="no strategy 'luck'"):
        compute_acquire.pick("retina", "retina activity", read_sequences(fasta()), 3, Asker(), strategy="luck")
