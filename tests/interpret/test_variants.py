"""Effects of many variants: truth by construction, and the same numbers as one edit at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genome.locus import Locus, Variant
from genome.sequence import edited, reverse_complement
from genome.source import MemoryGenome
from genome.variant_rows import VariantRow, in_chunks
from interpret.effects import effect
from interpret.variants import VariantEffects, score
from models.core import Model
from tests.toy_models import WINDOW, Curved, Linear, random_bases, toy_engine, toy_model

BASES = random_bases(400, seed=8)
GENOME = MemoryGenome("toy", {"c": BASES, "other": random_bases(90, seed=9)}, build="toy-1")
LINEAR, CURVED = toy_model(Linear), toy_model(Curved, n_members=3, strand_rule="average")
VALUES = ("before", "after", "delta", "spread", "low", "high", "signs_agree")


def row(start: int, n_deleted: int, alt: str, line: int = 1, chrom: str = "c") -> VariantRow:
    """A row that is ok: the bases from ``start`` (0-based) become ``alt``."""
    ref = GENOME.sequence(Locus(chrom, start, start + n_deleted)).bases if n_deleted else ""
    locus = Locus(chrom, start, start + max(1, n_deleted))
    variant = None if ref == alt else Variant(chrom, start + 1, ref, alt)
    return VariantRow(line, chrom, start + 1, "", ref, alt, variant=variant, locus=locus)


def other_base(start: int) -> str:
    return "ACGT"["CGTA".index(BASES[start])]


def every_kind(start: int) -> list[VariantRow]:
    """A substitution, a deletion, an insertion, a delins, an MNV and nothing at all."""
    alts = [(1, other_base(start)), (3, ""), (0, "GAT"), (2, "TTACG"), (2, other_base(start) + other_base(start + 1))]
    return [row(start, *alt) for alt in (*alts, (1, BASES[start]))]


def scored(rows: list[VariantRow], model: Model = LINEAR, size: int = 1_000, **options) -> VariantEffects:
    run = toy_engine(model).runner(model.spec.model_id)
    return joined(list(score(run, model.spec, GENOME, in_chunks(rows, size), **options)))


def joined(parts: list[VariantEffects]) -> VariantEffects:
    values = {name: np.concatenate([getattr(part, name) for part in parts]) for name in VALUES}
    return VariantEffects(tuple(row for part in parts for row in part.rows), **values)


def by_hand(one: VariantRow) -> np.ndarray:
    """(placements, tracks): what the linear model's effect is in each window, worked out letter by letter."""
    change = one.variant
    assert change is not None
    text = GENOME.sequence(Locus("c", -50, 450)).bases
    changed = text[: change.start + 50] + change.alt + text[change.end + 50 :]
    weights = LINEAR.members[0].weights.numpy().astype(np.float64)
    middle = (change.start + max(change.end, change.start + 1)) // 2
    found = []
    for move in (-5, -2, 0, 2, 5):  # WINDOW = 20: a quarter is 5
        first = middle - WINDOW // 2 + move + 50
        sums = [
            sum(
                weights[:, "ACGT".index(base), at]
                for at, base in enumerate(whole[first : first + WINDOW])
                if base != "N"
            )
            for whole in (text, changed)
        ]
        found.append(sums[1] - sums[0])
    return np.array(found)


@pytest.mark.parametrize("start", [12, 200, 201, 385])
def test_every_kind_has_the_effect_that_is_worked_out_by_hand(start):
    rows = every_kind(start)
    found = scored(rows)
    assert [one.status for one in found.rows] == ["ok"] * 6
    for at, one in enumerate(rows[:-1]):
        expected = by_hand(one)
        np.testing.assert_allclose(found.delta[at], expected.mean(0), atol=1e-5)
        np.testing.assert_allclose(found.low[at], expected.min(0), atol=1e-5)
        np.testing.assert_allclose(found.high[at], expected.max(0), atol=1e-5)


def test_nothing_changed_is_exactly_nothing():
    found = scored([row(100, 1, BASES[100]), row(100, 3, BASES[100:103])], CURVED)
    for name in ("delta", "low", "high", "spread"):
        assert (getattr(found, name) == 0).all()
    assert found.signs_agree.all()
    assert (found.before == found.after).all()
    assert found.before.std() > 0


def check_against_one_at_a_time(model: Model, starts: tuple[int, ...]) -> None:
    """Every kind of variant at some places has the effect that it has as an edit."""
    rows = [one for start in starts for one in every_kind(start)[:-1]]
    found = scored(rows, model)
    run = toy_engine(model).runner(model.spec.model_id)
    for at, one in enumerate(rows):
        assert one.variant is not None
        alone = effect(run, model.spec, GENOME.sequence(Locus("c", -100, 500)), (one.variant,))
        for name in VALUES:
            np.testing.assert_allclose(getattr(found, name)[at], getattr(alone, name), atol=1e-6)


@pytest.mark.parametrize("model", [LINEAR, CURVED])
def test_the_same_as_one_edit_at_a_time(model):
    check_against_one_at_a_time(model, (14, 40, 180, 380))


def test_chunks_and_order_change_nothing():
    rows = [one for start in (30, 31, 100) for one in every_kind(start)]
    whole = scored(rows, CURVED)
    order = np.random.default_rng(0).permutation(len(rows))
    for found in (scored(rows, CURVED, size=1), scored(rows, CURVED, size=4)):
        for name in VALUES:
            np.testing.assert_allclose(getattr(found, name), getattr(whole, name), atol=1e-6)
    shuffled = scored([rows[at] for at in order], CURVED, size=5)
    np.testing.assert_allclose(shuffled.delta, whole.delta[order], atol=1e-6)


def test_what_cannot_be_scored_comes_back_with_its_reason_and_the_rest_is_scored():
    bad = row(50, 1, other_base(50)).refused("REF mismatch", "toy has A there.")
    rows = [
        bad,
        row(100, 11, ""),
        row(100, 0, "A" * 11),
        row(100, 10, ""),
        row(0, 1, other_base(0)),
        row(399, 1, ""),
        row(100, 1, "N"),
    ]
    found = scored(rows)
    assert [one.status for one in found.rows] == ["REF mismatch", "too long", "too long", "ok", "N", "N", "N"]
    assert found.rows[0] is bad
    assert np.isfinite(found.delta).all(axis=1).tolist() == [one.status == "ok" for one in found.rows]
    assert not found.signs_agree[[one.status != "ok" for one in found.rows]].any()


def test_a_ref_that_the_genome_does_not_have_is_refused():
    one = row(100, 1, other_base(100))
    assert one.variant is not None
    wrong = replace(one, variant=Variant("c", 101, other_base(100), BASES[100]))
    assert scored([wrong]).rows[0].status == "REF mismatch"


def test_nothing_in_nothing_out_and_refused_rows_only():
    assert list(score(toy_engine(LINEAR).runner(LINEAR.spec.model_id), LINEAR.spec, GENOME, [])) == []
    only = scored([row(100, 1, "N")], CURVED)
    assert np.isnan(only.delta).all()


def test_chunks_are_asked_for_one_at_a_time():
    asked = []

    def chunks():
        for start in (100, 120, 140):
            asked.append(start)
            yield (row(start, 1, other_base(start)),)

    answers = score(toy_engine(LINEAR).runner(LINEAR.spec.model_id), LINEAR.spec, GENOME, chunks())
    next(answers)
    assert asked == [100]
    next(answers)
    assert asked == [100, 120]


def test_progress_counts_rows_over_all_chunks():
    told: list[float] = []
    scored([row(start, 1, other_base(start)) for start in range(50, 80)], size=10, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 30


def test_several_letters_at_one_place_and_the_same_one_twice():
    rows = [row(start, 1, base) for start in (60, 61, 200) for base in "ACGT" if base != BASES[start]]
    model = toy_model(Curved, n_members=2, strand_rule="average")
    found = scored([*rows, rows[0]], model)
    run = toy_engine(model).runner(model.spec.model_id)
    for at, one in enumerate([*rows, rows[0]]):
        assert one.variant is not None
        alone = effect(run, model.spec, GENOME.sequence(Locus("c", -100, 500)), (one.variant,))
        np.testing.assert_allclose(found.delta[at], alone.delta, atol=1e-6)
    assert (found.delta[0] == found.delta[-1]).all()


@pytest.mark.parametrize("placements", [1, 2, 3, 5])
def test_the_model_says_how_many_windows_read_a_variant(placements):
    model = toy_model(Curved)
    model.spec = replace(model.spec, placements=placements)
    check_against_one_at_a_time(model, (60, 200))


@pytest.mark.parametrize("start", [60, 133, 200])
def test_a_variant_and_its_description_on_the_other_strand_agree(start):
    """With both strands averaged and a centred odd window, the reverse complement reads the very same windows."""
    model = toy_model(Linear, window=21, strand_rule="average", n_members=2)
    reverse = MemoryGenome("reverse", {"c": reverse_complement(BASES)}, build="toy-1")
    run = toy_engine(model).runner(model.spec.model_id)
    forward, turned = [], []
    for n_deleted in (1, 3):
        alt = "".join(other_base(start + at) for at in range(n_deleted))
        one = row(start, n_deleted, alt)
        forward.append(one)
        place = len(BASES) - start - n_deleted
        change = Variant("c", place + 1, reverse_complement(one.ref), reverse_complement(alt))
        locus = Locus("c", place, place + n_deleted)
        turned.append(VariantRow(1, "c", place + 1, "", change.ref, change.alt, variant=change, locus=locus))
    (here,) = score(run, model.spec, GENOME, [tuple(forward)])
    (there,) = score(run, model.spec, reverse, [tuple(turned)])
    for name in VALUES:
        np.testing.assert_allclose(getattr(here, name), getattr(there, name), atol=1e-5)


def test_all_descriptions_of_one_deletion_in_a_repeat_are_the_same_bases():
    """Where a deletion is written within a repeat decides its windows, so rows are moved left before they are scored."""
    genome = MemoryGenome("repeat", {"c": BASES[:200] + "CA" * 6 + BASES[212:]}, build="toy-1")
    run = toy_engine(LINEAR).runner(LINEAR.spec.model_id)
    variant, shifted = Variant("c", 201, "CA", ""), Variant("c", 207, "CA", "")
    sequence = genome.sequence(Locus("c", 100, 300))
    assert edited(sequence, (variant,)).bases == edited(sequence, (shifted,)).bases
    rows = [VariantRow(1, "c", 201, "", "CA", "", variant=variant, locus=Locus("c", 200, 202))] * 2
    (found,) = score(run, LINEAR.spec, genome, [tuple(rows)])
    alone = effect(run, LINEAR.spec, sequence, (variant,))
    np.testing.assert_allclose(found.delta[0], alone.delta, atol=1e-5)
    assert (found.delta[0] == found.delta[1]).all()
