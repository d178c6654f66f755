"""Names in, values out: the right bases, the right model, one answer per question, whoever asks."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from app import compute
from app.compute import Asker
from app.view import PASTED, View, from_query
from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.sequence import one_hot
from genome.source import MemoryGenome
from models import registry
from models.core import Model
from models.engine import Engine, Pace
from models.registry import UnknownModel
from tests.toy_models import WINDOW, Curved, Linear, random_bases, toy_engine, toy_model

BASES = random_bases(4_000, seed=8)
GENOME = MemoryGenome("made", {"c1": BASES, "c2": BASES[::-1]}, build="made-1")
ASKER = Asker(session="test")


def renamed(model: Model, name: str) -> Model:
    spec = replace(model.spec, name=name, model_id=f"{name}-000000000000")
    return Model(spec, list(model.members))


CURVED = toy_model(Curved, n_members=2, strand_rule="average")
SIMPLE = renamed(toy_model(Linear), "simple")


def install(monkeypatch: pytest.MonkeyPatch, genome: MemoryGenome, *models: Model) -> Engine:
    """Puts toy models and a toy genome where the released ones would be."""
    by_name = {key: model.spec for model in models for key in (model.spec.name, model.spec.model_id)}
    engine = toy_engine(*models)
    monkeypatch.setattr(compute, "engine", lambda: engine)
    monkeypatch.setattr(registry, "spec", by_name.__getitem__)
    monkeypatch.setattr(registry, "specs", lambda: tuple(model.spec for model in models))
    monkeypatch.setattr(compute, "open_genome", lambda name, remote_allowed=False: genome)
    compute.cache.cache_clear()
    return engine


@pytest.fixture
def toy(monkeypatch) -> Engine:
    return install(monkeypatch, GENOME, CURVED, SIMPLE)


def view_of(start: int = 1_000, length: int = 60, **changes) -> View:
    return View(CURVED.spec.model_id, "made", Locus("c1", start, start + length), "one", **changes)


def snv(position: int, chrom: str = "c1", bases: str = BASES) -> Variant:
    """A substitution at a 0-based position."""
    ref = bases[position]
    return Variant(chrom, position + 1, ref, "ACGT"["CGTA".index(ref)])


def test_a_single_base_changes_the_cached_prediction_of_a_window_of_half_a_megabase(monkeypatch):
    """Keys made of sampled arrays called such windows equal; ours are made of names and places."""
    window = 524_288
    model = toy_model(Linear, window=window)
    bases = random_bases(600_000, seed=1)
    engine = install(monkeypatch, MemoryGenome("made", {"c1": bases}, build="made-1"), model)
    engine._paces[model.spec.model_id, False] = Pace(1, 0.05)
    start = 30_000
    view = View(model.spec.model_id, "made", Locus("c1", start, start + window), "one")
    before = compute.prediction(view, ASKER)
    weights = model.members[0].weights.numpy()
    for offset in (0, 1, 100_003, window // 2, window - 1):
        edit = snv(start + offset, bases=bases)
        after = compute.prediction(view.with_edit(edit), ASKER)
        change = weights[:, "ACGT".index(edit.alt), offset] - weights[:, "ACGT".index(edit.ref), offset]
        assert (after.values != before.values).all()
        assert np.allclose(after.values[:, 0] - before.values[:, 0], change, atol=0.02)  # float32 sum of half a million
    assert compute.prediction(view, ASKER) is before


def test_the_prediction_is_the_models_answer_for_the_window_at_the_locus(toy):
    view = view_of(500, WINDOW)
    with torch.no_grad():
        expected = CURVED(torch.from_numpy(one_hot(BASES[500 : 500 + WINDOW]))[None])[0]
    assert np.allclose(compute.prediction(view, ASKER).values, expected, atol=1e-6)


def test_the_bases_reach_two_windows_beyond_the_locus_and_are_n_off_the_chromosome(toy):
    found = compute.reference(view_of(5, 30), ASKER)
    assert found.locus == Locus("c1", 5 - 2 * WINDOW, 35 + 2 * WINDOW)
    assert found.bases == "N" * (2 * WINDOW - 5) + BASES[: 35 + 2 * WINDOW]


def test_a_deletion_lets_bases_in_on_the_right(toy):
    view = view_of(1_000, WINDOW).with_edit(Variant("c1", 1_006, BASES[1_005:1_015], ""))
    assert compute.shown_sequence(view, ASKER).bases == BASES[1_000:1_005] + BASES[1_015 : 1_000 + WINDOW]
    whole = compute.sequence(view, ASKER)
    assert whole.length >= view.locus.length + 4 * WINDOW
    assert "N" not in whole.bases


def variants_of_a_view() -> list[View]:
    base = view_of(length=24)
    return [
        base,
        replace(base, baseline="zeros"),
        replace(base, baseline="shuffled", seed=1),
        replace(base, baseline="shuffled", seed=2),
        replace(base, track="two"),
        replace(base, locus=Locus("c1", 1_001, 1_025)),
        replace(base, locus=Locus("c2", 1_000, 1_024)),
        replace(base, model=SIMPLE.spec.model_id),
        base.with_edit(snv(1_010)),
        base.with_edit(Variant("c1", 1_011, BASES[1_010], "")),
        base.with_edit(Variant("c1", 1_011, "", "A")),
        base.with_edit(Variant("c1", 1_011, "", "C")),
        base.with_edit(snv(1_010)).with_edit(snv(1_015)),
        base.with_edit(snv(990)),
    ]


def letters(view: View) -> np.ndarray:
    return compute.attribution(view, ASKER).values


def test_views_that_differ_in_anything_never_share_an_answer(toy):
    views = variants_of_a_view()
    answers = [compute.attribution(view, ASKER) for view in views]
    for (a, first), (b, second) in itertools.combinations(zip(views, answers, strict=True), 2):
        same = first.core == second.core and np.array_equal(first.values, second.values)
        assert not same, (a, b)


def test_kept_answers_equal_fresh_ones(toy):
    views = variants_of_a_view()
    kept = [(letters(view), compute.prediction(view, ASKER).values) for view in views]
    again = [(letters(view), compute.prediction(view, ASKER).values) for view in views]
    for view, first, second in zip(views, kept, again, strict=True):
        assert first[0] is second[0]
        compute.cache.cache_clear()
        assert np.allclose(letters(view), first[0], rtol=1e-5, atol=1e-6)
        assert np.allclose(compute.prediction(view, ASKER).values, first[1], rtol=1e-5, atol=1e-6)


def test_a_prediction_does_not_depend_on_how_it_is_explained(toy):
    base = view_of()
    first = compute.prediction(base, ASKER)
    assert compute.prediction(replace(base, baseline="shuffled", seed=5, track="two"), ASKER) is first


def test_eight_sessions_at_once_get_the_answers_they_get_alone(toy):
    views = variants_of_a_view()[:8]
    alone = [(letters(view), compute.prediction(view, ASKER).values) for view in views]
    compute.cache.cache_clear()
    gate = threading.Barrier(8)

    def ask(index: int) -> list[tuple[np.ndarray, np.ndarray]]:
        asker = Asker(session=index)
        gate.wait()
        order = views[index:] + views[:index]
        found = [(compute.attribution(v, asker).values, compute.prediction(v, asker).values) for v in order]
        return found[len(views) - index :] + found[: len(views) - index]

    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(ask, range(8)):
            for (values, predicted), (own_values, own_predicted) in zip(answers, alone, strict=True):
                assert np.allclose(values, own_values, rtol=1e-5, atol=1e-6)
                assert np.allclose(predicted, own_predicted, rtol=1e-5, atol=1e-6)


class GivenUp(Exception):
    """Raised by a progress callback."""


def test_giving_up_leaves_nothing_wrong_behind(monkeypatch):
    engine = install(monkeypatch, GENOME, CURVED)
    engine._paces[CURVED.spec.model_id, False] = Pace(1, 10.0)  # one window per slice
    slow = engine._call

    def slowly(*arguments, **_):
        threading.Event().wait(0.02)
        return slow(*arguments)

    monkeypatch.setattr(engine, "_call", slowly)

    def stop(done: float) -> None:
        if done > 0:
            raise GivenUp

    view = view_of(length=400)
    with pytest.raises(GivenUp):
        compute.prediction(view, Asker(progress=stop))
    monkeypatch.setattr(engine, "_call", slow)
    engine._paces[CURVED.spec.model_id, False] = Pace(64, 1e-4)
    found = compute.prediction(view, ASKER)
    compute.cache.cache_clear()
    assert np.allclose(found.values, compute.prediction(view, ASKER).values, rtol=1e-5, atol=1e-6)


def test_a_link_made_on_other_bases_is_refused(toy):
    good = replace(view_of(), contig=compute.contig_digest(view_of(), ASKER))
    assert compute.prediction(good, ASKER).values.shape[0] == 2
    other = replace(view_of(), contig="0123456789ab")
    for ask in (compute.prediction, compute.attribution, compute.shown_sequence, compute.contig_digest):
        if ask is not compute.contig_digest:
            with pytest.raises(UserError, match="other bases of made c1"):
                ask(other, ASKER)


def test_letters_are_computed_up_to_the_limit_and_refused_beyond_with_it(toy):
    assert compute.attribution(view_of(1_000, 2_000), ASKER).core[1] >= 2_000
    with pytest.raises(UserError, match=r"2,000 bp.*2,001"):
        compute.attribution(view_of(1_000, 2_001), ASKER)


def test_an_unknown_track_is_refused_with_the_names_there_are(toy):
    with pytest.raises(UserError, match="one, two"):
        compute.attribution(replace(view_of(), track="three"), ASKER)


def test_an_unknown_model_is_refused():
    view = View("nothing-000000000000", "sandbox", Locus("sb1", 0, 100), "one")
    with pytest.raises(UnknownModel):
        compute.prediction(view, ASKER)


def test_a_genome_that_would_be_read_from_a_server_is_refused_until_it_is_allowed():
    with pytest.raises(UserError, match="UCSC"):
        compute.genome(View("m", "hg38", Locus("chr1", 0, 100), "one"), ASKER)


def test_an_edit_that_deletes_the_whole_locus_is_refused_in_words(toy):
    view = view_of(1_000, 4).with_edit(Variant("c1", 1_001, BASES[1_000:1_004], ""))
    for ask in (compute.prediction, compute.attribution, compute.shown_sequence):
        with pytest.raises(UserError, match="delete the whole locus"):
            ask(view, ASKER)


def test_an_edit_with_a_wrong_reference_allele_is_refused(toy):
    wrong = snv(1_020)
    with pytest.raises(UserError, match="check the build"):
        compute.prediction(view_of().with_edit(Variant("c1", 1_021, wrong.alt, wrong.ref)), ASKER)


def test_the_effect_of_one_edit_leaves_the_others_out(toy):
    first, second = snv(1_005), snv(1_010)
    view = view_of(1_000, WINDOW).with_edit(first).with_edit(second)
    alone = compute.edit_effect(view, (first,), ASKER)
    together = compute.edit_effect(view, (first, second), ASKER)
    plain = compute.prediction(view_of(1_000, WINDOW), ASKER).values[:, 0]
    with_first = compute.prediction(view_of(1_000, WINDOW).with_edit(first), ASKER).values[:, 0]
    with_both = compute.prediction(view, ASKER).values[:, 0]
    assert np.allclose(alone.delta, with_first - plain, atol=1e-6)
    assert np.allclose(together.delta, with_both - plain, atol=1e-6)


def test_inserting_a_base_into_a_locus_of_one_window_has_an_effect(toy):
    view = view_of(1_000, WINDOW).with_edit(Variant("c1", 1_011, "", "A"))
    assert np.isfinite(compute.edit_effect(view, view.edits, ASKER).delta).all()


def test_the_simple_model_is_asked_about_the_same_window(toy):
    view = view_of(1_000, WINDOW)
    own = compute.prediction(replace(view, model=SIMPLE.spec.model_id), ASKER).values[1, 0]
    assert compute.simple_says(replace(view, track="two"), 1_000, 1_000 + WINDOW, ASKER) == pytest.approx(own)


def test_the_simple_model_is_asked_with_the_edits_even_where_the_middle_is_deleted(toy):
    view = view_of(1_000, WINDOW).with_edit(Variant("c1", 1_006, BASES[1_005:1_016], ""))
    own = compute.prediction(replace(view, model=SIMPLE.spec.model_id), ASKER).values[0, 0]
    assert compute.simple_says(view, 1_000, 1_000 + WINDOW, ASKER) == pytest.approx(own)


def test_the_simple_model_says_nothing_of_itself_nor_of_tracks_it_lacks(toy, monkeypatch):
    assert compute.simple_says(replace(view_of(), model=SIMPLE.spec.model_id), 1_000, 1_020, ASKER) is None
    install(monkeypatch, GENOME, CURVED)
    assert compute.simple_says(view_of(), 1_000, 1_020, ASKER) is None


def test_a_pasted_sequence_of_two_thousand_letters_travels_in_the_link(toy, own_home):
    bases = random_bases(2_000)
    view = compute.pasted_view(CURVED.spec.model_id, "one", "mine", bases)
    assert (view.bases, view.stored) == (bases, "")
    assert from_query(view.to_query()) == view
    assert compute.shown_sequence(view, ASKER).bases == bases
    assert compute.contig_digest(view, ASKER) == ""
    assert not (own_home / "pasted").exists()


def test_a_longer_pasted_sequence_is_kept_by_its_digest(toy):
    bases = random_bases(2_001)
    view = compute.pasted_view(CURVED.spec.model_id, "one", "mine", bases)
    assert view.bases == ""
    assert from_query(view.to_query()) == view
    assert compute.stored_bases(view.stored) == bases
    assert compute.shown_sequence(view, ASKER).bases == bases
    assert compute.pasted_view(CURVED.spec.model_id, "one", "mine", bases).stored == view.stored


def test_two_pasted_sequences_of_one_name_never_share_an_answer(toy):
    pairs = [(random_bases(100, seed=1), random_bases(100, seed=2)), (random_bases(2_500, 3), random_bases(2_500, 4))]
    for bases in pairs:
        views = [compute.pasted_view(CURVED.spec.model_id, "one", "mine", b) for b in bases]
        first, second = (compute.prediction(view, ASKER).values for view in views)
        assert not np.array_equal(first, second)


def test_a_stored_sequence_that_was_changed_is_refused(toy, own_home):
    view = compute.pasted_view(CURVED.spec.model_id, "one", "mine", random_bases(3_000))
    (own_home / "pasted" / f"{view.stored}.txt").write_text(random_bases(3_000, seed=1))
    with pytest.raises(UserError, match="damaged"):
        compute.prediction(view, ASKER)


def test_a_stored_sequence_of_another_server_is_not_here(toy):
    view = View(CURVED.spec.model_id, PASTED, Locus("mine", 0, 3_000), "one", stored="ab" * 20)
    with pytest.raises(UserError, match="another server"):
        compute.prediction(view, ASKER)


def test_a_pasted_sequence_over_a_megabase_is_refused_with_the_limit(toy, own_home):
    with pytest.raises(UserError, match="1,000,000"):
        compute.store_bases("A" * 1_000_001)
    assert not (own_home / "pasted").exists()


def test_the_cache_stays_within_its_bytes(toy, monkeypatch):
    monkeypatch.setenv("CISLENS_CACHE_MB", "1")
    compute.cache.cache_clear()
    for start in range(1_000, 1_300, 10):
        compute.attribution(view_of(start, 400), ASKER)
    assert 0 < compute.cache().bytes <= 1_000_000


def test_a_pasted_sequence_has_no_genes(toy):
    view = compute.pasted_view(CURVED.spec.model_id, "one", "mine", "ACGT" * 30)
    assert compute.genes_in(view, view.locus) == ()
