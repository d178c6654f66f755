"""Percentiles: what each value is ranked among, how it is said, and when there is none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.source import MemoryGenome
from interpret import background, background_build
from interpret.background import (
    ARTEFACT,
    KEPT,
    MIN_VALUES,
    About,
    Background,
    Distribution,
    available,
    chosen,
    distribution,
    percent,
    read,
    write,
)
from interpret.background_build import build, merged, read_places, window_starts
from interpret.effects import effect, window_activity
from models import registry
from models.core import Model, Track
from models.engine import Engine, Pace, Runner
from tests.toy_models import WINDOW, Curved, Linear, random_bases, toy_engine, toy_model, toy_spec

ABOUT = About(
    model_id="toy-000000000000",
    name="peaks",
    words="measured peaks (toy)",
    provenance="10 places.",
    genome="toy",
    synthetic=False,
    digest="0" * 12,
    seed=0,
    sampled=True,
    activity_formula="prediction",
    effect_formula="mean difference",
    sds={"one": 2.0},
)
BASES = random_bases(3_000, seed=1)
GENOME = MemoryGenome("toy", {"c1": BASES}, build="toy-1")
PLACES = (Locus("c1", 500, 650), Locus("c1", 600, 700), Locus("c1", 2_000, 2_010))
MODEL = toy_model(Curved, n_members=2, strand_rule="average")


def of(activities, effects=None, **about) -> Background:
    effects = activities if effects is None else effects
    return Background(
        replace(ABOUT, **about),
        {"one": distribution(np.asarray(activities, np.float32))},
        {"one": distribution(np.asarray(effects, np.float32))},
    )


def runner_of(model: Model, batch: int = 64) -> Runner:
    """An engine that need not measure how fast a toy is."""
    engine = toy_engine(model)
    engine._paces[model.spec.model_id, False] = Pace(batch, 1e-4)
    return engine.runner(model.spec.model_id)


def made(model: Model = MODEL, genome: MemoryGenome = GENOME, places=PLACES, **options) -> Background:
    run = runner_of(model)
    return build(run, model.spec, genome, places, **({"name": "peaks", "words": "peaks"} | options))


SPREAD_OUT = of(np.linspace(0, 1, 5_000))

# ---- ranking -----------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(value=st.integers(-3, 12), seed=st.integers(0, 10**6), n=st.sampled_from([5_000, 6_123]))
def test_the_percentile_is_the_mid_rank_of_scipy(value, seed, n):
    from scipy.stats import percentileofscore

    values = np.random.default_rng(seed).integers(0, 10, n).astype(np.float32)
    expected = percentileofscore(values, value, kind="mean") / 100
    rank = of(values).rank_activity("one", value, synthetic=False)
    assert rank.percentile == pytest.approx(min(max(expected, 1 / n), 1 - 1 / n))
    assert rank.n == n


def test_of_a_large_set_the_quantiles_kept_give_the_same_percentile_to_a_hundredth_of_a_per_cent():
    values = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    found = of(values)
    assert len(found.activities["one"].values) == KEPT
    assert found.activities["one"].values[[0, -1]].tolist() == [values.min(), values.max()]
    for value in np.linspace(-3, 3, 25):
        rank = found.rank_activity("one", float(value), synthetic=False)
        assert rank.percentile == pytest.approx((values < value).mean(), abs=1.5e-4)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.93004, "higher than 93 % of 5,000 windows of measured peaks (toy)"),
        (0.5, "higher than 50 % of 5,000 windows of measured peaks (toy)"),
        (0.99805, "higher than 99.80 % of 5,000 windows of measured peaks (toy)"),
        (1.0, "higher than 99.98 % of 5,000 windows of measured peaks (toy)"),
        (1.01, "higher than all 5,000 windows of measured peaks (toy) (> 99.98 %)"),
        (0.0, "higher than 0.02 % of 5,000 windows of measured peaks (toy)"),
        (-1.0, "lower than all 5,000 windows of measured peaks (toy) (< 0.02 %)"),
    ],
)
def test_a_rank_is_said_with_the_size_and_name_of_its_set(value, text):
    assert SPREAD_OUT.rank_activity("one", value, synthetic=False).text == text


@pytest.mark.parametrize(
    ("n", "above", "below"),
    [(5_000, "99.98 %", "0.02 %"), (20_000, "99.995 %", "0.005 %"), (12_345, "99.991 %", "0.009 %")],
)
def test_outside_the_range_the_size_of_the_set_decides_the_digits(n, above, below):
    assert percent(1 - 1 / n, n) == above
    assert percent(1 / n, n) == below


@given(share=st.floats(0.5, 1 - 1e-4), n=st.integers(5_000, 10**6))
def test_no_percentile_claims_more_than_was_counted(share, n):
    said = float(percent(share, n).removesuffix(" %")) / 100
    assert said < 1
    assert share <= 0.99 or said <= share + 1e-9
    assert abs(said - share) <= 0.005 + 1e-9


def test_a_constant_set_ranks_its_own_value_in_the_middle():
    found = of(np.ones(5_000))
    assert found.rank_activity("one", 1.0, synthetic=False).percentile == 0.5
    assert found.rank_activity("one", 1.1, synthetic=False).text.startswith("higher than all")


@pytest.mark.parametrize(("n", "reason"), [(0, "the background is empty"), (412, "only 412 values")])
def test_too_few_values_give_no_percentile(n, reason):
    found = of(np.linspace(0, 1, n))
    for rank in (
        found.rank_activity("one", 9.0, synthetic=False),
        found.rank_effect("one", 9.0, synthetic=False),
        found.rank_activity("one", 9.0, synthetic=None),
    ):
        assert rank.percentile is None
        assert rank.text == f"no percentile: {reason}"


def test_five_thousand_values_are_enough_and_one_less_is_not():
    assert of(np.zeros(MIN_VALUES)).rank_activity("one", 1.0, synthetic=False).percentile is not None
    assert of(np.zeros(MIN_VALUES - 1)).rank_activity("one", 1.0, synthetic=False).percentile is None


def test_a_track_that_the_set_lacks_has_no_percentile():
    assert SPREAD_OUT.rank_activity("two", 1.0, synthetic=False).percentile is None


@pytest.mark.parametrize(
    ("of_set", "of_locus", "reason"),
    [
        (True, False, "no percentile: the background is synthetic DNA and this locus is real"),
        (False, True, "no percentile: the background is real DNA and this locus is synthetic"),
        (True, True, ""),
        (False, False, ""),
        (True, None, ""),
        (False, None, ""),
    ],
)
def test_synthetic_and_real_dna_are_never_ranked_among_each_other(of_set, of_locus, reason):
    found = of(np.linspace(0, 1, 5_000), synthetic=of_set)
    for rank in (
        found.rank_activity("one", 0.5, synthetic=of_locus),
        found.rank_effect("one", 0.5, synthetic=of_locus),
    ):
        assert (rank.percentile is None) == bool(reason)
        if reason:
            assert rank.text == reason


def test_an_effect_is_ranked_by_its_size_whatever_its_sign():
    up, down = (SPREAD_OUT.rank_effect("one", delta, synthetic=False) for delta in (0.7, -0.7))
    assert up == down
    assert up.text == "larger than 70 % of 5,000 single-base changes (sampled) in measured peaks (toy)"
    assert "(sampled)" not in of(np.zeros(5_000), sampled=False).rank_effect("one", 1.0, synthetic=False).text


@pytest.mark.parametrize(
    ("delta", "activity", "flagged"),
    [
        (0.19, None, True),  # beyond 99 % of the changes, and under a tenth of the track's sd of 2
        (-0.19, None, True),
        (0.21, None, False),
        (0.21, 3.0, False),
        (0.21, 0.2, True),  # in a quiet window
        (0.05, 0.2, False),  # not extreme
    ],
)
def test_an_extreme_rank_of_a_tiny_change_or_in_a_quiet_window_is_flagged(delta, activity, flagged):
    found = of(np.linspace(0, 4, 5_000), np.linspace(0, 0.15, 5_000))
    rank = found.rank_effect("one", delta, synthetic=False, activity=activity)
    assert rank.flag.startswith(ARTEFACT) == flagged
    assert bool(rank.flag) == flagged


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_a_number_has_no_rank(value):
    with pytest.raises(ValueError, match="value"):
        SPREAD_OUT.rank_activity("one", value, synthetic=False)


@pytest.mark.parametrize(("values", "n"), [([1.0, 0.0], 2), ([0.0, np.nan], 2), ([0.0], 2)])
def test_a_distribution_is_checked(values, n):
    with pytest.raises(ValueError, match="distribution"):
        Distribution(np.array(values, np.float32), n)


# ---- files -------------------------------------------------------------------------------------------------------


def test_a_set_survives_its_file_and_the_same_set_is_the_same_bytes(tmp_path):
    found = of(np.random.default_rng(0).normal(size=20_000), np.linspace(0, 1, 300))
    write(found, tmp_path / "a.safetensors")
    write(found, tmp_path / "b.safetensors")
    again = read(tmp_path / "a.safetensors", ABOUT.model_id)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert again.about == found.about
    for kind in ("activities", "effects"):
        one, other = getattr(found, kind)["one"], getattr(again, kind)["one"]
        assert other.n == one.n
        assert (other.values == one.values).all()


def test_a_set_of_another_model_is_refused_with_both_names(tmp_path):
    write(SPREAD_OUT, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match=r"made for toy-000000000000, not for other-1"):
        read(tmp_path / "a.safetensors", "other-1")


def rewritten(path: Path, **changes) -> None:
    from safetensors.numpy import load_file, save_file
    from safetensors.torch import safe_open

    with safe_open(path, framework="np") as archive:
        about = json.loads(archive.metadata()["background"])
    save_file(load_file(path), path, metadata={"background": json.dumps(about | changes)})


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-8]),
        lambda path: path.write_bytes(b""),
        lambda path: rewritten(path, n={"activities": {"one": 7}, "effects": {"one": 5_000}}),
        lambda path: rewritten(path, n=None),
        lambda path: rewritten(path, format=2),
        lambda path: rewritten(path, name="../x"),
        lambda path: rewritten(path, sds={"one": 0}),
        lambda path: rewritten(path, sds=["one"]),
    ],
)
def test_a_damaged_file_is_refused_in_words(tmp_path, damage):
    path = tmp_path / "a.safetensors"
    write(SPREAD_OUT, path)
    damage(path)
    with pytest.raises(UserError, match="make it again"):
        read(path, ABOUT.model_id)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "x" * 80, "ä"])
def test_a_set_has_a_plain_name(name):
    with pytest.raises(UserError, match="cannot name a set"):
        replace(ABOUT, name=name)


def test_ones_own_sets_come_before_the_shipped_and_the_dna_decides(tmp_path, own_home, monkeypatch):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.toml").touch()
    monkeypatch.setattr(registry, "companion", lambda _, name: folder / name)
    assert available(ABOUT.model_id) == ()
    assert chosen(ABOUT.model_id, synthetic=False) is None
    write(SPREAD_OUT, folder / "background-peaks.safetensors")
    assert chosen(ABOUT.model_id, synthetic=True).about.name == "peaks"  # which then says why it does not apply
    own = own_home / "backgrounds" / ABOUT.model_id
    own.mkdir(parents=True)
    write(of(np.zeros(5_000), name="mine"), own / "mine.safetensors")
    write(of(np.zeros(5_000), name="box", synthetic=True), own / "box.safetensors")
    assert [found.about.name for found in available(ABOUT.model_id)] == ["box", "mine", "peaks"]
    assert chosen(ABOUT.model_id, synthetic=False).about.name == "mine"
    assert chosen(ABOUT.model_id, synthetic=True).about.name == "box"
    assert chosen(ABOUT.model_id, synthetic=None).about.name == "mine"
    assert chosen(ABOUT.model_id, synthetic=False, name="peaks").about.name == "peaks"
    with pytest.raises(UserError, match="there is: box, mine, peaks"):
        chosen(ABOUT.model_id, synthetic=False, name="yours")


# ---- building ----------------------------------------------------------------------------------------------------


def test_places_that_touch_or_overlap_are_joined():
    assert merged(PLACES) == (Locus("c1", 500, 700), Locus("c1", 2_000, 2_010))
    assert merged([Locus("b", 5, 9), Locus("a", 9, 12), Locus("a", 5, 9)]) == (Locus("a", 5, 12), Locus("b", 5, 9))


@given(start=st.integers(0, 1_000), length=st.integers(1, 500), window=st.integers(1, 60))
def test_windows_stand_side_by_side_centred_on_their_place(start, length, window):
    starts = window_starts(Locus("c", start, start + length), window)
    assert set(np.diff(starts)) <= {window}
    assert abs((starts[0] + starts[-1] + window) / 2 - (start + length / 2)) <= 0.5
    assert abs(len(starts) * window - length) <= max(window / 2, window - length)


def test_each_activity_is_the_prediction_of_its_window():
    found = made()
    run = runner_of(MODEL)
    sequence = GENOME.sequence(Locus("c1", 0, 3_000))
    starts = [start for place in merged(PLACES) for start in window_starts(place, WINDOW)]
    expected = np.sort([window_activity(run, MODEL.spec, sequence, start, start + WINDOW) for start in starts], axis=0)
    for index, track in enumerate(("one", "two")):
        assert found.activities[track].n == len(expected) == 11
        assert found.activities[track].values == pytest.approx(expected[:, index], abs=1e-5)


def test_each_effect_is_that_of_the_effect_shown_beside_it():
    """All changes of a short place, against ``effects.effect`` one at a time."""
    found = made(places=[Locus("c1", 2_000, 2_010)])
    assert not found.about.sampled
    run = runner_of(MODEL)
    sequence = GENOME.sequence(Locus("c1", 2_000, 2_010).extended(3 * WINDOW))
    expected = []
    for position in range(2_000, 2_010):
        for base in set("ACGT") - {BASES[position]}:
            edit = Variant("c1", position + 1, BASES[position], base)
            expected.append(np.abs(effect(run, MODEL.spec, sequence, (edit,)).delta))
    expected = np.sort(np.array(expected), axis=0)
    for index, track in enumerate(("one", "two")):
        assert found.effects[track].n == 30
        assert found.effects[track].values == pytest.approx(expected[:, index], abs=1e-5)


def test_the_same_set_is_made_again_byte_for_byte_whatever_batch_the_engine_takes(tmp_path):
    for index, batch in enumerate((1, 7, 256)):
        found = build(
            runner_of(MODEL, batch), MODEL.spec, GENOME, PLACES, name="peaks", words="peaks", most=200, seed=3
        )
        write(found, tmp_path / f"{index}.safetensors")
    first = (tmp_path / "0.safetensors").read_bytes()
    assert first == (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "2.safetensors").read_bytes()
    write(made(most=200, seed=4), tmp_path / "other.safetensors")
    assert first != (tmp_path / "other.safetensors").read_bytes()


def test_a_sample_is_drawn_from_all_changes_and_says_so():
    found = made(most=100, seed=2)
    everything = made()
    assert found.about.sampled
    assert found.effects["one"].n == 100
    assert everything.effects["one"].n == 630
    assert "100 of the 630 single-base changes" in found.about.provenance
    every = everything.effects["one"].values
    nearest = np.abs(found.effects["one"].values[:, None] - every[None]).min(axis=1)
    assert (nearest < 1e-6).all()


def test_unknown_bases_give_neither_windows_nor_changes():
    holed = MemoryGenome("holed", {"c1": BASES[:580] + "N" * 200 + BASES[780:]}, build="toy-1")
    found = made(genome=holed)
    assert 0 < found.activities["one"].n < made().activities["one"].n
    assert 0 < found.effects["one"].n < 630
    with pytest.raises(UserError, match="no bases that holed knows"):
        made(genome=holed, places=[Locus("c1", 620, 700)])


def test_a_set_of_nothing_is_refused():
    with pytest.raises(UserError, match="no place"):
        made(places=[])
    with pytest.raises(UserError, match="no chromosome"):
        made(places=[Locus("c9", 0, 10)])
    with pytest.raises(ValueError, match="most"):
        made(most=0)


class Broken(Linear):
    """Says something that is not a number."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * torch.nan


def test_a_model_that_gives_no_numbers_gives_no_background():
    with pytest.raises(UserError, match="not a number"):
        made(toy_model(Broken))


class Profile(nn.Module):
    """Expected reads at 5 bins, and their log variance: as many reads as there are G in the window's fifths."""

    def forward(self, x: Tensor) -> Tensor:
        reads = x[:, 2:3].reshape(len(x), 1, 5, -1).sum(3)  # (n, 1, 5)
        return torch.cat([reads, torch.zeros_like(reads)], dim=1)


def test_a_profile_is_ranked_by_its_log_counts_and_noise_does_not_disturb():
    track = Track("reads", "toy", "none", "reads", kind="profile", sd=0.5)
    spec = replace(toy_spec("profile"), tracks=(track,), output_length=5, resolution=4, noise=True)
    found = made(Model(spec, [Profile()]))
    starts = [start for place in merged(PLACES) for start in window_starts(place, WINDOW)]
    counts = [np.log1p(BASES[start : start + WINDOW].count("G")) for start in starts]
    assert found.activities["reads"].values == pytest.approx(np.sort(counts), abs=1e-6)
    assert found.about.sds == {"reads": 0.5}


def test_a_change_gives_every_other_base_once():
    pairs = [background_build._both_alleles(MODEL.spec, GENOME, "c1", 2_005, turn) for turn in (1, 2, 3)]
    found = set()
    for before, after in pairs:
        changed = np.flatnonzero((before != after).any(axis=(0, 1)))
        assert len(changed) == MODEL.spec.placements
        column = np.flatnonzero((before[0] != after[0]).any(axis=0))[0]
        assert "ACGT"[before[0, :, column].argmax()] == BASES[2_005]
        assert (after.sum(axis=1) == 1).all()
        found.add("ACGT"[after[0, :, column].argmax()])
    assert found == set("ACGT") - {BASES[2_005]}


def test_places_are_read_from_bed_and_a_signal_is_refused(tmp_path):
    path = tmp_path / "a.bed"
    path.write_text("c1\t10\t20\nc1\t5\t8\tname\n")
    assert read_places(path) == (Locus("c1", 5, 8), Locus("c1", 10, 20))
    (tmp_path / "a.bedgraph").write_text("c1\t10\t20\t1.5\n")
    with pytest.raises(UserError, match="is a signal"):
        read_places(tmp_path / "a.bedgraph")
    with pytest.raises(UserError, match="cannot be read"):
        read_places(tmp_path / "none.bed")


# ---- what is shipped ---------------------------------------------------------------------------------------------


def test_the_shipped_set_belongs_to_its_model_and_is_small():
    spec = registry.spec("tf-binding")
    (found,) = available(spec.model_id)
    assert found.about.name == background_build.K562
    assert set(found.activities) == set(found.effects) == {track.name for track in spec.tracks}
    assert min(values.n for kind in (found.activities, found.effects) for values in kind.values()) >= MIN_VALUES
    path = registry.companion(spec.model_id, f"{background.PREFIX}{background_build.K562}.safetensors")
    assert path is not None
    assert path.stat().st_size <= 300_000


@pytest.mark.data
def test_the_shipped_set_is_what_the_data_give(data):
    """A smaller draw of the same set: the same places, and the same activities to the last digits."""
    spec = registry.spec("tf-binding")
    run = Engine(registry.load, device=torch.device("cpu")).runner(spec.model_id, priority="batch")
    again = background_build.build_default(run, spec, data, most=200)
    (shipped,) = available(spec.model_id)
    assert again.about.digest == shipped.about.digest
    for track in spec.tracks:
        one, other = again.activities[track.name], shipped.activities[track.name]
        assert one.n == other.n
        assert one.values == pytest.approx(other.values, abs=1e-3)
        drawn = again.effects[track.name].values
        shares = [shipped.effects[track.name].share_below(float(value)) for value in drawn]
        assert abs(np.mean(shares) - 0.5) < 0.08  # 200 draws: 4 standard errors
