"""What goes to the supplier and into the notebook: the order sheet as TSV and FASTA, a JSON manifest, a methods paragraph."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from experiment.barcodes import MIN_DISTANCE
from experiment.design import Design, Element
from experiment.design_layout import ADAPTOR_WORD, site_letters
from experiment.guides import NOT_SEARCHED

VERSION = 1
COLUMNS = (
    "oligo_name", "oligo", "oligo_length", "element", "arm", "kind", "element_bases", "barcode", "locus", "edits", "strand",
    "pam", "compared_with", "hypothesis", "score", "link",
)  # fmt: skip
USE = "For research use only; not for diagnosis or treatment."


def oligos(design: Design) -> Iterator[tuple[str, str, Element, str]]:
    """Name, bases, element and barcode of every oligo, in the order of the sheet."""
    layout = design.plan.layout
    for element in design.elements:
        if not element.barcodes:
            yield element.name, layout.oligo(element.bases), element, ""
        for number, barcode in enumerate(element.barcodes, start=1):
            yield f"{element.name}.b{number:02d}", layout.oligo(element.bases, barcode), element, barcode


def tsv(design: Design) -> str:
    """One row for each oligo. ``locus`` is 1-based inclusive; ``score`` is what picks were ranked by; ``off_target`` says that nothing was searched, for guides."""
    guides = design.assay == "CRISPRi"
    written = io.StringIO()
    writer = csv.writer(written, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow([*COLUMNS, *(("off_target",) if guides else ())])
    for name, bases, element, barcode in oligos(design):
        row = [name, bases, str(len(bases)), element.name, element.arm, element.kind, element.bases, barcode]
        row += [element.locus, element.edits, element.strand, element.pam]
        score = "" if element.score is None else f"{element.score:.6g}"
        row += [element.beside, element.hypothesis, score, element.link]
        writer.writerow([_plain(cell) for cell in row] + (["not searched"] if guides else []))
    return written.getvalue()


def fasta(design: Design) -> str:
    """Every oligo with its name."""
    return "".join(f">{name}\n{bases}\n" for name, bases, _, _ in oligos(design))


def manifest(design: Design) -> str:
    """The whole design as JSON, with digests of the other two files and everything needed to make it again."""
    costs = design.plan.costs
    record: dict[str, Any] = {
        "manifest": VERSION,
        "software": f"cislens {version('cislens')}",
        "use": USE,
        "oligos": design.n_oligos,
        "arms": {arm: {"elements": count, "oligos": n} for arm, (count, n) in design.by_arm().items()},
        "cost": {"total": round(design.total, 2), "currency": costs.currency} if costs.known else None,
        "sites": {site: site_letters(site) for site in design.plan.layout.sites},
        "off_targets": NOT_SEARCHED if design.assay == "CRISPRi" else "",
        "sha256": {
            "tsv": hashlib.sha256(tsv(design).encode()).hexdigest(),
            "fasta": hashlib.sha256(fasta(design).encode()).hexdigest(),
        },
    }
    return json.dumps(record | design.to_json(), indent=1, allow_nan=False) + "\n"


def methods(design: Design) -> str:
    """A paragraph for the methods section: what was ordered, how it was chosen, and by which rules."""
    plan, layout = design.plan, design.plan.layout
    arms = ", ".join(f"{count:,} {arm}" for arm, (count, _) in design.by_arm().items())
    said = [
        f"The library {design.name} was designed with cislens {version('cislens')} for {design.assay} on {design.genome} with the model "
        f"{design.model_id} (track {design.track}; mean over members and strands; seed {plan.seed}). "
        f"It has {len(design.elements):,} elements ({arms}) and {design.n_oligos:,} oligos."
    ]
    said += list(design.notes)
    length = len(design.elements[0].bases) if design.elements else 0
    oligo = f"{layout.left or '-'} + {'guide' if plan.assay == 'CRISPRi' else 'element'} of {length} bp"
    if layout.middle:
        oligo += f" + {layout.middle}"
    if layout.barcode_length and plan.assay == "MPRA":
        oligo += f" + barcode of {layout.barcode_length} bp"
    said.append(f"Oligos read 5' to 3' as {oligo} + {layout.right or '-'}.")
    if layout.barcode_length and plan.assay == "MPRA":
        said.append(
            f"Each element has {plan.barcodes} barcodes with {layout.gc_low:.0%} to {layout.gc_high:.0%} GC and runs of one base of at most "
            f"{layout.longest_run}; any two differ in at least {MIN_DISTANCE} bases, and none shares {ADAPTOR_WORD} letters with an "
            "adaptor on either strand."
        )
    if layout.sites:
        sites = ", ".join(
            site if site == site_letters(site) else f"{site} ({site_letters(site)})" for site in layout.sites
        )
        said.append(
            f"No element and no barcode, junctions included, is touched on either strand by {sites} or a whole adaptor."
        )
    if design.assay == "CRISPRi":
        said.append(f"Guides are 20 bases beside an NGG on either strand. {NOT_SEARCHED}")
    if design.left_out:
        said.append(
            f"Left out of what was asked for: {len(design.left_out):,}; the manifest lists each with its reason."
        )
    said.append(f"The library is to be measured in {plan.replicates} replicates. {USE}")
    return " ".join(said) + "\n"


def _plain(cell: str) -> str:
    """A cell without tabs and line breaks, which no spreadsheet takes for a formula."""
    line = " ".join(cell.split())
    return f"'{line}" if line[:1] in ("=", "@") else line
