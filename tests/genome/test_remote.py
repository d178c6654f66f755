"""Genomes and names from servers that speak like UCSC and Ensembl."""

from __future__ import annotations

import random
import threading
import time

import pytest

from genome.errors import UserError
from genome.locus import Locus
from genome.remote import CHUNK_LENGTH, Ensembl, RemoteGenome
from genome.source import MemoryGenome
from genome.web import NotFoundError
from tests.genome.local_server import Answer, as_json, serving, ucsc

_random = random.Random(5)
RECORDS = {
    "chr1": "".join(_random.choice("ACGTacgtN") for _ in range(2 * CHUNK_LENGTH + 500)),
    "chr2": "ACGT" * 50,
}


def remote(server, **options) -> RemoteGenome:
    return RemoteGenome("tiny", base_url=server.url, timeout=options.pop("timeout", 5.0), **options)


def test_windows_equal_the_served_bases_with_n_past_both_ends():
    local = MemoryGenome("tiny", RECORDS, build="tiny")
    with serving(ucsc(RECORDS)) as server:
        genome = remote(server)
        for chrom, start, end in [("chr1", -5, 20), ("1", CHUNK_LENGTH - 9, CHUNK_LENGTH + 9), ("chr2", 190, 230)]:
            assert genome.sequence(Locus(chrom, start, end)) == local.sequence(Locus(chrom, start, end))
        assert genome.sequence(Locus("chr1", 0, 131_572)).bases == RECORDS["chr1"].upper()
        assert genome.contigs == {"chr1": 2 * CHUNK_LENGTH + 500, "chr2": 200}


def test_a_window_read_twice_is_asked_for_once_even_by_another_process(own_home):
    with serving(ucsc(RECORDS)) as server:
        remote(server).sequence(Locus("chr1", 100, 300))
        assert len(server.asked) == 2
        remote(server).sequence(Locus("chr1", 200, 50_000))
        assert len(server.asked) == 2
        assert server.asked[1] == f"/getData/sequence?genome=tiny;chrom=chr1;start=0;end={CHUNK_LENGTH}"


def test_nothing_is_asked_before_a_place_is_read():
    with serving(ucsc(RECORDS)) as server:
        remote(server)
        assert server.asked == []


def test_a_damaged_piece_in_the_cache_is_asked_for_again(own_home):
    with serving(ucsc(RECORDS)) as server:
        first = remote(server).sequence(Locus("chr2", 0, 40))
        (kept,) = own_home.rglob("chr2/*.txt")
        kept.write_text("ACGT")
        assert remote(server).sequence(Locus("chr2", 0, 40)) == first


def test_the_cache_is_bounded_and_the_oldest_piece_goes_first(own_home):
    with serving(ucsc(RECORDS)) as server:
        genome = remote(server, cache_bytes=CHUNK_LENGTH + 400)
        for start in (0, CHUNK_LENGTH, 0, 2 * CHUNK_LENGTH):
            genome.sequence(Locus("chr1", start, start + 10))
            time.sleep(0.01)
        kept = sorted(p.name for p in own_home.rglob("chr1/*.txt"))
        assert sum(p.stat().st_size for p in own_home.rglob("*.txt")) <= CHUNK_LENGTH + 400 + 500
        assert "2.txt" in kept


def test_threads_that_want_the_same_window_ask_once():
    with serving(ucsc(RECORDS)) as server:
        genome = remote(server)
        threads = [threading.Thread(target=genome.sequence, args=(Locus("chr2", 0, 9),)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.asked) == 2


def test_a_digest_equals_that_of_a_local_copy(tmp_path):
    from genome.fasta import LocalGenome

    path = tmp_path / "tiny.fa"
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in RECORDS.items()))
    with serving(ucsc(RECORDS)) as server:
        genome = remote(server)
        assert [genome.contig_digest(c) for c in RECORDS] == [
            LocalGenome(path, name="tiny").contig_digest(c) for c in RECORDS
        ]


BAD_ANSWERS = {
    "error json": as_json({"error": "no such chrom", "statusCode": 400, "statusMessage": "Bad Request"}, 400),
    "rate limit": as_json({"error": "too many requests"}, 429, **{"Retry-After": "60"}),
    "down": Answer(b"<html>oops</html>", 503, {"Retry-After": "30"}),
    "garbage": Answer(b"\x00\x01<html>"),
    "list": as_json([1, 2]),
    "short": as_json({"dna": "ACGT"}),
    "no letters": as_json({"dna": "-" * 200}),
    "number": as_json({"dna": 17}),
    "truncated": Answer(b'{"dna": "' + b"A" * 300 + b'"}', cut=100),
}


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_is_one_plain_sentence_and_is_not_kept(own_home, kind):
    good = ucsc(RECORDS)
    broken = True

    def answer(path, headers):
        return BAD_ANSWERS[kind] if broken and "getData" in path else good(path, headers)

    with serving(answer) as server:
        genome = remote(server)
        with pytest.raises(UserError, match=r"UCSC.*[.;]"):
            genome.sequence(Locus("chr2", 0, 10))
        broken = False
        assert genome.sequence(Locus("chr2", 0, 10)).bases == "ACGTACGTAC"


@pytest.mark.parametrize(
    "answer", [as_json({}), as_json({"chromosomes": {"../x": 5}}), as_json({"chromosomes": {"a": "5"}})]
)
def test_a_list_of_chromosomes_that_cannot_be_used_is_refused(own_home, answer):
    with serving(lambda path, headers: answer) as server, pytest.raises(UserError, match="list of chromosomes"):
        remote(server).sequence(Locus("chr1", 0, 10))
    assert not [p for p in own_home.rglob("*") if p.is_file()]


def test_a_busy_server_is_asked_once_more():
    good, said = ucsc(RECORDS), []

    def answer(path, headers):
        said.append(path)
        return as_json({}, 503, **{"Retry-After": "0"}) if len(said) == 1 else good(path, headers)

    with serving(answer) as server:
        assert remote(server).contigs["chr2"] == 200


def test_a_slow_server_is_given_up_in_time():
    def answer(path, headers):
        time.sleep(2.0)
        return as_json({})

    with serving(answer) as server:
        begin = time.monotonic()
        with pytest.raises(UserError, match=r"did not answer within 0.2 s"):
            remote(server, timeout=0.2).canonical("chr1")
        assert time.monotonic() - begin < 1.8


def test_an_unreachable_server_is_named():
    with serving(ucsc(RECORDS)) as server:
        address = server.url
    with pytest.raises(UserError, match=r"UCSC \(127.0.0.1\) cannot be reached"):
        RemoteGenome("tiny", base_url=address, timeout=1.0).canonical("chr1")


def rs(mappings):
    return as_json({"name": "rs1", "mappings": mappings})


MAPPING = {
    "assembly_name": "GRCh37",
    "coord_system": "chromosome",
    "seq_region_name": "22",
    "start": 101,
    "end": 101,
    "strand": 1,
    "allele_string": "C/T/G",
}


def test_an_rsid_gives_place_and_alleles():
    with serving(lambda path, headers: rs([{**MAPPING, "assembly_name": "GRCh38"}, MAPPING])) as server:
        known = Ensembl("homo_sapiens", "GRCh37", server.url).variant("rs1")
        assert (known.chrom, known.start, known.ref, known.alts) == ("22", 100, "C", ("T", "G"))
        assert server.asked == ["/variation/homo_sapiens/rs1?content-type=application/json"]


def test_an_rsid_on_the_other_strand_is_turned_and_an_insertion_has_no_ref():
    turned = {**MAPPING, "strand": -1, "start": 100, "end": 101, "allele_string": "GA/G"}
    with serving(lambda path, headers: rs([turned])) as server:
        known = Ensembl("homo_sapiens", "GRCh37", server.url).variant("rs1")
        assert (known.start, known.ref, known.alts) == (99, "TC", ("C",))
    put_in = {**MAPPING, "start": 102, "end": 101, "allele_string": "-/TT"}
    with serving(lambda path, headers: rs([put_in])) as server:
        known = Ensembl("homo_sapiens", "GRCh37", server.url).variant("rs1")
        assert (known.start, known.ref, known.alts) == (101, "", ("TT",))


@pytest.mark.parametrize(
    "mappings",
    [[], None, [{**MAPPING, "assembly_name": "GRCh38"}], [{**MAPPING, "allele_string": "C"}], [{**MAPPING, "start": "x"}],
     [{**MAPPING, "allele_string": "COSMIC_MUTATION/T"}], [{**MAPPING, "end": 110}]],
)  # fmt: skip
def test_an_rsid_without_a_usable_place_is_refused(mappings):
    with serving(lambda path, headers: rs(mappings)) as server, pytest.raises(UserError, match="nowhere on GRCh37"):
        Ensembl("homo_sapiens", "GRCh37", server.url).variant("rs1")


def test_a_gene_is_looked_up_and_must_be_of_the_right_assembly():
    gene = {"display_name": "GP1BB", "id": "ENSG1", "seq_region_name": "22", "start": 11, "end": 20, "strand": -1}
    with serving(lambda path, headers: as_json({**gene, "assembly_name": "GRCh37"})) as server:
        known = Ensembl("homo_sapiens", "GRCh37", server.url).gene("gp1bb")
        assert (known.name, known.start, known.end, known.strand) == ("GP1BB", 10, 20, "-")
        with pytest.raises(UserError, match="GRCh37, not on GRCh38"):
            Ensembl("homo_sapiens", "GRCh38", server.url).gene("gp1bb")


def test_names_unknown_to_ensembl_are_said_to_be():
    with serving(lambda path, headers: as_json({"error": "rs0 not found for homo_sapiens"}, 400)) as server:
        with pytest.raises(UserError, match="does not know 'rs0'"):
            Ensembl("homo_sapiens", "GRCh37", server.url).variant("rs0")
        with pytest.raises(UserError, match="does not know"):
            Ensembl("homo_sapiens", "GRCh37", server.url).gene("../../x?y")
        assert (
            server.asked[1].startswith("/lookup/symbol/homo_sapiens/../../x?y") is True
        )  # quoted on the way, shown decoded


def test_not_found_is_a_kind_of_user_error():
    assert issubclass(NotFoundError, UserError)
