"""Tables of measured effects: read whatever their form, faults named by line, matched by place and base."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome.errors import UserError
from genome.fasta import LocalGenome
from genome.locus import Locus, Variant
from genome.sequence import Sequence, edited, reverse_complement
from genome.source import MemoryGenome
from interpret.measured import MAX_ROWS, MAX_UPLOAD, MeasuredTable, Measurement, build_of, parse_measured
from interpret.measured_beside import Guess, compare, correlate, guesses_of, measured_map
from interpret.measured_hgvs import NeedsTarget, parse_target
from interpret.measured_known import KNOWN
from interpret.measured_match import Ceiling, elements_in, match
from interpret.measured_residuals import half_widths, residuals
from interpret.substitutions import Substitutions
from tests.toy_models import random_bases

HEADER = "Chrom\tPos\tRef\tAlt\tBarcodes\tDNA\tRNA\tCoefficient\tpValue\tElement\tRelease\n"
KIRCHER = "22\t101\tA\tC\t20\t1\t2\t-0.5\t0.1\tE1\tGRCh38\n22\t101\tA\t-\t20\t1\t2\t-0.6\t0.1\tE1\tGRCh38\n"
LONGER = "Chromosome,Position,Ref,Alt,Tags,Value,StdError,pValue\nchr22,101,a,c,20,-0.5,0.1,0.2\n"


def read(text: str, name: str = "table.tsv"):
    return parse_measured(name, text.encode())


@pytest.mark.parametrize("text", [HEADER + KIRCHER, LONGER, "chr22 101 A C -0.5\n", "22\t101\tA\tC\t-0.5\n"])
def test_every_form_of_table_says_the_same(text):
    first = read(text).rows[0]
    assert (first.position, first.ref, first.alt, first.value) == (101, "A", "C", -0.5)
    assert first.chrom in ("22", "chr22")


def test_a_gzip_is_read_as_its_text_and_a_deletion_has_no_alt():
    plain, packed = read(HEADER + KIRCHER), parse_measured("table.tsv", gzip.compress((HEADER + KIRCHER).encode()))
    assert plain == packed
    assert plain.rows[1] == Measurement("22", 101, "A", "", -0.6, 20, "E1", "GRCh38")


def test_lines_that_cannot_be_read_are_named_by_their_number():
    text = (
        HEADER + KIRCHER + "22\tx\tA\tC\t20\t1\t2\t-0.5\t0.1\tE1\tGRCh38\n" + "22\t5\n" * 6 + "22\t7\tA\tA" + "\t1" * 7
    )
    found = read(text)
    assert len(found.rows) == 2
    assert found.faults[0] == "Line 4 is left out: 'x' is no position."
    assert found.faults[1] == "Line 5 is left out: it has 2 columns."
    assert found.faults[-1] == "3 more lines are left out."


@pytest.mark.parametrize("value", ["nan", "inf", "", "1e999", "<b>"])
def test_a_value_that_is_no_number_is_left_out(value):
    assert "is no number" in read(f"chr1 10 A C 1\nchr1\t11\tA\tC\t{value}\n".replace(" ", "\t")).faults[0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\0\0", "not a text file"),
        (b"\xff\xfe", "not a text file"),
        (gzip.compress(b"x" * 1000, mtime=0)[:20], "cut short"),
        (b"a" * (MAX_UPLOAD + 1), "can be read: cut it"),
        (b"chr1\t5\tA\tC\t1\n" * (MAX_ROWS + 1), "more than"),
        (b"chrom\tpos\tref\talt\nchr1\t5\tA\tC\n", "lacks a column for value"),
        (b"hello world\n", "lacks a column"),
        (b"chr1\t5\tAX\tC\t1\n", "no change of bases"),
        (b"hgvs_nt,hgvs_pro\nn.1A>C,NA\n", "no column score"),
        (b"accession,hgvs_pro,score\nx,p.Ala1Val,1\n", "protein only"),
        (b"hgvs_nt,score\n=,1\n_wt,0\n", "2 rows of the unchanged sequence"),
    ],
)
def test_what_is_no_such_table_is_refused_in_one_sentence(data, reason):
    with pytest.raises(UserError, match=reason) as refusal:
        parse_measured("my <table>", data)
    assert "\n" not in str(refusal.value)


@given(st.text(max_size=300))
def test_no_text_brings_the_reader_down(text):
    with suppress(UserError):
        found = parse_measured("t", text.encode("utf-8", "replace"))
        assert found.rows


def test_assemblies_have_two_names():
    assert build_of("hg19") == build_of("GRCh37") == build_of("grch37.p13") == "GRCh37"
    assert build_of("sandbox-1") == "sandbox-1"


def test_any_change_of_bases_is_read_and_an_allele_may_be_empty():
    text = "chrom\tpos\tref\talt\tvalue\tstderr\trep1\trep_2\n1\t5\tAC\tGTT\t1\t0.2\t1\tNA\n1\t7\t-\tA\t2\t\t2\t3\n1\t9\tACG\t.\t3\t0\t\t\n"
    rows = read(text).rows
    assert [(row.ref, row.alt, row.start, row.end) for row in rows] == [
        ("AC", "GTT", 4, 6),
        ("", "A", 6, 6),
        ("ACG", "", 8, 11),
    ]
    assert [row.error for row in rows] == [0.2, None, None]
    np.testing.assert_array_equal(rows[0].replicates, (1, np.nan))
    np.testing.assert_array_equal(rows[1].replicates, (2, 3))


def test_the_unit_is_what_the_header_says_and_nothing_else():
    assert read("chrom\tpos\tref\talt\tlog2FC\n1\t5\tA\tC\t1\n").unit == "log2 fold change"
    assert read("chrom\tpos\tref\talt\tvalue\n1\t5\tA\tC\t1\n").unit == ""


MAVEDB = "accession,hgvs_nt,hgvs_splice,hgvs_pro,score,score_se\n"


def mavedb(*changes: str, target: str = "") -> MeasuredTable:
    lines = "".join(f"urn:1,{change},NA,NA,{index}.5,0.1\n" for index, change in enumerate(changes))
    return parse_measured("scores.csv", (MAVEDB + lines).encode(), target=parse_target(target) if target else None)


def alleles(table: MeasuredTable) -> list[tuple]:
    return [(row.position, row.ref, row.alt, row.form) for row in table.rows]


def test_mavedb_genomic_changes_are_read_with_their_scores():
    found = mavedb(
        "NC_000022.10:g.101A>C", "chr22:g.101del", "chr22:g.101_102insGG", "chr22:g.103_104dup", "chr22:g.101_103inv",
        "chr22:g.101_102delinsT",
    )  # fmt: skip
    assert alleles(found) == [
        (101, "A", "C", ""), (101, "N", "", ""), (102, "", "GG", ""), (103, "NN", "", "dup"), (101, "NNN", "", "inv"),
        (101, "NN", "T", ""),
    ]  # fmt: skip
    assert (found.rows[1].value, found.rows[1].error, found.rows[0].chrom) == (1.5, 0.1, "NC_000022.10")


def test_mavedb_rows_that_are_no_single_change_are_counted_by_kind():
    found = mavedb("chr22:g.101A>C", "chr22:g.[101A>C;103A>C]", "_wt", "n.5=", "p.Ala1Val", "NA", "what", "g.5A>C")
    assert len(found.rows) == 1
    assert set(found.skipped) == {
        "1 row of several changes at once",
        "2 rows of the unchanged sequence",
        "1 row of a change of a protein or RNA",
        "1 row without a change in hgvs_nt",
        "1 row whose change cannot be read",
        "1 row whose g. change names no chromosome",
    }


def test_positions_along_a_target_are_asked_for_in_one_sentence_and_then_placed():
    with pytest.raises(NeedsTarget, match="say where the target's first base lies") as asked:
        mavedb("n.3A>C")
    assert "\n" not in str(asked.value)
    changes = ("n.3A>C", "c.-2A>C", "n.3_4del", "n.3_4insAC", "c.12+3A>C")
    forward = mavedb(*changes, target="chr22:1,001")
    assert alleles(forward) == [
        (1003, "A", "C", ""), (999, "A", "C", ""), (1003, "NN", "", ""), (1004, "", "AC", "")
    ]  # fmt: skip
    assert forward.skipped == ("1 row at a place that lies in no target (intron, UTR or base 0)",)
    assert str(forward.target) == "chr22:1,001 +"
    reverse = mavedb(*changes, target="chr22:1,001 -")
    assert alleles(reverse) == [
        (999, "T", "G", ""), (1003, "T", "G", ""), (998, "NN", "", ""), (999, "", "GT", "")
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "chr22", "chr22:0 +", "chr22:x", "chr22:5 *"])
def test_what_is_no_place_of_a_target_is_refused(text):
    with pytest.raises(UserError, match="is not the place"):
        parse_target(text)


def test_either_strand_of_a_target_says_the_same_changes_of_the_genome():
    """A change written along the reverse complement is applied there; the genome's own allele gives the same bases."""
    genome = MemoryGenome("g", {"chr1": random_bases(60, seed=4)}, build="GRCh38")
    whole = genome.sequence(Locus("chr1", 0, 60))
    target = reverse_complement(whole.bases[10:50])  # its base 1 is base 50 of the chromosome
    old = target[6:9]
    changed = target[:6] + "TTACG" + target[9:]
    table = mavedb(f"n.7_9delins{'TTACG'}", target="chr1:50 -")
    assert old != "TTACG"
    (one,) = match(table, genome, Locus("chr1", 10, 50), "GRCh38").matches
    assert edited(whole, (one.variant,)).bases[10:-10] == reverse_complement(changed)


LOCUS = Locus("chr22", 100, 130)
BASES = "A" + random_bases(29)
GENOME = MemoryGenome("toy", {"chr22": random_bases(100, seed=8) + BASES + random_bases(100, seed=9)}, build="GRCh38")


def predicted() -> Substitutions:
    effects = np.random.default_rng(0).normal(size=(4, 30)).astype(np.float32)
    effects[["ACGT".index(base) for base in BASES], np.arange(30)] = 0
    return Substitutions(Sequence(BASES, LOCUS), effects, None, "log2", "one window")


def table_of(changes, *, barcodes=50, element="E1", release="GRCh38"):
    rows = [
        f"22\t{position}\t{ref}\t{alt}\t{barcodes}\t1\t1\t{value}\t1\t{element}\t{release}\n"
        for position, ref, alt, value in changes
    ]
    return HEADER + "".join(rows)


def all_changes(factor: float = 2.0):
    found = predicted()
    return [(c.position + 1, c.ref, c.alt, factor * c.effect) for c in found]


def matched(text: str, build: str = "GRCh38", **more):
    return match(read(text), GENOME, LOCUS, build, **more)


def pairs(text: str, build: str = "GRCh38", **more):
    return compare(matched(text, build, **more), guesses_of(predicted()))


def test_a_table_of_the_predictions_themselves_correlates_fully_and_fills_the_map():
    text = table_of(all_changes())
    found = pairs(text)
    (one,) = found.correlations
    assert (one.kind, one.n) == ("substitutions", 90)
    for value in (one.spearman, one.pearson):
        assert (value.value, value.low, value.high) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))
    assert measured_map(matched(text), predicted().sequence) == pytest.approx(2 * predicted().effects, abs=1e-5)
    assert len(found.matches) == len(found.measured) == 90
    assert (found.line.slope, found.line.intercept) == (pytest.approx(2, abs=1e-4), pytest.approx(0, abs=1e-4))
    assert found.left_out == ()


def test_what_does_not_match_is_counted_with_the_reason():
    changes = all_changes()
    standing, third = BASES[1], next(base for base in "ACGT" if base not in (BASES[1], reverse_complement(BASES[1])))
    free = next(b for b in "ACGT" if b not in (standing, third))
    text = table_of(changes) + "".join(
        part.removeprefix(HEADER)
        for part in (
            table_of([(102, third, free, 1)]),
            table_of([(102, third, standing, 1)]),
            table_of([(102, reverse_complement(standing), third, 1)]),
            table_of([(101, "A", "C", 1)], barcodes=40),
            table_of([(101, "A", "C", 1)], barcodes=9),
            table_of([(5, "A", "C", 1)]),
            table_of([(101, "A", "C", 1)], release="GRCh37"),
            table_of([(101, "A", "C", 1)], element="E2"),
        )
    )
    found = pairs(text)
    assert len(found.matches) == 90
    assert found.left_out == (
        "1 change seen with fewer than 10 barcodes",
        "1 change of another base than stands here (check the build and the strand)",
        "1 change whose ALT stands here instead of its REF",
        "1 change whose REF stands on the other strand",
        "1 measurement of an allele that the table measures again (the one with most barcodes counts)",
        "1 measurement of another element than E1",
        "1 measurement outside this locus",
        "1 measurement in another assembly than GRCh38",
    )
    assert sum(int(reason.split()[0]) for reason in found.left_out) + 90 == len(read(text).rows)
    assert matched(text).doubt == ""


def test_of_one_allele_measured_twice_the_measurement_with_most_barcodes_counts():
    text = table_of([(101, "A", "C", 1)]) + table_of([(101, "A", "C", 7)], barcodes=51).removeprefix(HEADER)
    assert [one.row.value for one in matched(text).matches] == [7]


def test_deletions_in_a_run_are_one_allele_and_insertions_are_matched_where_they_come_to_lie():
    bases = "GATTTTCAGC"
    genome = MemoryGenome("g", {"chr1": bases}, build="GRCh38")
    text = "chrom\tpos\tref\talt\tvalue\n" + "".join(f"1\t{p}\tT\t-\t{p}\n" for p in (3, 4, 5, 6))
    text += "1\t7\t-\tT\t9\n1\t8\tA\tGG\t1\n1\t2\tAT\tA\t5\n1\t3\tTTT\tTCT\t2\n"
    found = match(read(text), genome, Locus("chr1", 0, 10), "GRCh38")
    assert [(str(one.variant), one.kind) for one in found.matches] == [
        ("chr1:3 ->T", "insertion"),
        ("chr1:3 T>-", "deletion"),
        ("chr1:4 T>C", "substitution"),
        ("chr1:8 A>GG", "change of several bases"),
    ]
    assert found.left_out[0].startswith("4 measurements of an allele that the table measures again")


@given(st.integers(0, 30), st.integers(0, 4), st.text("ACGT", max_size=4))
def test_a_matched_allele_makes_the_same_bases_as_the_change_that_was_written(at, deleted, inserted):
    bases = "ACACACTTTTGGACGACGACGTTTTACACAC"
    ref = bases[at : at + deleted]
    if ref == inserted or at + deleted > len(bases):
        return
    genome = MemoryGenome("g", {"chr1": bases}, build="GRCh38")
    text = f"chrom\tpos\tref\talt\tvalue\n1\t{at + 1}\t{ref or '-'}\t{inserted or '-'}\t1\n"
    (one,) = match(read(text), genome, Locus("chr1", 0, len(bases)), "GRCh38").matches
    whole = genome.sequence(Locus("chr1", 0, len(bases) + 1))  # an insertion at the end comes before the N beyond it
    written = bases[:at] + inserted + bases[at + deleted :] + "N"
    assert edited(whole, (one.variant,)).bases == written


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p, r, a: (p, a, r), "REF and ALT columns are probably swapped"),
        (lambda p, r, a: (p, reverse_complement(r), reverse_complement(a)), "on the other strand"),
        (lambda p, r, a: (p - 1, r, a), "not those of GRCh38, or not counted from 1"),
    ],
)
def test_a_table_that_is_wrong_as_a_whole_is_doubted_with_the_likely_reason(change, words):
    text = table_of([(*change(p, r, a), v) for p, r, a, v in all_changes() if p > 101])
    assert words in matched(text).doubt


def test_the_assembly_of_the_view_decides_and_elements_can_be_chosen():
    text = (
        table_of(all_changes(3.0))
        + table_of(all_changes(5.0)[:40], element="E2").removeprefix(HEADER)
        + table_of(all_changes(7.0), release="GRCh37").removeprefix(HEADER)
    )
    table = read(text)
    assert elements_in(table, LOCUS, "hg38") == ("E1", "E2")
    assert elements_in(table, Locus("chr1", 100, 130), "hg38") == ()
    for build, element, factor in (("hg38", None, 3), ("GRCh38", "E2", 5), ("hg19", None, 7)):
        found = pairs(text, build, element=element)
        assert found.measured == pytest.approx(factor * found.predicted, rel=1e-4)


def test_an_accession_belongs_to_its_assembly():
    table = mavedb("NC_000022.11:g.101A>C")
    assert len(match(table, GENOME, LOCUS, "GRCh38").matches) == 1
    assert "another assembly than GRCh37" in match(table, GENOME, LOCUS, "GRCh37").left_out[0]


def test_what_an_edit_touches_or_would_shift_is_left_out():
    edit = Variant("chr22", 101, "A", "C")
    text = table_of([(101, "A", "G", 1), (102, BASES[1], "-", 1), *[c for c in all_changes() if c[0] == 103]])
    found = matched(text, edits=(edit,))
    assert {one.variant.position for one in found.matches} == {103}
    assert "1 change of bases that you edited" in found.left_out
    assert any(reason.startswith("1 change of more than one base") for reason in found.left_out)


def test_changes_that_nothing_is_predicted_of_are_counted_and_correlated_when_they_are():
    text = table_of([*all_changes(), *[(p, BASES[p - 101], "-", float(p)) for p in range(101, 131)]])
    without = pairs(text)
    deletions = [one.variant for one in matched(text).matches if one.kind == "deletion"]
    assert without.left_out[0] == f"{len(deletions)} deletions that nothing is predicted of here"
    guesses = guesses_of(predicted()) | {one: Guess(-float(one.position)) for one in deletions}
    found = compare(matched(text), guesses)
    assert [one.kind for one in found.correlations] == ["substitutions", "deletions", "all"]
    assert found.correlations[1].spearman.value == pytest.approx(-1)
    assert found.correlations[2].n == 90 + len(deletions)


def test_too_few_pairs_give_no_correlation():
    found = pairs(table_of(all_changes()[:9]))
    assert (found.correlations[0].spearman, found.correlations[0].n, found.line) == (None, 9, None)
    still = correlate(np.zeros(20), np.arange(20.0), np.arange(20), "all")
    assert (still.spearman, still.pearson) == (None, None)


def test_intervals_draw_whole_positions():
    """Copies of the same row at one position add nothing to what is known."""
    random = np.random.default_rng(3)
    one, other = random.normal(size=40), random.normal(size=40)
    copied = correlate(np.tile(one, 3), np.tile(other, 3), np.tile(np.arange(40), 3), "all").pearson
    apart = correlate(np.tile(one, 3), np.tile(other, 3), np.arange(120), "all").pearson
    once = correlate(one, other, np.arange(40), "all").pearson
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.15)
    assert apart.high - apart.low < 0.75 * (once.high - once.low)


def test_a_ceiling_is_typed_or_lies_in_replicates_or_in_a_second_element():
    text = table_of(all_changes()) + table_of(all_changes(-1.0), element="E2").removeprefix(HEADER)
    assert matched(text, typed=0.5).ceiling == Ceiling(0.5, "as typed")
    both = matched(text, element="E1").ceiling
    assert both.value == pytest.approx(-1)
    assert "E2" in both.words
    assert "n = 90" in both.words
    lines = [f"22\t{p}\t{r}\t{a}\t{v}\t{v}\t{v * 3}\n" for p, r, a, v in all_changes()]
    assert matched("chrom\tpos\tref\talt\tvalue\trep1\trep2\n" + "".join(lines)).ceiling.value == pytest.approx(1)
    assert matched(table_of(all_changes())).ceiling is None


def test_residuals_are_what_the_line_leaves_and_beyond_the_interval_is_beyond_it():
    changes = all_changes()
    changes[7] = (*changes[7][:3], changes[7][3] + 5)
    found = pairs(table_of(changes))
    at = next(
        i
        for i, one in enumerate(found.matches)
        if (one.variant.position, one.variant.alt) == (changes[7][0], changes[7][2])
    )
    starts, ends = np.array([100, 110]), np.array([110, 130])
    half = half_widths(found, starts, ends, np.array([-1.0, 0.0]), np.array([1.0, 6.0]))
    assert set(half[[one.variant.start < 110 for one in found.matches]]) == {1.0}
    assert set(half[[one.variant.start >= 110 for one in found.matches]]) == {3.0}
    left = residuals(found, half, same_unit=True)
    np.testing.assert_allclose(left.values, found.measured - found.line(found.predicted))
    assert left.worst == (at,)
    assert residuals(found, None, same_unit=True).worst[0] == at
    assert "no intervals" in residuals(found, None, same_unit=True).rule
    other = residuals(found, half, same_unit=False)
    assert other.half is None
    assert "not counted in the unit" in other.rule
    assert half_widths(found, starts, ends, np.array([np.nan, 0]), np.array([1.0, 6.0])) is None


def test_the_standard_error_of_the_table_widens_the_interval():
    lines = [f"22\t{p}\t{r}\t{a}\t{v}\t2\n" for p, r, a, v in all_changes()]
    found = pairs("chrom\tpos\tref\talt\tvalue\tstderr\n" + "".join(lines))
    left = residuals(found, np.ones(90), same_unit=True)
    np.testing.assert_allclose(left.half, np.hypot(1, 1.6449 * 2))


def test_a_name_alone_does_not_make_a_table_the_published_one():
    assert matched(table_of(all_changes(), element="GP1BA")).source is None


@pytest.mark.data
def test_the_published_table_matches_the_genome_at_the_gp1bb_promoter(data: Path):
    table = parse_measured("satmut.tsv.gz", (data / "satmut/saturation_mutagenesis.tsv.gz").read_bytes())
    assert (len(table.rows), table.faults) == (15_982, ())
    chrom, start, end = KNOWN["GP1BA"].places["GRCh37"]
    locus = Locus(chrom, start - 1, end)
    genome = LocalGenome(data / "genomes/hg19_demo.fa.gz", name="hg19", build="GRCh37")
    found = match(table, genome, locus, "GRCh37")
    assert found.source is KNOWN["GP1BA"]
    kinds = [one.kind for one in found.matches]
    assert (kinds.count("substitution"), kinds.count("deletion"), found.total) == (1_154, 83, 1_268)
    reasons = {"barcodes": 29, "measures again": 2}
    for words, n in reasons.items():
        assert [reason for reason in found.left_out if words in reason and reason.startswith(f"{n} ")]
    assert len(kinds) + sum(reasons.values()) == found.total
    assert not [reason for reason in found.left_out if "another base" in reason]
    for element, source in KNOWN.items():
        for build, (place, first, last) in source.places.items():
            stretch = Locus(place, first - 1, last)
            assert element in elements_in(table, stretch, build)
