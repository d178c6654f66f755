"""Seqlets, TOMTOM and names: laws, and equality with the peers that compile."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import motif_recovery
from genome.sequence import reverse_complement
from interpret import motifs as naming
from interpret.jaspar import Motif, jaspar_motifs, jaspar_release
from interpret.motifs import MotifCall, benjamini_hochberg, fimo_hits, name_seqlets, query_motif, ready, warm
from interpret.seqlets import Seqlet, raising_runs, seqlets
from interpret.tomtom import Targets, compare
from models import registry
from tests.interpret.make_peer_answers import PEERS, queries, track


def motif(name: str) -> Motif:
    """The first JASPAR motif of that name."""
    return next(found for found in jaspar_motifs() if found.name == name)


@pytest.fixture(scope="module")
def database() -> Targets:
    return Targets.of([found.frequencies for found in jaspar_motifs()])


@pytest.fixture(scope="module")
def peers() -> dict[str, Any]:
    """Recorded answers of memelite and tangermeme (they compile for a minute, so they are not asked in every run)."""
    answers = json.loads(PEERS.read_text(encoding="utf-8"))
    assert answers["release"] == jaspar_release(), "run python -m tests.interpret.make_peer_answers for the new release"
    return answers


def planted(
    core: Motif, *, strand: str = "+", at: int = 40, length: int = 100, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Contributions of a model that is a motif's log odds where it stands best, and small noise elsewhere."""
    random = np.random.default_rng(seed)
    matrix = core.frequencies if strand == "+" else core.frequencies[::-1, ::-1]
    log_odds = np.log((matrix + 0.02) / 1.08 / 0.25)
    hypothetical = 0.02 * random.standard_normal((4, length))
    hypothetical[:, at : at + core.length] += log_odds
    hypothetical -= hypothetical.mean(axis=0)
    bases = np.eye(4)[:, random.integers(0, 4, length)]
    bases[:, at : at + core.length] = np.eye(4)[:, matrix.argmax(axis=0)]
    return (hypothetical * bases).sum(axis=0), hypothetical


def test_jaspar_is_the_newest_release_with_one_version_of_each_matrix() -> None:
    found = jaspar_motifs()
    assert jaspar_release() >= "JASPAR2026"
    assert len(found) > 900
    assert len({one.matrix_id.split(".")[0] for one in found}) == len(found)
    assert found is jaspar_motifs()


def test_jaspar_equals_what_pyjaspar_reads_itself() -> None:
    from pyjaspar import jaspardb

    for matrix_id in ("MA0139.2", "MA0080.7", "MA1931.1"):
        mine = next(one for one in jaspar_motifs() if one.matrix_id == matrix_id)
        theirs = jaspardb(release=jaspar_release()).fetch_motif_by_id(matrix_id)
        counts = np.array([theirs.counts[base] for base in "ACGT"])
        np.testing.assert_allclose(mine.frequencies, counts / counts.sum(axis=0))
        assert (mine.name, list(mine.families), mine.tf_class) == (
            theirs.name,
            list(theirs.tf_family),
            "; ".join(theirs.tf_class),
        )


def test_information_is_two_bits_for_a_certain_base_and_none_for_an_even_column() -> None:
    one = Motif("MA0000.1", "X", "", "", np.array([[1.0, 0.25], [0, 0.25], [0, 0.25], [0, 0.25]]))
    np.testing.assert_allclose(one.information.sum(axis=0), [2.0, 0.0])


def test_every_tenth_motif_finds_itself_on_its_own_strand(database: Targets) -> None:
    known = jaspar_motifs()
    for index in range(0, len(known), 10):
        found = compare(known[index].frequencies, database)
        assert found.p_values[index] <= found.p_values.min() * 1.0001
        assert (found.offsets[index], found.overlaps[index]) == (0, known[index].length)


def test_the_other_strand_has_the_same_p_values_and_the_mirrored_place(database: Targets) -> None:
    forward = motif("CTCF")
    one = compare(forward.frequencies[:, 2:12], database)
    other = compare(forward.frequencies[::-1, ::-1][:, forward.length - 12 : forward.length - 2], database)
    np.testing.assert_allclose(one.p_values, other.p_values, rtol=1e-9)
    index = [found.matrix_id for found in jaspar_motifs()].index(forward.matrix_id)
    assert (one.strands[index], other.strands[index]) == ("+", "-")
    assert one.offsets[index] == 2
    assert other.offsets[index] == forward.length - 12


def test_p_values_of_unrelated_queries_are_close_to_uniform(database: Targets) -> None:
    random = np.random.default_rng(3)
    columns = database.columns[:, random.integers(0, database.columns.shape[1], 12 * 30)]
    p_values = np.concatenate([compare(columns[:, i : i + 12], database).p_values for i in range(0, 360, 12)])
    for level in (0.001, 0.01, 0.1, 0.5):
        assert 0.5 * level < (p_values <= level).mean() < 2 * level


def test_p_values_equal_memelite(peers: dict[str, Any], database: Targets) -> None:
    for name, query in queries().items():
        mine = compare(query, database)
        index, p_values, scores = (np.array(column) for column in zip(*peers["tomtom"][name], strict=True))
        np.testing.assert_allclose(mine.p_values[index], p_values, rtol=1e-9, err_msg=name)
        np.testing.assert_array_equal(mine.scores[index], scores, err_msg=name)


def test_seqlets_equal_tangermeme(peers: dict[str, Any]) -> None:
    assert sum(len(case["found"]) for case in peers["seqlets"]) > 20
    for case in peers["seqlets"]:
        found = raising_runs(track(case["seed"], case["length"]), "+", case["p"], 1000)
        mine = {(s.start, s.end): (s.p_value, s.attribution) for s in found}
        theirs = {(int(start), int(end)): pair for start, end, *pair in case["found"]}
        assert mine.keys() == theirs.keys(), case
        for place, pair in mine.items():
            np.testing.assert_allclose(pair, theirs[place], rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 150), st.sampled_from([0.01, 0.05]))
def test_seqlets_add_up_never_overlap_and_swap_sign_with_the_track(seed: int, length: int, p: float) -> None:
    contributions = np.random.default_rng(seed).standard_t(2, size=length)
    found = seqlets(contributions, p=p)
    covered = np.zeros(length, dtype=int)
    for one in found:
        assert 4 <= one.end - one.start <= 25
        assert one.attribution == pytest.approx(contributions[one.start : one.end].sum())
        assert one.p_value < p
        covered[one.start : one.end] += 1
    assert covered.max() <= 1
    mirrored = [(one.start, one.end, {"+": "-", "-": "+"}[one.sign]) for one in seqlets(-contributions, p=p)]
    assert sorted(mirrored) == sorted((one.start, one.end, one.sign) for one in found)


@pytest.mark.parametrize("contributions", [np.zeros(50), np.ones(3), np.empty(0)])
def test_a_flat_or_tiny_track_has_no_seqlet(contributions: np.ndarray) -> None:
    assert seqlets(contributions) == ()


@pytest.mark.parametrize("contributions", [np.full(20, np.nan), np.zeros((2, 20))])
def test_seqlets_refuse_what_is_no_track(contributions: np.ndarray) -> None:
    with pytest.raises(ValueError, match="values"):
        seqlets(contributions)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_q_values_keep_the_order_and_never_fall_below_p(values: list[float]) -> None:
    p_values = np.array(values)
    q_values = benjamini_hochberg(p_values)
    assert (q_values >= p_values - 1e-12).all()
    assert (q_values <= 1).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(q_values[order]) >= 0).all()


def test_q_values_of_a_textbook_case() -> None:
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.04, 0.01, 0.03, 0.02])), [0.04] * 4)
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.01, 0.5])), [0.02, 0.5])


@pytest.mark.parametrize("name", ["CTCF", "Spi1", "GATA1"])
@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_planted_motif_is_named_where_it_lies(name: str, strand: str) -> None:
    core = motif(name)
    values, hypothetical = planted(core, strand=strand)
    calls = name_seqlets(seqlets(values), values, hypothetical, sd=1.0)
    call = calls[0]
    assert core.name in {one.name for one in (call.motif, *call.ties) if one}
    assert call.label.startswith("resembles ")
    assert set(core.families) <= set(call.families)
    assert call.strand == strand or call.motif != core
    if call.motif == core:
        assert call.motif_span == (40, 40 + core.length)


def test_a_site_that_falls_into_two_seqlets_is_named_once() -> None:
    values, hypothetical = planted(motif("CTCF"))
    parts = [
        Seqlet(40, 46, "+", float(values[40:46].sum()), 1e-3),
        Seqlet(48, 54, "+", float(values[48:54].sum()), 1e-3),
    ]
    calls = name_seqlets(parts, values, hypothetical, sd=1.0)
    assert [call.named for call in calls] == [True, False]
    assert "part of" in calls[1].reason


def test_what_lowers_the_prediction_is_named_too() -> None:
    values, hypothetical = planted(motif("CTCF"))
    calls = name_seqlets(seqlets(-values), -values, -hypothetical, sd=1.0)
    assert calls[0].seqlet.sign == "-"
    assert calls[0].label == "resembles CTCF"


def test_noise_bears_no_name() -> None:
    named = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        hypothetical = random.standard_normal((4, 100))
        values = (hypothetical * np.eye(4)[:, random.integers(0, 4, 100)]).sum(axis=0)
        named += sum(call.named for call in name_seqlets(seqlets(values), values, hypothetical, sd=1.0))
    assert named <= 2


def test_a_preference_that_the_bases_do_not_meet_bears_no_name() -> None:
    values, hypothetical = planted(motif("CTCF"))
    weak = Seqlet(40, 50, "+", float(values[40:50].sum()), 1e-3)
    calls = name_seqlets([weak], values, hypothetical, sd=100.0)
    assert calls[0].label == ""
    assert "standard deviation" in calls[0].reason
    assert calls[0].families == ()


def test_no_name_above_the_limit_of_q(monkeypatch: pytest.MonkeyPatch) -> None:
    values, hypothetical = planted(motif("CTCF"))
    monkeypatch.setattr(naming, "Q_LIMIT", 1e-300)
    call = name_seqlets(seqlets(values), values, hypothetical, sd=1.0)[0]
    assert call.motif is not None
    assert call.label == ""
    assert call.ties == ()


def test_the_query_does_not_depend_on_the_unit() -> None:
    values, hypothetical = planted(motif("CTCF"))
    one = Seqlet(42, 50, "+", float(values[42:50].sum()), 1e-3)
    query, start = query_motif(one, values, hypothetical)
    scaled, same = query_motif(one, 1000 * values, 1000 * hypothetical)
    np.testing.assert_allclose(query, scaled, atol=1e-9)
    np.testing.assert_allclose(query.sum(axis=0), 1)
    assert start == same


def test_the_bases_that_contribute_most_stand_in_the_query_as_they_are() -> None:
    values, hypothetical = np.zeros(40), np.zeros((4, 40))
    hypothetical[0, 10:20] = 1.0  # A would be liked best ...
    hypothetical[2, 10:20] = 0.9
    values[10:20] = 0.9  # ... but G stands there, and contributes
    query, start = query_motif(Seqlet(10, 20, "+", 9.0, 1e-3), values, hypothetical)
    assert start == 10
    np.testing.assert_allclose(query, np.eye(4)[:, [2] * 10])


def test_contributions_of_nothing_give_no_query() -> None:
    query, _ = query_motif(Seqlet(10, 20, "+", 0.0, 1.0), np.zeros(50), np.zeros((4, 50)))
    assert query.shape == (4, 0)
    call = name_seqlets([Seqlet(10, 20, "+", 0.0, 1.0)], np.zeros(50), np.zeros((4, 50)), sd=1.0)[0]
    assert not call.named
    assert call.motif is None


def test_warming_makes_naming_ready_from_any_thread() -> None:
    thread = threading.Thread(target=warm)
    thread.start()
    thread.join(30)
    assert ready()


def test_naming_wants_contributions_of_one_length() -> None:
    with pytest.raises(ValueError, match="hypothetical"):
        name_seqlets([], np.zeros(10), np.zeros((4, 11)), sd=1.0)


def test_a_call_without_a_motif_lies_where_its_query_lies() -> None:
    call = MotifCall(Seqlet(3, 9, "+", 1.0, 0.01), 2, 10, np.full((4, 8), 0.25), 1.0)
    assert call.motif_span == (2, 10)
    assert call.matched is None


def test_the_scan_finds_a_planted_site_on_either_strand() -> None:
    core = motif("Spi1")
    best = "".join("ACGT"[i] for i in core.frequencies.argmax(axis=0))
    sequences = ["C" * 30 + best + "C" * 30, "C" * 30 + reverse_complement(best) + "C" * 11, "N" * 40]
    forward, backward, nothing = fimo_hits(sequences, [core])
    assert [(hit.start, hit.end, hit.strand) for hit in forward if hit.p_value < 1e-5] == [(30, 30 + core.length, "+")]
    assert [(hit.start, hit.strand) for hit in backward if hit.p_value < 1e-5] == [(30, "-")]
    assert nothing == ()


def test_names_of_held_out_peaks_meet_their_goals() -> None:
    """The figures were measured once by benchmarks/motif_recovery.py; this holds the record to the goals."""
    record = Path(motif_recovery.RESULTS)
    assert record.is_file(), "run python -m benchmarks.motif_recovery with CISLENS_DATA set"
    figures = json.loads(record.read_text(encoding="utf-8"))
    for name, *_ in motif_recovery.FACTORS:
        assert figures[name]["ratio_to_fimo"] >= 0.95, track
        assert figures[name]["shuffles_recovered"] < 0.05, name
    assert figures["model_id"] == registry.spec("tf-binding").model_id, "measure again: the model has changed"
    assert figures["rules"]["floor_sd"] == naming.NAMING_FLOOR
    assert figures["rules"]["sharpness"] == naming.SHARPNESS


@pytest.mark.data
def test_a_sample_of_validation_peaks_is_named_as_recorded_rules_promise(data: Path) -> None:
    figures = motif_recovery.measure("tf-binding", motif_recovery.VALIDATION_CHROMS, data, most=20, scan=False)
    for name, *_ in motif_recovery.FACTORS:
        assert figures[name]["recovered"] > 0.7, name
        assert figures[name]["shuffles_recovered"] < 0.2, name
