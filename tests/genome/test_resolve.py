"""What people type, and the place they mean."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome.errors import UserError
from genome.genes import Gene, Genes
from genome.hgvs import chromosome_of, parse_hgvs
from genome.locus import Locus, Variant
from genome.paste import MAX_PASTE_TOTAL, pasted_genome, read_records
from genome.remote import Ensembl, KnownGene, KnownVariant
from genome.resolve import MAX_LOCUS, checked_variant, left_normalised, resolve
from genome.sequence import edited
from genome.source import MemoryGenome
from tests.genome.local_server import as_json, serving

_random = random.Random(3)
BASES = "".join(_random.choice("ACGT") for _ in range(3_000))
BASES = BASES[:1_000] + "GCACACACAT" + BASES[1_010:]
GENOME = MemoryGenome("hg19", {"chr22": BASES, "chr21": "A" * 1_200_000, "chrM": "ACGT" * 20}, build="GRCh37")
GENES = Genes(
    [
        Gene("GP1BB", Locus("chr22", 1_200, 1_500), "+"),
        Gene("TBX1", Locus("chr22", 1_800, 2_400), "-"),
        Gene("FAR", Locus("chr22", 90_000, 90_100), "+"),
        Gene("AWAY", Locus("chr17", 100, 400), "+"),
        Gene("EDGE", Locus("22", 100, 400), "+"),
        Gene("CAT", Locus("chr22", 700, 900), "+"),
    ]
)


def find(text, **options):
    return resolve(text, GENOME, GENES, **options)


def base(position: int) -> str:
    """The base at a 1-based position of chr22."""
    return BASES[position - 1]


def other(letter: str) -> str:
    return "ACGT"[("ACGT".index(letter) + 1) % 4]


def test_coordinates_are_one_based_and_a_chromosome_may_be_spelled_otherwise():
    place = find("22:101-200")
    assert (place.locus, place.kind, place.edits, place.notices) == (Locus("chr22", 100, 200), "locus", (), ())


def test_a_locus_partly_off_the_end_is_padded_and_says_so():
    place = find("chr22:2,901-3,100")
    assert place.locus == Locus("chr22", 2_900, 3_100)
    assert "100 bp" in place.notices[0]
    assert GENOME.sequence(place.locus).bases.endswith("N" * 100)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chr22:5,000-6,000", r"chr22 of hg19 has 3,000 bp"),
        ("chr21:1-50,000,000", r"at most 1,000,000 bp"),
        ("chr2l:1-100", r"did you mean chr2[12]"),
        ("chr22:200-100", "after the end"),
        ("chr22:0-100", "counted from 1"),
        ("chr21", "1,200,000 bp; name a stretch"),
        ("", "Type a place"),
        ("GP1B", "did you mean GP1BB"),
        ("no such thing", "neither a place"),
        ("FAR", "outside what is known"),
        ("AWAY", "AWAY lies on chr17, which this copy of hg19 does not hold"),
        ("NM_000407.5:c.10C>T", "transcript"),
        ("chr22:g.77", "not a g. change"),
        ("rs123", "remote reading"),
        ("<script>alert(1)</script>", "There is no gene"),
        ("MKLPEFWYMKLPEFWYMKLPEFWY", "protein"),
        (">only a header", "no sequence"),
        (">a\nACGT\n>b\nAC!T", r"record 'b'"),
    ],
)
def test_what_cannot_be_found_is_refused_in_one_sentence(text, said):
    with pytest.raises(UserError, match=said):
        find(text)


def test_a_locus_of_the_longest_length_is_shown_and_one_more_base_is_not():
    assert find(f"chr21:1-{MAX_LOCUS}").locus.length == MAX_LOCUS
    with pytest.raises(UserError, match="at most"):
        find(f"chr21:1-{MAX_LOCUS + 1}")


def test_a_small_chromosome_may_be_shown_whole():
    assert find("MT").locus == Locus("chrM", 0, 80)


def test_a_gene_is_centred_on_its_transcription_start_whatever_the_strand():
    assert find("gp1bb").locus == Locus("chr22", 700, 1_700)
    assert find("TBX1").locus == Locus("chr22", 1_899, 2_899)
    assert "transcription start of TBX1 (chr22:2,400, strand -)" in find("TBX1").notices[0]


def test_a_gene_beside_the_end_is_padded_and_a_gene_called_like_bases_is_a_gene():
    place = find("EDGE")
    assert place.locus == Locus("chr22", -400, 600)
    assert len(place.notices) == 2
    assert find("cat").kind == "gene"


def test_a_variant_is_checked_and_becomes_an_edit_in_the_middle():
    place = find(f"22:1500 {base(1500)}>{other(base(1500))}")
    assert place.edits == (Variant("chr22", 1500, base(1500), other(base(1500))),)
    assert place.locus.length == 1_000
    assert place.locus.contains(1_499)


def test_a_wrong_ref_names_what_stands_there_and_whether_the_other_strand_fits():
    position = next(p for p in range(1_500, 1_600) if base(p) == "G")
    with pytest.raises(UserError, match=rf"has G at chr22:{position:,}, not A\. Check that the position is of GRCh37"):
        find(f"chr22:{position} A>T")
    with pytest.raises(UserError, match=rf"other strand fits: write chr22:{position:,} G>A"):
        find(f"chr22:{position} C>T")


def test_a_deletion_in_a_repeat_is_written_leftmost():
    # chr22:1,001 is G, then CACACACA, then T
    place = find("chr22:1008 CA>-")
    assert place.edits == (Variant("chr22", 1_002, "CA", ""),)
    assert "leftmost" in place.notices[0]


@given(st.integers(1, 2_990), st.integers(0, 6), st.text("ACGT", max_size=6))
def test_left_normalising_keeps_the_edited_bases_and_a_second_time_changes_nothing(position, length, alt):
    ref = BASES[position - 1 : position - 1 + length]
    if ref == alt:
        return
    variant = Variant("chr22", position, ref, alt)
    moved = left_normalised(variant, GENOME)
    reference = GENOME.sequence(Locus("chr22", 0, 3_000))
    assert edited(reference, (moved,)).bases == edited(reference, (variant,)).bases
    assert left_normalised(moved, GENOME) == moved
    assert moved.start <= max(variant.start, variant.start + min(len(ref), len(alt)))
    assert checked_variant(moved, GENOME)[0] == moved


def hgvs(change):
    return resolve(f"NC_000022.10:g.{change}", GENOME, None).edits[0]


def applied(*edits):
    return edited(GENOME.sequence(Locus("chr22", 0, 3_000)), edits).bases


def test_hgvs_changes_do_to_the_bases_what_they_say():
    assert hgvs(f"1500{base(1500)}>{other(base(1500))}") == Variant("chr22", 1500, base(1500), other(base(1500)))
    assert applied(hgvs("1501_1510del")) == BASES[:1500] + BASES[1510:]
    assert applied(hgvs(f"1501del{base(1501)}")) == BASES[:1500] + BASES[1501:]
    assert applied(hgvs("1501_1502insTTTT")) == BASES[:1501] + "TTTT" + BASES[1501:]
    assert applied(hgvs("1501_1510delinsAC")) == BASES[:1500] + "AC" + BASES[1510:]
    assert applied(hgvs(f"1501_1502del{BASES[1500:1502]}insGGGG")) == BASES[:1500] + "GGGG" + BASES[1502:]
    assert applied(hgvs("1501_1510dup")) == BASES[:1510] + BASES[1500:1510] + BASES[1510:]
    assert resolve("chr22:g.1501_1510del", GENOME, None).kind == "hgvs"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("NC_000022.11:g.1500A>C", "belongs to GRCh38, and this genome is GRCh37"),
        ("NC_000067.6:g.1500A>C", "belongs to GRCm38"),
        ("NC_000022:g.1500A>C", r"write NC_000022\.10"),
        ("NC_000099.1:g.1500A>C", "not a chromosome of GRCh37"),
        ("NC_000022.10:g.1500_1400del", "out of order"),
        ("NC_000022.10:g.1500_1502delA", "names 1 bases for 3"),
        ("NC_000022.10:g.1500_1505insA", "two bases it goes between"),
        ("NC_000022.10:g.1500ins", "which bases"),
        ("NC_000022.10:g.1500_9999999del", "longer than"),
        ("NC_000022.10:g.3500_3501del", "off the end"),
        ("NC_000022.10:p.Arg3Ter", "protein"),
    ],
)
def test_hgvs_that_cannot_be_used_is_refused(text, said):
    with pytest.raises(UserError, match=said):
        find(text)


def test_accessions_name_the_chromosome_of_their_assembly():
    assert chromosome_of("NC_000001.10", "GRCh37") == "1"
    assert chromosome_of("NC_000024.10", "GRCh38") == "Y"
    assert chromosome_of("NC_000086.7", "GRCm38") == "X"
    assert chromosome_of("NC_001148.4", "R64-1-1") == "XVI"
    assert chromosome_of("NC_012920.1", "GRCh38") == "MT"
    assert chromosome_of("chr22", "GRCh38") is None


def test_the_published_example_is_read():
    change = parse_hgvs("NC_000022.10:g.19710933C>T")
    assert (change.start, change.ref, change.alt) == (19_710_932, "C", "T")


class Known:
    """A lookup with one variant and one gene."""

    def __init__(self, ref: str | None = None):
        self.ref = ref or base(1_500)

    def variant(self, rsid):
        return KnownVariant(rsid, "22", 1_499, self.ref, (other(self.ref), other(other(self.ref))))

    def gene(self, symbol):
        return KnownGene(symbol.upper(), "22", 1_000, 1_200, "+", "ENSG")


def test_an_rsid_is_looked_up_when_allowed_and_its_first_allele_shown():
    place = find("RS99", remote=Known())
    assert place.kind == "rsid"
    assert place.edits[0].alt == other(base(1_500))
    assert "several alternative alleles" in place.notices[0]


def test_the_ref_of_an_rsid_is_checked_against_the_genome():
    with pytest.raises(UserError, match="hg19 has"):
        find("rs99", remote=Known(ref=other(base(1_500))))


def test_a_gene_without_a_file_is_looked_up_when_allowed_and_explained_when_not():
    assert resolve("abc1", GENOME, None, remote=Known()).locus == Locus("chr22", 500, 1_500)
    with pytest.raises(UserError, match="CISLENS_GENES_HG19"):
        resolve("abc1", GENOME, None)


def test_the_lookup_speaks_with_a_server():
    mapping = {"assembly_name": "GRCh37", "seq_region_name": "22", "start": 1_500, "end": 1_500, "strand": 1}
    mapping["allele_string"] = f"{base(1_500)}/{other(base(1_500))}"
    with serving(lambda path, headers: as_json({"mappings": [mapping]})) as server:
        place = find("rs5", remote=Ensembl("homo_sapiens", "GRCh37", server.url, timeout=5.0))
    assert place.edits[0].position == 1_500
    with pytest.raises(UserError, match="cannot be reached"):
        find("rs5", remote=Ensembl("homo_sapiens", "GRCh37", server.url, timeout=0.5))


def test_a_pasted_sequence_is_a_place_of_its_own():
    place = find("acgtn acgtr\r\n 11 ggg")
    assert place.kind == "sequence"
    assert place.records[0].bases == "ACGTNACGTNGGG"
    assert place.locus == Locus("pasted", 0, 13)
    assert "ambiguous" in place.notices[0]


def test_many_records_keep_their_names_apart():
    place = find(">chr1:100-200 my favourite\nACGU\n\n>chr1:100-200\nacgt\r\n>\nGGGG\n")
    assert [(r.name, r.bases) for r in place.records] == [
        ("chr1_100-200", "ACGT"), ("chr1_100-200_2", "ACGT"), ("record", "GGGG"),
    ]  # fmt: skip
    genome = pasted_genome(place.records)
    assert genome.sequence(Locus("record", -1, 3)).bases == "NGGG"
    assert genome.build != pasted_genome(place.records[:2]).build


def test_a_paste_over_the_limit_is_refused():
    assert len(read_records("A" * MAX_PASTE_TOTAL)[0].bases) == MAX_PASTE_TOTAL
    for text in ("A" * (MAX_PASTE_TOTAL + 1), "A" * 10_000_000, ">a\nA\n" * 2_000):
        with pytest.raises(UserError, match="at most"):
            find(text)


@given(st.text(max_size=80))
def test_anything_typed_is_a_place_or_a_sentence(text):
    try:
        place = find(text)
    except UserError:
        return
    assert place.locus.length >= 1
