"""Files of variants: every allele once, in order, whatever is wrong with it; nothing lost, nothing made up."""

from __future__ import annotations

import gzip
import io
import random
import resource
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome.errors import UserError
from genome.fasta import LocalGenome
from genome.locus import Locus, Variant
from genome.remote import KnownVariant
from genome.source import MemoryGenome
from genome.variant_files import open_variants, read_variants
from genome.variant_lines import MAX_LINE, read_lines
from genome.variant_rows import VariantRow
from genome.variant_tally import Tally
from genome.variant_text import COLUMNS, SPACES

_random = random.Random(5)
BASES = "".join(_random.choice("ACGT") for _ in range(20_000))
BASES = BASES[:1_000] + "GCACACACAT" + BASES[1_010:5_000] + "N" * 100 + BASES[5_100:]
OTHER = "".join(_random.choice("ACGT") for _ in range(20_000))
GENOME = MemoryGenome("hg19", {"chr22": BASES, "chrM": "ACGT" * 20}, build="GRCh37")
TITLE = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
HEAD = f"##fileformat=VCFv4.2\n{TITLE}\n"
OK = "\t.\t.\t.\n"


def base(position: int) -> str:
    """The base at a 1-based position of chr22."""
    return BASES[position - 1]


def other(letter: str) -> str:
    return "ACGT"[("ACGT".index(letter) + 1) % 4]


def line(position: int, ref: str = "", alt: str = "", *, chrom: str = "chr22", name: str = ".") -> str:
    ref = ref or base(position)
    return f"{chrom}\t{position}\t{name}\t{ref}\t{alt or other(ref[0])}{OK}"


def read(text, **options) -> list[VariantRow]:
    return list(read_variants(text, GENOME, **options))


def vcf(*lines: str) -> list[VariantRow]:
    return read(HEAD + "".join(lines))


def statuses(rows: list[VariantRow]) -> list[str]:
    return [row.status for row in rows]


def test_a_vcf_gives_each_allele_once_in_order_as_written_and_as_understood():
    rows = vcf(line(1_500, name="rs1"), line(1_600, base(1_600), f"{other(base(1_600))},{base(1_600)}GG", chrom="22"))
    assert [(row.line, row.chrom, row.position, row.name) for row in rows] == [
        (3, "chr22", 1_500, "rs1"),
        (4, "22", 1_600, ""),
        (4, "22", 1_600, ""),
    ]
    assert statuses(rows) == ["ok"] * 3
    assert rows[0].variant == Variant("chr22", 1_500, base(1_500), other(base(1_500)))
    assert rows[1].variant.chrom == "chr22"
    assert rows[2].variant.ref == ""
    assert "leftmost" in rows[2].notice
    assert rows[1].locus == Locus("chr22", 1_599, 1_600)


def test_ref_equal_to_alt_is_ok_and_changes_nothing():
    (row,) = vcf(line(1_500, base(1_500), base(1_500)))
    assert (row.status, row.variant, row.locus) == ("ok", None, Locus("chr22", 1_499, 1_500))


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("chr22:{p} {r}>{a}", 1_500),
        ("22:1,500 {r}>{a}", 1_500),
        ("chr22-{p}-{r}-{a}", 1_500),
        ("chr22:{p}:{r}:{a}", 1_500),
        ("chr22\t{p}\t{r}\t{a}", 1_500),
        ("chr22\t{p}\trs5\t{r}\t{a}", 1_500),
        ("chr22 {p} rs5 {r} {a} 30 PASS .", 1_500),
        ("chr22,{p},{r},{a}", 1_500),
        ("NC_000022.10:g.{p}{r}>{a}", 1_500),
        ("chr22:g.{p}{r}>{a}", 1_500),
    ],
)
def test_a_paste_holds_one_variant_a_line_in_any_form(text, position):
    written = text.format(p=position, r=base(position), a=other(base(position)))
    rows = read(f"# my list\n\n{written}\nnonsense\n{written}")
    assert statuses(rows) == ["ok", "not a variant", "ok"]
    assert [row.line for row in rows] == [3, 4, 5]
    assert rows[0].variant == Variant("chr22", position, base(position), other(base(position)))
    assert rows[2].notice == "The same as in line 3."


@pytest.mark.parametrize("separator", ["\t", ",", ";", " "])
@pytest.mark.parametrize("mark", ["", "#"])
def test_a_table_names_its_columns(separator, mark):
    columns = ["Gene", "ALT", "Ref", "Chromosome", "rsid", "Position"]
    row = ["GP1BB", other(base(1_500)), base(1_500), "22", "rs9", "1500"]
    text = "\n".join(separator.join(fields) for fields in (columns, row, row[:3]))
    rows = read("# from somewhere\n" + mark + text)
    assert statuses(rows) == ["ok", "not a variant"]
    assert (rows[0].name, rows[0].position, rows[0].line) == ("rs9", 1_500, 3)
    assert rows[0].variant == Variant("chr22", 1_500, base(1_500), other(base(1_500)))


def test_cells_of_a_csv_may_be_quoted_and_a_dash_is_an_empty_allele():
    rows = read(f'"chrom","pos","ref","alt"\n"chr22","1,500","{base(1_500)}","-"\n"chr22",1500,-,"GG"\n')
    assert statuses(rows) == ["ok", "ok"]
    assert [row.variant.alt for row in rows][:1] == [""]
    assert rows[1].variant.ref == ""


def test_a_comment_that_speaks_of_a_place_is_no_header():
    assert statuses(
        read(f"# chrom and pos as in the paper\nchr22\t1500\t{base(1_500)}\tN\nchr22:1501 {base(1_501)}>-\n")
    ) == [
        "N",
        "ok",
    ]


def test_an_unknown_chromosome_is_looked_for_only_once(monkeypatch: pytest.MonkeyPatch):
    asked = []
    canonical = MemoryGenome.canonical

    def counted(self, chrom):
        asked.append(chrom)
        return canonical(self, chrom)

    monkeypatch.setattr(MemoryGenome, "canonical", counted)
    rows = vcf(*(f"GL000192.1\t{p}\t.\tA\tC{OK}" for p in range(1, 50)))
    assert set(statuses(rows)) == {"unknown chromosome"}
    assert asked == ["GL000192.1"]


def test_a_table_without_a_column_is_refused_naming_it():
    with pytest.raises(UserError, match="no column alt"):
        read("chrom\tpos\tref\nchr22\t1500\tA\n")


class Known:
    """A lookup with one variant of two alleles."""

    def variant(self, rsid):
        if rsid != "rs5":
            raise UserError(f"Ensembl knows no {rsid}.")
        return KnownVariant(rsid, "22", 1_499, base(1_500), (other(base(1_500)), ""))

    def gene(self, symbol):
        raise AssertionError(symbol)


def test_rsids_are_looked_up_only_where_that_is_allowed():
    assert "allow remote reading" in read("rs5\n")[0].reason
    rows = read("rsid\nRS5\nrs6\n", lookup=Known())
    assert statuses(rows) == ["ok", "ok", "not a variant"]
    assert rows[1].variant.alt == ""
    assert rows[2].reason == "Ensembl knows no rs6."


ZOO = [  # the line (or its alleles), what becomes of it, a word of the reason
    (line(0, "A", "C"), "off the end", "counted from 1"),
    (line(-7, "A", "C"), "off the end", "counted from 1"),
    (f"chr22\tabc\t.\tA\tC{OK}", "not a variant", "'abc' is not a whole number"),
    (f"chr22\t1e3\t.\tA\tC{OK}", "not a variant", "whole number"),
    (f"chr22\t{'9' * 25}\t.\tA\tC{OK}", "not a variant", "whole number"),
    (line(20_001, "A", "C"), "off the end", "20,000 bp"),
    (line(19_999, BASES[-2:] + "A", "C"), "off the end", "20,000 bp"),
    (f"chr9\t5\t.\tA\tC{OK}", "unknown chromosome", "no chromosome 'chr9'"),
    (f"\t5\t.\tA\tC{OK}", "not a variant", "no chromosome"),
    (line(1_500, alt="*"), "symbolic allele", "no bases"),
    (line(1_500, alt="<DEL>"), "symbolic allele", "<DEL>"),
    (line(1_500, alt="<NON_REF>"), "symbolic allele", "no bases"),
    (line(1_500, alt="G]chr17:198982]"), "symbolic allele", "no bases"),
    (line(1_500, alt="[chr2:1[A"), "symbolic allele", "no bases"),
    (line(1_500, alt="A."), "symbolic allele", "no bases"),
    (line(1_500, alt="."), "no ALT allele", "changes nothing"),
    (f"chr22\t1500\t.\t{base(1_500)}\t{OK}", "no ALT allele", "empty"),
    (f"chr22\t1500\t.\t\tA{OK}", "not a variant", "REF is empty"),
    (line(1_500, alt="-"), "not a variant", "no allele in VCF"),
    (line(1_500, alt="R"), "not a variant", "R stands for several bases"),
    (line(1_500, ref="Y", alt="C"), "not a variant", "Y stands for several bases"),
    (line(1_500, alt="Q"), "not a variant", "'Q', which is no base"),
    (line(1_500, alt="N"), "N", "stands for no base"),
    (line(5_050, "N", "A"), "N", "stands for no base"),
    (line(5_050, "C", "A"), "N", "hg19 has unknown bases (N) at chr22:5,050"),
    (line(8_001, BASES[8_000:18_000], "A"), "too long", "10,000 bp"),
    (line(1_500, alt="A" * 3_000), "too long", "3,000 bp"),
    ("chr22\t1500\t.\tA\n", "not a variant", "4 columns"),
    ("something else\n", "not a variant", "columns"),
    ("chr22\t1500\t.\tA\0\tC\n", "not a variant", "zero byte"),
]


@pytest.mark.parametrize(("bad", "status", "word"), ZOO, ids=[f"{s}-{i}" for i, (_, s, _) in enumerate(ZOO)])
def test_what_is_wrong_with_a_line_is_said_of_that_line_and_the_rest_is_read(bad, status, word):
    rows = vcf(line(1_500), bad, line(1_600))
    assert statuses(rows) == ["ok", status, "ok"]
    assert [row.line for row in rows] == [3, 4, 5]
    assert word in rows[1].reason
    tally = Tally()
    tally.add(rows)
    said = tally.sentences(GENOME)
    assert said[0] == "2 of 3 alleles scored."
    assert said[1].startswith(f"1 not scored ({status}): line 4: ")
    assert tally.not_understood == (status == "not a variant")


def test_the_whole_zoo_in_one_file_loses_nothing():
    rows = vcf(line(1_500), *(bad for bad, _, _ in ZOO), line(1_600))
    assert statuses(rows) == ["ok", *(status for _, status, _ in ZOO), "ok"]
    assert [row.line for row in rows] == list(range(3, len(ZOO) + 5))


def test_windows_line_ends_a_mark_and_lower_case_change_nothing():
    plain = HEAD + line(1_500) + line(1_600)
    for text in (plain.replace("\n", "\r\n"), "\ufeff" + plain, plain.rstrip("\n"), plain.replace("\n", "\n\n", 1)):
        rows = read(text)
        assert [row.variant for row in rows] == [row.variant for row in read(plain)]
    (row,) = vcf(line(1_500).replace(f"\t{base(1_500)}\t", f"\t{base(1_500).lower()}\t"))
    assert (row.status, row.ref) == ("ok", base(1_500).lower())


def test_spaces_for_tabs_and_a_wrong_number_of_columns_are_read_and_said():
    rows = vcf(line(1_500).replace("\t", "  "), line(1_600).replace("\t.\n", "\n"))
    assert statuses(rows) == ["ok", "ok"]
    assert [row.notice for row in rows] == [SPACES, COLUMNS]
    tally = Tally()
    tally.add(rows)
    assert any("spaces" in said and "line 3" in said for said in tally.sentences(GENOME))
    assert any("another number of columns" in said and "line 4" in said for said in tally.sentences(GENOME))


def test_a_vcf_that_lost_its_header_is_read_as_one():
    assert open_variants(line(1_500) + line(1_600)).is_vcf
    assert statuses(read(line(1_500) + line(1_600))) == ["ok", "ok"]
    assert vcf() == []
    assert open_variants(HEAD).is_vcf


def test_five_thousand_alleles_of_one_line_are_five_thousand_rows():
    alts = [other(base(1_500)) + "ACGT" * (i % 50) + "C" * (i // 50) for i in range(5_000)]
    rows = vcf(line(1_500, alt=",".join(alts)), line(1_600))
    assert [row.alt for row in rows[:-1]] == alts
    assert statuses(rows) == ["ok"] * 5_001
    assert {row.line for row in rows[:-1]} == {3}


def test_an_empty_allele_between_commas_has_its_own_row():
    assert statuses(vcf(line(1_500, alt=f"{other(base(1_500))},,<DEL>"))) == ["ok", "no ALT allele", "symbolic allele"]


def test_duplicates_are_kept_and_said_also_when_the_chromosome_is_spelled_otherwise():
    rows = vcf(line(1_500), line(1_500, chrom="22"), line(1_600), line(1_600))
    assert [row.notice for row in rows] == ["", "The same as in line 3.", "", "The same as in line 5."]
    tally = Tally()
    tally.add(rows)
    assert any("earlier line" in said and "lines 4, 6" in said for said in tally.sentences(GENOME))


@pytest.mark.parametrize("text", ["", "\n\n  \n", "\ufeff"])
def test_an_empty_file_is_refused(text, tmp_path: Path):
    (tmp_path / "e.vcf").write_text(text)
    for source in (text, tmp_path / "e.vcf"):
        with pytest.raises(UserError, match="is empty"):
            read(source)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "chr22\t5".encode("utf-16"), b"BCF\2\2\0\0"])
def test_a_binary_file_is_refused(data, tmp_path: Path):
    (tmp_path / "b.vcf").write_bytes(data)
    (tmp_path / "b.vcf.gz").write_bytes(gzip.compress(data))
    for name in ("b.vcf", "b.vcf.gz"):
        with pytest.raises(UserError, match="is no text"):
            read(tmp_path / name)
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "not there.vcf")


def many(count: int) -> str:
    return HEAD + "".join(line(1_100 + index) for index in range(count))


def test_gzip_of_one_or_many_members_gives_the_same_rows(tmp_path: Path):
    text = many(3_000).encode()
    (tmp_path / "a.vcf").write_bytes(text)
    (tmp_path / "a.vcf.gz").write_bytes(gzip.compress(text))
    halves = gzip.compress(text[:30_001]) + gzip.compress(text[30_001:]) + b"\0" * 100
    (tmp_path / "b.vcf.gz").write_bytes(halves)
    plain = read(tmp_path / "a.vcf")
    assert len(plain) == 3_000
    assert read(tmp_path / "a.vcf.gz") == read(tmp_path / "b.vcf.gz") == plain
    assert list(read_variants(io.BytesIO(halves), GENOME)) == plain


@given(st.integers(1, 20_000))
def test_a_gzip_cut_anywhere_gives_what_can_be_unpacked_and_says_so(cut):
    whole = gzip.compress(many(1_500).encode(), 1)
    data = whole[: cut % (len(whole) - 1) + 1]
    rows = list(read_variants(io.BytesIO(data), GENOME)) if data[:2] == b"\x1f\x8b" else []
    if not rows:
        assert len(data) < 2
        return
    assert statuses(rows[:-1]) == ["ok"] * (len(rows) - 1)
    assert rows[-1].status == "not a variant"
    assert "cut short" in rows[-1].reason
    unpacked = zlib.decompressobj(31).decompress(data)
    assert len(rows) - 1 == max(unpacked.count(b"\n") - 2, 0)


def test_a_gzip_that_is_damaged_gives_what_comes_before(tmp_path: Path):
    text = "".join(f"chr22\t{1_100 + i}\t{_random.random()}\t{base(1_100 + i)}\tA{OK}" for i in range(3_000))
    packed = bytearray(gzip.compress((HEAD + text).encode()))
    packed[len(packed) // 2 : len(packed) // 2 + 50] = b"\xff" * 50
    (tmp_path / "a.vcf.gz").write_bytes(packed)
    rows = read(tmp_path / "a.vcf.gz")
    assert len(rows) < 3_000
    assert "damaged" in rows[-1].reason


def test_a_huge_line_is_passed_over_in_constant_memory(tmp_path: Path):
    path = tmp_path / "bomb.vcf.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write((HEAD + line(1_500)).encode())
        for _ in range(200):
            file.write(b"A" * 1_000_000)
        file.write(b"\n" + line(1_600).encode())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 80_000  # kB
    assert statuses(rows) == ["ok", "not a variant", "ok"]
    assert "longer than 10 MB" in rows[1].reason
    assert [row.line for row in rows] == [3, 4, 5]


def test_a_line_of_just_the_limit_is_read():
    texts = [found.text for found in read_lines(io.BytesIO(b"a" * MAX_LINE + b"\n" + b"b" * (MAX_LINE + 1) + b"\nc"))]
    assert [len(text) for text in texts] == [MAX_LINE, 1_000, 1]


def test_a_wrong_ref_names_what_fits():
    position = next(p for p in range(1_500, 1_600) if base(p) == "G" and base(p + 1) == "A")
    rows = vcf(line(position, "A", "G"), line(position, "C", "T"), line(position, "T", "C"), line(position, "CT", "G"))
    assert statuses(rows) == ["REF mismatch"] * 4
    assert f"REF and ALT look swapped: write chr22:{position:,} G>A." in rows[0].reason
    assert f"The other strand fits: write chr22:{position:,} G>A." in rows[1].reason
    assert "Check that the position is of GRCh37." in rows[2].reason
    assert rows[3].reason.startswith(f"hg19 has GA at chr22:{position:,}, not CT.")


def test_another_build_that_is_kept_here_is_named_where_it_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fasta = tmp_path / "hg38.fa"
    fasta.write_text(f">chr22\n{OTHER}\n")
    monkeypatch.setenv("CISLENS_GENOME_HG38", str(fasta))
    places = [p for p in range(6_000, 6_400) if OTHER[p - 1] not in (base(p), other(base(p)))]
    text = HEAD + "".join(line(p, OTHER[p - 1], other(OTHER[p - 1])) for p in places)
    assert not any("GRCh38" in row.reason for row in read(text))  # it has no index yet: nobody waits for one
    LocalGenome(fasta, name="hg38")
    rows = read(text)
    named = [row for row in rows if "hg38 (GRCh38) has" in row.reason]
    assert len(named) > len(places) / 4
    tally = Tally()
    tally.add(rows)
    assert "another build than GRCh37" in tally.sentences(GENOME)[-1]


@pytest.mark.parametrize(
    ("header", "build"),
    [
        ("##contig=<ID=chr1,length=248956422>", "GRCh38"),
        ("##reference=file:///data/GRCh38.primary.fa", "GRCh38"),
        ("##contig=<ID=22,length=51304566,assembly=b38>", ""),
        ("##contig=<ID=chr22,length=50818468>", "another build (chr22 has 50,818,468 bp there, and 20,000 in hg19)"),
        ("##reference=hg19.fa", ""),
        ("##contig=<ID=1,length=249250621>", ""),
    ],
)
def test_the_build_that_the_header_names_is_said_where_ref_does_not_fit(header, build):
    wrong = line(1_500, other(base(1_500)), other(other(base(1_500))))
    (row, right) = read(f"##fileformat=VCFv4.2\n{header}\n{TITLE}\n{wrong}{line(1_600)}")
    assert (f"The file says it is of {build}: choose" in row.reason) == bool(build)
    assert right.status == "ok"


@st.composite
def changes(draw) -> tuple[str, int, str, str]:
    """A small sequence rich in repeats, and a change of it as VCF writes it: both alleles with a base before."""
    bases = draw(st.text("AC", min_size=2, max_size=30)) + draw(st.text("ACGT", min_size=1, max_size=10))
    start = draw(st.integers(0, len(bases) - 1))
    end = draw(st.integers(start + 1, min(start + 9, len(bases))))
    alt = draw(st.one_of(st.text("AC", min_size=1, max_size=8), st.just(bases[start:end])))
    return bases, start, bases[start:end], alt


@given(changes())
def test_a_normalised_variant_gives_the_same_sequence_and_there_is_none_shorter_or_further_left(change):
    bases, start, ref, alt = change
    genome = MemoryGenome("g", {"c": bases}, build="b")
    (row,) = read_variants(f"{HEAD}c\t{start + 1}\t.\t{ref}\t{alt}{OK}", genome)
    wanted = bases[:start] + alt + bases[start + len(ref) :]
    assert row.status == "ok"
    if row.variant is None:
        assert ref == alt
        return
    found = row.variant
    assert bases[found.start : found.end] == found.ref
    assert bases[: found.start] + found.alt + bases[found.end :] == wanted
    # Every change that says the same, by trying them all: none has shorter alleles, and of those as short none lies left.
    same = [
        (len(bases[a:b]) + len(wanted[a : b + len(wanted) - len(bases)]), a)
        for a in range(len(bases) + 1)
        for b in range(a, len(bases) + 1)
        if b + len(wanted) - len(bases) >= a
        and bases[:a] == wanted[:a]
        and bases[b:] == wanted[b + len(wanted) - len(bases) :]
    ]
    assert (len(found.ref) + len(found.alt), found.start) == min(same)


@given(
    st.lists(st.sampled_from([bad for bad, _, _ in ZOO] + [line(1_500), line(1_600, alt="A,C,<DEL>,.")]), max_size=12)
)
def test_every_allele_of_every_line_appears_once_in_order(lines):
    rows = read(HEAD + "".join(lines))
    expected = [
        number
        for number, text in enumerate(lines, 3)
        for _ in (text.split("\t")[4].split(",") if text.count("\t") > 3 and "\0" not in text else [""])
    ]
    assert [row.line for row in rows] == expected


def test_reading_is_fast_and_its_memory_does_not_grow(tmp_path: Path):
    import time
    import tracemalloc

    text = "".join(line(5_200 + index * 11 % 14_000, name=f"rs{index}") for index in range(10_000))
    (tmp_path / "a.vcf.gz").write_bytes(gzip.compress((HEAD + text).encode(), 1))
    start = time.process_time()
    assert sum(row.status == "ok" for row in read_variants(tmp_path / "a.vcf.gz", GENOME)) == 10_000
    assert time.process_time() - start < 6  # 100,000 a minute
    tracemalloc.start()
    for _ in read_variants(tmp_path / "a.vcf.gz", GENOME):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000
