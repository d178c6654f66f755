"""An order sheet checked from its specification alone: plain string code that shares nothing with the product.

Reads the TSV, the FASTA, the JSON manifest and the chromosomes as text, and lists everything that is wrong.

The specification: an oligo is left adaptor + element + middle + barcode + right adaptor. No site and no whole adaptor, read on
either strand, shares a base with an element or a barcode. A barcode keeps the bounds on GC; no run of one base that touches it is
longer than the bound; no word of eight letters of an adaptor, on either strand, touches it; any two barcodes of the library differ in
at least three places. Each element has the same number of barcodes and the same length, and no two have the same bases. The bases of
an element are those of the genome from its first position on, with its edits, cut to its length.
"""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

PAIRS = {"A": "T", "C": "G", "G": "C", "T": "A", "R": "Y", "Y": "R", "S": "S", "W": "W", "K": "M", "M": "K",
         "B": "V", "V": "B", "D": "H", "H": "D", "N": "N"}  # fmt: skip
MEANS = {"A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
         "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"}  # fmt: skip
SITES = {  # as the enzymes' suppliers print them
    "EcoRI": "GAATTC", "KpnI": "GGTACC", "XbaI": "TCTAGA", "SfiI": "GGCCNNNNNGGCC", "SpeI": "ACTAGT", "SphI": "GCATGC",
    "NotI": "GCGGCCGC", "BsmBI": "CGTCTC", "AgeI": "ACCGGT", "SbfI": "CCTGCAGG", "BsaI": "GGTCTC",
}  # fmt: skip


NEED_ANOTHER = ("alternative allele", "substitution", "deletion", "motif kill, fewest changes", "motif kill, shuffle")


def other_strand(bases: str) -> str:
    """The complement, read backwards."""
    return "".join(PAIRS[letter] for letter in reversed(bases))


def places_of(word: str, text: str) -> list[int]:
    """Every place where a word of IUPAC letters stands in a text, on the strand given; overlapping ones too."""
    plain = max(word.split("N"), key=len) if set(word) <= set("ACGTN") else ""
    if not plain:
        return [i for i in range(len(text) - len(word) + 1) if all(text[i + j] in MEANS[w] for j, w in enumerate(word))]
    offset, found, at = word.index(plain), [], text.find(plain)
    while at >= 0:
        start = at - offset
        if 0 <= start <= len(text) - len(word) and all(text[start + j] in MEANS[w] for j, w in enumerate(word)):
            found.append(start)
        at = text.find(plain, at + 1)
    return found


def touches(word: str, text: str, start: int, end: int) -> bool:
    """Whether a word on either strand shares a base with a stretch."""
    return any(
        at < end and at + len(word) > start for strand in {word, other_strand(word)} for at in places_of(strand, text)
    )


def too_near(barcodes: list[str]) -> list[tuple[str, str]]:
    """Pairs at distance two or less: cut in three parts, such a pair is equal in one of them (pigeonholes), then counted out."""
    found = []
    length = len(barcodes[0])
    cuts = [0, length // 3, 2 * length // 3, length]
    for first, last in pairwise(cuts):
        holes: dict[str, list[str]] = {}
        for barcode in barcodes:
            holes.setdefault(barcode[first:last], []).append(barcode)
        for hole in holes.values():
            for i, one in enumerate(hole):
                for other in hole[i + 1 :]:
                    different = 0
                    for a, b in zip(one, other, strict=True):
                        if a != b:
                            different += 1
                            if different == 3:
                                break
                    if different < 3:
                        found.append((one, other))
    return found


def place(text: str) -> tuple[str, int, int]:
    """Chromosome, first and last base (1-based inclusive) of ``sb1:58,351-58,510``."""
    chrom, _, ends = text.rpartition(":")
    first, _, last = ends.replace(",", "").partition("-")
    return chrom, int(first), int(last or first)


def with_edits(chromosome: str, locus: str, edits: str) -> str:
    """The bases of a place with edits: walked base by base along the chromosome, cut to the length of the place."""
    chrom, first, last = place(locus)
    length, changes = last - first + 1, {}
    for edit in edits.split("; ") if edits else []:
        where, _, alleles = edit.rpartition(" ")
        ref, _, alt = alleles.partition(">")
        at = int(where.rpartition(":")[2].replace(",", ""))
        ref, alt = ref.replace("-", ""), alt.replace("-", "")
        assert where.rpartition(":")[0] == chrom
        assert chromosome[at - 1 : at - 1 + len(ref)] == ref, f"REF of {edit}"
        changes[at] = (len(ref), alt)
    made, at = "", first
    while len(made) < length:
        if at in changes:
            gone, put = changes[at]
            made += put
            if not gone:
                made += chromosome[at - 1]
            at += max(gone, 1)
        else:
            made += chromosome[at - 1]
            at += 1
    return made[:length]


def problems(tsv: str, fasta: str, manifest: str, genome: dict[str, str]) -> list[str]:
    """Everything that is wrong with an order."""
    record = json.loads(manifest)
    rows = list(csv.DictReader(io.StringIO(tsv), delimiter="\t"))
    wrong = [] if rows else ["the sheet is empty"]
    names = [row["oligo_name"] for row in rows]
    if len(set(names)) != len(names) or len({row["oligo"] for row in rows}) != len(rows):
        wrong.append("names or oligos repeat")
    if fasta != "".join(f">{row['oligo_name']}\n{row['oligo']}\n" for row in rows):
        wrong.append("FASTA and TSV differ")
    wrong += _elements(rows, record, genome)
    wrong += _oligos(rows, record)
    wrong += _arms(rows, record)
    return wrong


def _elements(rows, record, genome) -> list[str]:
    wrong, elements = [], {}
    for row in rows:
        elements.setdefault(row["element"], []).append(row)
    bases = [mine[0]["element_bases"] for mine in elements.values()]
    if len(set(bases)) != len(bases):
        wrong.append("two elements have the same bases")
    if len({len(one) for one in bases}) != 1:
        wrong.append("elements differ in length")
    if record["assay"] == "MPRA" and len(bases[0]) != record["plan"]["length"]:
        wrong.append("elements have another length than was asked for")
    for name, mine in elements.items():
        row = mine[0]
        if any(one["element_bases"] != row["element_bases"] or one["link"] != row["link"] for one in mine):
            wrong.append(f"{name} is not one element")
        if row["locus"]:
            wrong += [f"{name}: {problem}" for problem in _from_genome(row, genome)]
        elif row["edits"]:
            wrong.append(f"{name} has edits and no place")
    return wrong


def _from_genome(row, genome) -> list[str]:
    chrom, first, last = place(row["locus"])
    if first < 1 or last > len(genome[chrom]):
        return ["hangs off the chromosome"]
    query = {key: values[0] for key, values in parse_qs(urlsplit(row["link"]).query).items()}
    if not row["pam"]:
        wrong = (
            []
            if row["element_bases"] == with_edits(genome[chrom], row["locus"], row["edits"])
            else ["other bases than the genome's"]
        )
        if query["locus"] != f"{chrom}:{first}-{last}":
            wrong.append("its link opens another place")
        linked = [edit.split(".") for edit in query["edits"].split(",")] if "edits" in query else []
        told = [f"{chrom}:{int(at):,} {ref}>{alt}" for at, ref, alt in linked]
        return (
            wrong
            if told == (row["edits"].split("; ") if row["edits"] else [])
            else [*wrong, "its link has other edits"]
        )
    around = genome[chrom]
    if row["strand"] == "+":
        guide, pam = around[first - 1 : last], around[last : last + 3]
    else:
        guide, pam = other_strand(around[first - 1 : last]), other_strand(around[first - 4 : first - 1])
    right = len(guide) == 20 and guide == row["element_bases"] and pam == row["pam"] and pam.endswith("GG")
    return [] if right and row["off_target"] == "not searched" else ["no guide beside an NGG there"]


def _oligos(rows, record) -> list[str]:
    layout, wrong = record["plan"]["layout"], []
    left, middle, right = layout["left"], layout["middle"], layout["right"]
    words = [SITES.get(site, site) for site in layout["sites"]] + [word for word in (left, right) if word]
    eights = {s[i : i + 8] for word in (left, right) for s in (word, other_strand(word)) for i in range(len(s) - 7)}
    barcodes = []
    for row in rows:
        oligo, element, barcode, name = row["oligo"], row["element_bases"], row["barcode"], row["oligo_name"]
        if oligo != left + element + middle + barcode + right or int(row["oligo_length"]) != len(oligo):
            wrong.append(f"{name} is not put together as it says")
        if len(oligo) > layout["longest_oligo"] or set(oligo) - set("ACGT"):
            wrong.append(f"{name} cannot be synthesised")
        start = len(left)
        spans = [(start, start + len(element))]
        if barcode:
            begin = start + len(element) + len(middle)
            spans.append((begin, begin + len(barcode)))
            barcodes.append(barcode)
            wrong += [f"{name}: {problem}" for problem in _barcode(oligo, *spans[1], layout, eights)]
        wrong += [f"{name} holds {word}" for word in words for span in spans if touches(word, oligo, *span)]
    if barcodes:
        wrong += [f"{one} and {other} are too near" for one, other in too_near(barcodes)]
    return wrong


def _barcode(oligo, start, end, layout, eights) -> list[str]:
    barcode, wrong = oligo[start:end], []
    if len(barcode) != layout["barcode_length"]:
        wrong.append("a barcode of another length")
    share = sum(letter in "GC" for letter in barcode) / len(barcode)
    if not layout["gc_low"] - 1e-9 <= share <= layout["gc_high"] + 1e-9:
        wrong.append(f"GC of {share}")
    at = 0
    while at < len(oligo):
        stop = at
        while stop < len(oligo) and oligo[stop] == oligo[at]:
            stop += 1
        if stop - at > layout["longest_run"] and at < end and stop > start:
            # Only what a barcode adds to: the part of the run beside it counts with it.
            wrong.append(f"a run of {stop - at}")
        at = stop
    if any(oligo[at : at + 8] in eights for at in range(max(0, start - 7), min(end, len(oligo) - 7))):
        wrong.append("eight letters of an adaptor")
    return wrong


def _arms(rows, record) -> list[str]:
    wrong, per_element, kinds, arms = [], {}, {}, {}
    for row in rows:
        per_element[row["element"]] = per_element.get(row["element"], 0) + 1
        kinds[row["element"]], arms[row["element"]] = row["kind"], row["arm"]
    plan = record["plan"]
    each = plan["barcodes"] if record["assay"] == "MPRA" and plan["layout"]["barcode_length"] else 1
    wrong += [f"{name} has {count} oligos" for name, count in per_element.items() if count != each]
    counted = {}
    for name, arm in arms.items():
        counted.setdefault(arm, []).append(name)
    told = {arm: (len(mine), sum(per_element[name] for name in mine)) for arm, mine in counted.items()}
    if told != {arm: (one["elements"], one["oligos"]) for arm, one in record["arms"].items()}:
        wrong.append("the manifest counts otherwise")
    if "acquired" in counted and "random" in counted and len(counted["acquired"]) != len(counted["random"]):
        wrong.append("acquired and random are uneven")
    if set(counted) - set(plan["arms"]):
        wrong.append("an arm that nobody asked for")
    costs = plan["costs"]
    total = len(rows) * costs["per_oligo"] + plan["replicates"] * costs["per_replicate"]
    if total == 0 and record["cost"] is not None:
        wrong.append("a cost is stated though nobody named prices")
    if total and (abs(total - record["cost"]["total"]) > 0.01 or (costs["budget"] and total > costs["budget"])):
        wrong.append("the costs are wrong, or over the budget")
    beside = {row["element"]: row["compared_with"] for row in rows}
    wrong += [
        f"{name} is compared with nothing"
        for name, kind in kinds.items()
        if kind in NEED_ANOTHER and beside[name] not in beside
    ]
    return wrong
