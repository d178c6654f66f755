"""The sandbox: its truth, and that it is made from its seed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from genome.catalog import open_genes, open_genome
from genome.locus import Locus
from genome.sandbox import (
    ASSETS,
    ELEMENT_LENGTH,
    PAIR,
    SITE_THRESHOLD,
    activity,
    elements,
    motif_scores,
    motifs,
    occupancy,
    sites,
)
from genome.sandbox_build import KINDS, SEED, build
from genome.sequence import reverse_complement


@pytest.fixture(scope="module")
def genome():
    return open_genome("sandbox")


@pytest.fixture(scope="module")
def bases(genome):
    return {chrom: genome.sequence(Locus(chrom, 0, length)).bases for chrom, length in genome.contigs.items()}


def motif(key):
    return next(m for m in motifs() if m.key == key)


def test_the_shipped_files_are_what_the_seed_makes():
    for name, text in build(SEED).files().items():
        assert (ASSETS / name).read_bytes() == text.encode("ascii"), name


def test_another_seed_makes_another_sandbox():
    other = build(SEED + 1)
    assert other.contigs[0][1] != (ASSETS / "sandbox.fa").read_text().split(">")[1].partition("\n")[2].replace("\n", "")
    assert len(other.elements) == len(elements())


def test_the_sandbox_is_labelled_synthetic_and_opens_at_once(genome):
    assert genome.synthetic
    assert sum(genome.contigs.values()) == 300_000
    from genome.sandbox import sandbox_genome

    begin = time.process_time()
    sandbox_genome()
    assert time.process_time() - begin < 0.1


def test_it_opens_from_a_read_only_folder_without_a_home(tmp_path):
    program = "from genome.catalog import open_genome; print(open_genome('sandbox').contigs)"
    root = Path(__file__).parents[2]
    environment = {"CISLENS_HOME": str(tmp_path / "never" / "made"), "PATH": "/usr/bin:/bin"}
    before = sorted(p.name for p in ASSETS.iterdir())
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout == "{'sb1': 180000, 'sb2': 120000}\n"
    assert sorted(p.name for p in ASSETS.iterdir()) == before
    assert not (tmp_path / "never").exists()


def test_the_background_is_like_human_dna_in_composition(bases):
    text = "".join(bases.values())
    gc = (text.count("G") + text.count("C")) / len(text)
    assert 0.39 < gc < 0.45
    expected = text.count("C") * text.count("G") / len(text)
    assert 0.15 < text.count("CG") / expected < 0.4
    assert "N" not in text


def test_every_planted_site_stands_where_the_truth_says_and_is_as_strong(bases):
    for site in sites():
        if site.key.startswith("scrambled"):
            continue
        letters = bases[site.locus.chrom][site.locus.start : site.locus.end]
        matrix = motif(site.key)
        row = 0 if site.strand == "+" else 1
        assert site.matrix_id == matrix.matrix_id
        assert occupancy(letters, matrix)[row, 0] >= SITE_THRESHOLD
        assert motif_scores(letters, matrix)[row, 0] / matrix.best == pytest.approx(site.strength, abs=1e-3)


def test_no_site_stands_where_none_was_planted(bases):
    for chrom, text in bases.items():
        planted = np.zeros(len(text), dtype=bool)
        for site in sites():
            if site.locus.chrom == chrom:
                planted[site.locus.start : site.locus.end] = True
        for matrix in motifs():
            for start in np.flatnonzero(occupancy(text, matrix).max(axis=0) >= SITE_THRESHOLD):
                assert planted[start : start + matrix.length].any()


def test_both_single_factors_have_sixty_sites_half_on_each_strand_half_weak():
    for key in ("CTCF", "SPI1"):
        found = [site for site in sites() if site.key == key and site.role == "single"]
        assert len(found) == 60
        assert sum(site.strand == "+" for site in found) == 30
        weak = np.median([site.strength for site in found])
        assert 0.65 < weak < 0.95


def test_the_activity_of_every_element_is_the_oracles_answer(bases):
    assert len(elements()) == sum(number for _, number in KINDS) == 300
    for element in elements():
        assert element.locus.length == ELEMENT_LENGTH
        found = activity(bases[element.locus.chrom][element.locus.start : element.locus.end])
        assert found == pytest.approx(element.activity, abs=1e-4)


def mean(kind):
    return np.mean([element.activity for element in elements() if element.kind == kind])


def test_the_grammar_holds():
    halves = mean("half a pair: POU5F1::SOX2") + mean("half a pair: NR5A2")
    assert mean("cooperative pair") > halves + 0.9 * PAIR.weight
    assert mean("pair at a wrong spacing") == pytest.approx(halves, abs=0.1)
    assert mean("independent pair") == pytest.approx(mean("independent: HNF4A") + mean("independent: CEBPB"), abs=0.1)
    assert mean("decoy: scrambled CTCF") < 0.05
    assert mean("nothing") < 0.05


def test_the_spacing_rule_is_followed_by_the_oracle():
    def strongest(key):
        return "".join("ACGT"[i] for i in motif(key).counts.argmax(axis=0))

    def paired(gap):
        return "A" * 40 + strongest(PAIR.first) + "A" * gap + strongest(PAIR.second) + "A" * 40

    allowed = [gap for gap in range(1, 25) if activity(paired(gap)) > PAIR.weight]
    assert allowed == list(range(PAIR.shortest, PAIR.longest + 1))
    swapped = "A" * 40 + strongest(PAIR.second) + "A" * 6 + strongest(PAIR.first) + "A" * 40
    assert activity(swapped) < 1.0


def test_the_oracle_reads_both_strands_alike(bases):
    for element in elements()[::10]:
        text = bases[element.locus.chrom][element.locus.start : element.locus.end]
        assert activity(reverse_complement(text)) == pytest.approx(activity(text), abs=1e-6)


def test_the_correlate_goes_with_activity_and_does_not_cause_it(bases):
    with_it = {site.element for site in sites() if site.role == "correlate"}
    values = {element.name: element.activity for element in elements()}
    assert np.mean([values[name] for name in with_it]) > 2 * np.mean([v for n, v in values.items() if n not in with_it])
    for site in [site for site in sites() if site.role == "correlate"][:20]:
        element = next(element for element in elements() if element.name == site.element)
        text = bases[site.locus.chrom][element.locus.start : element.locus.end]
        at = site.locus.start - element.locus.start
        without = text[:at] + "N" * site.locus.length + text[at + site.locus.length :]
        assert activity(without) == pytest.approx(activity(text), abs=0.05)


def test_breaking_a_single_site_silences_its_element(bases):
    for site in [site for site in sites() if site.role == "single"][::7]:
        element = next(element for element in elements() if element.name == site.element)
        text = bases[site.locus.chrom][element.locus.start : element.locus.end]
        at = site.locus.start - element.locus.start
        assert activity(text[:at] + "N" * site.locus.length + text[at + site.locus.length :]) < 0.15


def test_short_and_unknown_bases_have_no_activity():
    assert activity("ACGT") == 0.0
    assert activity("N" * 200) == 0.0


def test_made_up_genes_are_found_by_name(genome):
    genes = open_genes("sandbox")
    assert len(genes) == 50
    assert genes.find("sbx3").locus.chrom in genome.contigs
