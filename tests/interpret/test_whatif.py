"""What-if questions on models whose answers are known on paper, and on the sandbox's grammar."""

from __future__ import annotations

import numpy as np
import pytest

from genome.errors import UserError
from genome.locus import Locus
from genome.sandbox import motifs as sandbox_motifs
from genome.sequence import Sequence, edited, reverse_complement
from interpret.surrogate import surrogate
from interpret.whatif import answers, backgrounds, default_scale, estimate, scale_words, shuffled, window_at
from interpret.whatif_edits import differences, flip, in_register, move, put_in, take_out
from interpret.whatif_motif import best_match, of_sandbox, word
from interpret.whatif_pairs import embed, spacing, verdict_words
from interpret.whatif_stretch import needed_or_enough, needed_words, tiles
from models.core import Model
from models.shuffle import codes_of
from tests.oracles import Grammar, Pairs, one_track
from tests.toy_models import Curved, Linear, random_bases, toy_engine, toy_model

WINDOW = 20
GRAMMAR_WINDOW = 120


def runner(model: Model):
    return toy_engine(model).runner(model.spec.model_id)


def stretch(length: int = 200, seed: int = 1) -> Sequence:
    return Sequence(random_bases(length, seed), Locus("toy", 1_000, 1_000 + length))


def window(seed: int = 1) -> Sequence:
    return Sequence(random_bases(WINDOW, seed), Locus("toy", 0, WINDOW))


# -- estimates and scales


def test_an_estimate_of_equal_values_has_no_width():
    found = estimate(np.full((10, 3, 2), 1.5))
    assert (found.mean == 1.5).all()
    assert (found.low == found.high).all()
    assert (found.spread == 0).all()


def test_the_interval_covers_the_true_mean_as_often_as_it_says():
    random = np.random.default_rng(5)
    found = [estimate(random.normal(2, 1, (20, 1, 1))) for _ in range(500)]
    covered = np.mean([(one.low <= 2).all() and (one.high >= 2).all() for one in found])
    assert 0.92 < covered < 0.98


def test_spread_is_that_between_members_not_between_backgrounds():
    values = np.random.default_rng(0).normal(size=(50, 1, 1)) + np.array([0.0, 1.0, 2.0])[None, :, None]
    assert estimate(values).spread == pytest.approx(1.0)


def test_answers_are_the_same_however_they_are_cut():
    model = toy_model(Curved, n_members=2, strand_rule="average")
    codes = backgrounds(window(), 30, seed=0)
    whole = answers(runner(model), model.spec, codes, "explained")
    parts = [answers(runner(model), model.spec, codes[i : i + 7], "explained") for i in range(0, 30, 7)]
    assert whole.shape == (30, 2, 2)
    np.testing.assert_allclose(whole, np.concatenate(parts), rtol=1e-5, atol=1e-6)


def test_log_odds_have_no_amounts_and_say_what_independence_means():
    model = toy_model()
    assert default_scale(model.spec) == "explained"
    with pytest.raises(UserError, match="no amount"):
        answers(runner(model), model.spec, codes_of(window().bases)[None], "amount")
    assert "odds" in scale_words(model.spec, "explained")


def test_log2_ratios_become_ratios():
    model = one_track("ratio", Pairs(WINDOW, 0.0), WINDOW, unit="log2(RNA/DNA)")
    codes = codes_of(window().bases)[None]
    logs, ratios = (answers(runner(model), model.spec, codes, scale) for scale in ("explained", "amount"))
    assert ratios == pytest.approx(2**logs, rel=1e-6)


# -- edits


@pytest.mark.parametrize("act", ["put in", "take out", "flip", "move"])
def test_every_change_keeps_the_length_and_is_told_exactly_by_its_edits(act):
    before = stretch()
    after = {
        "put in": lambda: put_in(before, 1_050, "ACGTACGTAC"),
        "take out": lambda: take_out(before, 1_050, 1_070, seed=0),
        "flip": lambda: flip(before, 1_050, 1_063),
        "move": lambda: move(before, 1_050, 1_065, 1_090, seed=0),
    }[act]()
    assert after.length == before.length
    assert edited(before, differences(before, after)).bases == after.bases
    outside = slice(0, 50), slice(120, 200)
    assert all(before.bases[part] == after.bases[part] for part in outside)


def test_what_is_taken_out_keeps_its_dinucleotides():
    before = stretch()
    after = take_out(before, 1_050, 1_090, seed=3)

    def words(bases: str) -> list[str]:
        return sorted(bases[i : i + 2] for i in range(len(bases) - 1))

    assert before.bases[50:90] != after.bases[50:90]
    assert words(before.bases[50:90]) == words(after.bases[50:90])
    assert after.bases == take_out(before, 1_050, 1_090, seed=3).bases


def test_turning_twice_changes_nothing():
    before = stretch()
    assert flip(flip(before, 1_010, 1_031), 1_010, 1_031).bases == before.bases


def test_what_cannot_be_changed_is_refused_in_a_sentence():
    before = Sequence("A" * 50 + "ACGT" + "A" * 50, Locus("toy", 1_000, 1_104))
    with pytest.raises(UserError, match="no other order"):
        take_out(before, 1_000, 1_020, seed=0)
    with pytest.raises(UserError, match="same on both strands"):
        flip(before, 1_050, 1_054)
    with pytest.raises(UserError, match="stands there already"):
        put_in(before, 1_000, "AAAA")
    with pytest.raises(UserError, match="too far"):
        put_in(before, 2_000, "ACGT")


def test_substitutions_are_kept_and_inserted_bases_are_refused():
    from genome.locus import Variant

    before = stretch()
    base = before.bases[20]
    other = "A" if base != "A" else "C"
    assert in_register(edited(before, (Variant("toy", 1_021, base, other),))).bases[20] == other
    with pytest.raises(UserError, match="undo those edits"):
        in_register(edited(before, (Variant("toy", 1_021, "", "ACG"),)))


# -- motifs


def test_a_name_an_accession_and_letters_are_motifs():
    assert word("ctcf").bases == word("MA0139").bases
    assert "MA0139" in word("MA0139.1").source  # an older version: today's, which is named
    assert word("acgtac").bases == "ACGTAC"
    for wrong in ("", "HELLO", "AC", "A" * 70):
        with pytest.raises(UserError):
            word(wrong)


def test_in_the_sandbox_a_name_means_the_matrix_of_its_grammar():
    own = of_sandbox(sandbox_motifs())
    assert len(word("NR5A2", own).bases) == 13
    assert len(word("NR5A2").bases) == 9


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_planted_motif_is_found_on_its_strand(strand):
    wanted = word("SPI1")
    bases = random_bases(100)
    planted = bases[:30] + wanted.on(strand) + bases[30 + len(wanted.bases) :]
    found = best_match(planted, wanted)
    assert (found.start, found.strand) == (30, strand)
    assert found.share == pytest.approx(1.0)
    with pytest.raises(UserError, match="resembles"):
        best_match("A" * 100, wanted)


# -- one motif and two


def test_in_an_additive_model_no_two_motifs_interact_and_each_does_what_its_weights_say():
    model = toy_model(Linear, n_members=3)
    found = spacing(
        runner(model),
        model.spec,
        shuffled(window(), 12, seed=0),
        word("ACGTA"),
        word("TTGCA"),
        [0, 2, 5],
        scale="explained",
    )
    assert found.interaction.mean.shape == (8, 3, 2)  # both orders: this model does not read both strands alike
    np.testing.assert_allclose(found.interaction.mean, 0, atol=1e-5)
    np.testing.assert_allclose(found.pair.mean, found.first.mean + found.second.mean, atol=1e-5)
    assert not found.called.any()
    assert verdict_words(found, 0, "log odds").startswith("No interaction")


def test_an_interaction_is_the_bonus_where_the_two_letters_stand_together():
    model = one_track("pairs", Pairs(WINDOW, 4.0), WINDOW)  # a bonus of 4 for A at 5 with A at 12
    found = spacing(
        runner(model), model.spec, shuffled(window(), 50, seed=1), word("ACC"), word("AGG"), [4], scale="explained"
    )
    plain = backgrounds(window(), 50, seed=1)
    five, twelve = plain[:, 5] == 0, plain[:, 12] == 0
    expected = 4.0 * (1 - twelve.astype(float) - five + (five & twelve)).mean()
    values = dict(zip(found.arrangements, found.interaction.mean[:, 0, 0], strict=True))
    assert values["ACC (+) then AGG (+)"] == pytest.approx(expected, abs=1e-4)
    assert values["AGG (+) then ACC (+)"] == pytest.approx(expected, abs=1e-4)  # the As stand there in this order too
    # GGT takes away an A that stood at 5 by chance, and with it the bonus that AGG would have had there.
    assert values["ACC (\u2212) then AGG (+)"] == pytest.approx(-4.0 * (five & ~twelve).mean(), abs=1e-4)
    assert found.called[found.arrangements.index("ACC (+) then AGG (+)"), 0, 0]


def test_the_global_importance_in_an_additive_model_is_known():
    model = one_track("pairs", Pairs(WINDOW, 0.0), WINDOW)
    weights = model.members[0].weights.numpy()
    motif, start = "ACGTAC", (WINDOW - 6) // 2
    found = embed(runner(model), model.spec, shuffled(window(), 400, seed=0), word(motif), scale="explained")
    plain = backgrounds(window(), 400, seed=0)
    inside = slice(start, start + 6)
    before = np.mean([weights[row[inside], np.arange(start, start + 6)].sum() for row in plain])
    after = weights[codes_of(motif), np.arange(start, start + 6)].sum()
    assert found.effect.mean[0] == pytest.approx(after - before, abs=1e-4)
    assert found.effect.low[0] < after - before < found.effect.high[0]


def test_the_same_seed_gives_the_same_answer_and_another_a_close_one():
    model = toy_model(Curved)
    run = runner(model)  # one engine: another may measure another layout, and round otherwise
    ask = [
        embed(run, model.spec, shuffled(window(), 100, seed=s), word("ACGTAC"), scale="explained") for s in (0, 0, 1)
    ]
    np.testing.assert_array_equal(ask[0].effect.mean, ask[1].effect.mean)
    assert (ask[0].effect.mean != ask[2].effect.mean).any()


def test_motifs_that_do_not_fit_the_window_are_refused():
    model = toy_model()
    with pytest.raises(UserError, match="window"):
        spacing(
            runner(model),
            model.spec,
            shuffled(window(), 10, seed=0),
            word("ACGTAC"),
            word("ACGTAC"),
            [10],
            scale="explained",
        )


# -- tiles and stretches


def test_a_tile_of_an_additive_model_is_worth_its_own_weights_only():
    model = one_track("pairs", Pairs(WINDOW, 0.0), WINDOW)
    model.members[0].weights[:, :10] = 0  # only the right half matters
    found = tiles(runner(model), model.spec, stretch(), Locus("toy", 1_090, 1_110), 10, n=50, seed=0)
    assert found.starts.tolist() == [1_090, 1_100]
    np.testing.assert_allclose(found.drop.mean[0], 0, atol=1e-6)
    assert abs(found.drop.mean[1, 0]) > 0.01
    weights, codes = model.members[0].weights.numpy()[:, 10:], codes_of(stretch().bases[100:110])
    shuffled = backgrounds(Sequence(stretch().bases[100:110], Locus("toy", 0, 10)), 50, seed=1)
    own, others = (weights[row, np.arange(10)].sum(axis=-1) for row in (codes, shuffled))
    assert found.drop.mean[1, 0] == pytest.approx(own - others.mean(), abs=1e-5)
    assert "no amount" in found.refused[0]
    assert np.isnan(found.share.mean).all()


def test_a_tile_that_no_shuffle_changes_is_left_out_and_said_so():
    model = one_track("pairs", Pairs(WINDOW, 0.0), WINDOW)
    bases = "A" * 100 + "CAGTCACGTA" + random_bases(90)
    found = tiles(
        runner(model), model.spec, Sequence(bases, Locus("toy", 0, 200)), Locus("toy", 90, 110), 10, n=20, seed=0
    )
    assert np.isnan(found.drop.mean[:, 0]).tolist() == [True, False]
    assert "1 tiles have no other order" in found.rule


def test_the_share_that_a_tile_holds_follows_the_formula():
    model = one_track("ratio", Pairs(WINDOW, 0.0), WINDOW, unit="log2(RNA/DNA)")
    found = tiles(runner(model), model.spec, stretch(), Locus("toy", 1_090, 1_110), 10, n=40, seed=0)
    assert found.refused == ("",)
    from interpret.whatif_stretch import _shuffles

    here = window_at(stretch(), 1_090, 1_110, model.spec)
    codes = np.repeat(codes_of(here.bases)[None], 41, axis=0)
    codes[1:, :10] = _shuffles(here, 1_090, 1_100, 40, 0)[0]
    wild, *shuffled = (2 ** answers(runner(model), model.spec, codes, "explained"))[:, 0, 0]
    assert found.share.mean[0, 0] == pytest.approx((wild - np.mean(shuffled)) / wild, rel=1e-5)


def test_where_there_are_hardly_any_reads_no_share_is_given():
    """The shipped profile network on sandbox DNA without sites."""
    from genome.sandbox import elements, sandbox_genome
    from models import registry
    from models.engine import Engine

    spec = registry.spec("sandbox-profile")
    place = next(element for element in elements() if element.kind == "nothing").locus.resized(40)
    whole = sandbox_genome().sequence(place.extended(1_000))
    found = tiles(Engine(registry.load).runner(spec.model_id), spec, whole, place, 20, n=20, seed=0)
    assert "next to nothing to lose" in found.refused[0]
    assert np.isnan(found.share.mean).all()


def test_a_locus_longer_than_the_window_is_asked_around_each_tile():
    model = toy_model()
    found = tiles(runner(model), model.spec, stretch(), Locus("toy", 1_080, 1_120), 10, n=20, seed=0)
    assert len(found.starts) == 4
    assert "5 windows" in found.rule


def test_in_an_additive_model_needed_and_enough_are_the_same_and_context_is_nothing():
    model = toy_model(Linear, n_members=2)
    found = needed_or_enough(
        runner(model),
        model.spec,
        stretch(),
        Locus("toy", 1_090, 1_110),
        1_092,
        1_104,
        n=2_000,
        seed=0,
        scale="explained",
    )
    weights = np.mean([member.weights.numpy() for member in model.members], axis=0)
    codes = codes_of(stretch().bases[92:104])
    at = np.arange(2, 14)
    own = backgrounds(Sequence(stretch().bases[92:104], Locus("toy", 0, 12)), 2_000, seed=0)
    lost = weights[:, codes, at].sum(axis=1) - np.mean([weights[:, row, at].sum(axis=1) for row in own], axis=0)
    np.testing.assert_allclose(found.necessity.mean, lost, atol=1e-4)
    # What stands there by chance differs between the two tests: shuffles of the stretch, and of the whole window.
    whole = backgrounds(window_at(stretch(), 1_090, 1_110, model.spec), 2_000, seed=0)
    there = np.mean([weights[:, row[2:14], at].sum(axis=1) for row in whole], axis=0)
    np.testing.assert_allclose(found.sufficiency.mean, weights[:, codes, at].sum(axis=1) - there, atol=1e-4)


def test_a_stretch_outside_the_locus_is_refused():
    model = toy_model()
    with pytest.raises(UserError, match="inside the locus"):
        needed_or_enough(
            runner(model),
            model.spec,
            stretch(),
            Locus("toy", 1_090, 1_110),
            1_050,
            1_060,
            n=20,
            seed=0,
            scale="explained",
        )


def test_unknown_bases_are_refused():
    model = toy_model()
    whole = Sequence("N" * 200, Locus("toy", 1_000, 1_200))
    with pytest.raises(UserError, match="unknown"):
        window_at(whole, 1_090, 1_110, model.spec)


# -- how additive


def test_an_additive_model_is_wholly_additive():
    model = toy_model(Linear, n_members=2)
    found = surrogate(runner(model), model.spec, window(), 0, WINDOW, n=2_000, seed=0, scale="explained")
    assert (found.additive.value > 0.999).all()
    assert (found.additive.low > 0.999).all()
    assert (found.pairwise.value > 0.99).all()


def test_an_interaction_is_seen_by_pairs_and_not_by_single_bases():
    model = one_track("pairs", Pairs(WINDOW, 12.0), WINDOW)
    bases = list(window().bases)
    bases[5] = bases[12] = "A"
    here = Sequence("".join(bases), Locus("toy", 0, WINDOW))
    found = surrogate(runner(model), model.spec, here, 0, WINDOW, n=4_000, seed=0, scale="explained")
    assert found.additive.value[0] < 0.98
    assert found.pairwise.value[0] > 0.995 > found.additive.high[0]


def test_too_few_mutants_for_so_many_weights_are_refused():
    model = one_track("pairs", Pairs(500, 0.0), 500)
    here = Sequence(random_bases(500), Locus("toy", 0, 500))
    with pytest.raises(UserError, match="need 2,500 mutants"):
        surrogate(runner(model), model.spec, here, 0, 500, n=1_000, seed=0, scale="explained")


# -- the sandbox's grammar, without the error of any network


@pytest.fixture(scope="module")
def grammar():
    return one_track("grammar", Grammar(), GRAMMAR_WINDOW, strand_rule="average")


def quiet() -> Sequence:
    """A window without sites."""
    from genome.sandbox import elements, sandbox_genome

    chosen = next(element for element in elements() if element.kind == "nothing")
    return sandbox_genome().sequence(chosen.locus.resized(GRAMMAR_WINDOW))


def test_in_the_grammar_the_planted_pair_interacts_where_it_was_planted_and_nowhere_else(grammar):
    own = of_sandbox(sandbox_motifs())
    first, second = word("POU5F1::SOX2", own), word("NR5A2", own)
    found = spacing(
        runner(grammar),
        grammar.spec,
        shuffled(quiet(), 8, seed=0),
        first,
        second,
        [2, 3, 4, 7, 10, 11],
        scale="explained",
    )
    same_strand = np.array([name.count("(+)") == 2 for name in found.arrangements])
    assert len(found.arrangements) == 4  # the other order is the same from the other strand
    expected = np.zeros((4, 6), bool)
    expected[same_strand, 2:5] = True
    np.testing.assert_array_equal(found.called[..., 0], expected)
    np.testing.assert_allclose(found.interaction.mean[..., 0][expected], 2.0, atol=0.05)
    assert "4 to 10 bp between" in verdict_words(found, 0, "activity")


def test_in_the_grammar_the_independent_pair_does_not_interact(grammar):
    own = of_sandbox(sandbox_motifs())
    found = spacing(
        runner(grammar),
        grammar.spec,
        shuffled(quiet(), 8, seed=0),
        word("HNF4A", own),
        word("CEBPB", own),
        [3, 7, 20],
        scale="explained",
    )
    assert not found.called.any()
    np.testing.assert_allclose(found.pair.mean[..., 0], 1.6, atol=0.1)


def test_in_the_grammar_the_correlate_is_neither_needed_nor_enough(grammar):
    from genome.sandbox import elements, sandbox_genome, sites

    site = next(
        s for s in sites() if s.key == "NRF1" and any(e.name == s.element and e.activity > 0.8 for e in elements())
    )
    locus = site.locus.resized(GRAMMAR_WINDOW)
    whole = sandbox_genome().sequence(locus.extended(300))
    found = needed_or_enough(
        runner(grammar), grammar.spec, whole, locus, site.locus.start, site.locus.end, n=30, seed=0, scale="explained"
    )
    np.testing.assert_allclose(found.necessity.mean, 0, atol=0.05)
    np.testing.assert_allclose(found.sufficiency.mean, 0, atol=0.05)
    assert "neither needed nor enough" in needed_words(found, 0, "activity")


def test_motifs_read_on_the_other_strand_are_the_reverse_complement():
    assert word("ACGGT").on("-") == reverse_complement("ACGGT")


# -- the sentences say what the numbers say


def flat(mean: float, half: float = 0.1):
    from interpret.whatif import Estimate

    def one(value):
        return np.array([value])

    return Estimate(one(mean), one(mean - half), one(mean + half), one(0.0), np.array([True]), 100)


@pytest.mark.parametrize(
    ("lost", "gained", "said"),
    [
        (2.0, 2.0, "is needed here and enough elsewhere"),
        (-2.0, -2.0, "lowers the prediction, here and elsewhere"),
        (-2.0, 0.0, "lowers the prediction here, and does nothing elsewhere"),
        (2.0, -2.0, "is needed here, although it lowers"),
        (0.0, 0.05, "neither needed nor enough"),
    ],
)
def test_a_stretch_that_lowers_the_prediction_is_never_called_needed(lost, gained, said):
    from interpret.whatif_stretch import Needed

    levels = np.array([5.0]), np.array([0.0])
    found = Needed(10, 30, flat(lost), flat(gained), flat(lost - gained), *levels, 100, 0, "explained", "")
    assert said in needed_words(found, 0, "activity")


def test_the_tile_named_is_one_whose_interval_excludes_0():
    from dataclasses import replace

    from interpret.whatif import Estimate
    from interpret.whatif_stretch import Tiles, tiles_words

    mean, half = np.array([[-3.0], [1.0], [0.2]]), np.array([[4.0], [0.3], [0.1]])
    drop = Estimate(mean, mean - half, mean + half, np.zeros((3, 1)), np.ones((3, 1), bool), 20)
    starts = np.array([0, 10, 20])
    found = Tiles(starts, starts + 10, drop, drop, ("no amount",), np.zeros(1), 20, 0, "")
    assert "11 to 20; shuffling it takes away 1 log odds" in tiles_words(found, 0, "log odds")
    unclear = replace(drop, low=mean - 9, high=mean + 9)
    assert "no tile does anything clear" in tiles_words(replace(found, drop=unclear), 0, "log odds")


def test_pairs_that_explain_nothing_more_are_said_to():
    from dataclasses import replace

    from interpret.surrogate import Share, words

    model = toy_model(Linear, n_members=1)
    found = surrogate(runner(model), model.spec, window(), 0, WINDOW, n=1_000, seed=0, scale="explained")
    half = Share(*(np.full(2, value) for value in (0.4, 0.3, 0.5)))
    less, more = (replace(half, value=np.full(2, value)) for value in (0.38, 0.6))
    said = words(replace(found, additive=half, pairwise=less), 0)
    assert "40 % (30 % to 50 %)" in said
    assert "add nothing that 1,000 mutants can show" in said
    assert "bring it to 60 %" in words(replace(found, additive=half, pairwise=more), 0)
