"""Predicted against measured effects of every change in six reporter elements, beside the ceilings: one table.

Saturation mutagenesis of Kircher et al. 2019 (Nature Communications 10:3583), substitutions and deletions of one base. The
rules were fixed before the table was read: changes with at least 10 barcodes, matched by allele as on the page
(interpret/measured_match); the reference bases are those the table states; windows stay inside the measured element and start
at five offsets around the change (a quarter window either way), both alleles at the same base, the effect is their mean; the
head is the one whose cell type is nearest to the element's, named below, else the model's first. Every other head is listed
as well. Intervals are 95 %, over resampled positions.

sandbox-profile is not asked: it learned simulated reads of an artificial genome, and its window is longer than the elements.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genome.locus import Locus
from genome.sequence import one_hot
from genome.source import MemoryGenome
from interpret.effects import explained
from interpret.measured import FEWEST_BARCODES, MeasuredTable, parse_measured
from interpret.measured_beside import Correlation, correlate
from interpret.measured_match import match
from models import registry
from models.core import ModelSpec
from models.engine import Engine, Runner
from models.metrics import Interval, rounded, spearman
from models.predict import Components, by_member

RESULTS = Path(__file__).with_suffix(".json")
FILE_BESIDE = "saturation.json"  # beside each model, for the Models screen
PLACEMENTS = 5
RELEASE = "GRCh38"
FILE = "satmut/saturation_mutagenesis.tsv.gz"
OUTSIDE = "mpra-dragonn"
MODELS = (OUTSIDE, "lentimpra", "simple-lentimpra", "tf-binding", "simple", "retina", "simple-retina")
# Element -> what it is, the cells it was measured in, and the word by which the nearest head is found in a track's biosample.
ELEMENTS = {
    "GP1BA": ("GP1BB promoter", "HEL 92.1.7 (blood)", "K562"),
    "LDLR": ("LDLR promoter", "HepG2", "HepG2"),
    "LDLR.2": ("LDLR promoter, second experiment", "HepG2", "HepG2"),
    "HNF4A": ("HNF4A promoter", "HEK293T", "HepG2"),
    "PKLR-24h": ("PKLR promoter, 24 h", "K562", "K562"),
    "PKLR-48h": ("PKLR promoter, 48 h", "K562", "K562"),
}
REPLICATES = (("LDLR", "LDLR.2"), ("PKLR-24h", "PKLR-48h"))
# What each model may have seen of these elements in training; none has seen a measured change.
SEEN = {
    OUTSIDE: "not known here: its rows (Sharpr-MPRA, K562 and HepG2) may hold these promoters",
    "lentimpra": "rows that share 31 bp with an element were left out; it learned from MPRA-DragoNN first",
    "simple-lentimpra": "rows that share 31 bp with an element were left out",
    "tf-binding": "peaks of chr1 and chr19 (PKLR, LDLR) were trained on; chr20 and chr22 (HNF4A, GP1BB) were held out",
    "simple": "peaks of chr1 and chr19 (PKLR, LDLR) were trained on; chr20 and chr22 (HNF4A, GP1BB) were held out",
    "retina": "mouse DNA only",
    "simple-retina": "mouse DNA only",
}
Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Element:
    """One mutated element.

    Attributes:
        name: as in the table.
        bases: its reference bases, N where the table states none.
        changes: (offset, ref, alt) of each allele, left-normalised; alt is empty for a deletion.
        measured: float64 (changes,), log2 effect.
        rows: of the table.
        left_out: how many of them have no allele of their own, by reason.
    """

    name: str
    bases: str
    changes: tuple[tuple[int, str, str], ...]
    measured: npt.NDArray[np.float64]
    rows: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def deletions(self) -> npt.NDArray[np.bool_]:
        """bool (changes,)."""
        return np.array([not alt for _, _, alt in self.changes], bool)


def read_elements(path: Path) -> tuple[Element, ...]:
    """The elements of the table, with their well-measured alleles."""
    table = parse_measured(path.name, path.read_bytes())
    return tuple(_element(table, name) for name in ELEMENTS)


def _element(table: MeasuredTable, name: str) -> Element:
    """One element, its positions counted from its own first base."""
    mine = [row for row in table.rows if row.element == name and row.release == RELEASE]
    stated = {row.position: row.ref for row in mine}
    first, last = min(stated), max(stated)
    bases = "".join(stated.get(place, "N") for place in range(first, last + 1))
    own = MeasuredTable(name, tuple(replace(row, chrom=name, position=row.position - first + 1) for row in mine))
    genome = MemoryGenome(name, {name: bases}, build=RELEASE)
    found = match(own, genome, Locus(name, 0, len(bases)), RELEASE)
    changes = tuple((one.variant.start, one.variant.ref, one.variant.alt) for one in found.matches)
    return Element(name, bases, changes, np.array([one.row.value for one in found.matches]), len(mine), found.left_out)


def starts(offset: int, window: int, length: int) -> list[int]:
    """First bases of the windows around a change, kept inside the element (or centred on it where it is shorter)."""
    if length <= window:
        return [(length - window) // 2]
    wanted = [offset - window // 2 + int(step) for step in np.linspace(-(window // 4), window // 4, PLACEMENTS).round()]
    return sorted({min(max(start, 0), length - window) for start in wanted})


def effects(run: Runner, spec: ModelSpec, elements: tuple[Element, ...]) -> tuple[Float, ...]:
    """float32 (changes, tracks) for each element: mean over the windows of (changed - unchanged); equal windows read once."""
    alleles: dict[str, int] = {}
    plans = []
    for element in elements:
        plans.append([])
        for offset, ref, alt in element.changes:
            changed = element.bases[:offset] + alt + element.bases[offset + len(ref) :]
            windows = [
                (_window(element.bases, start, spec.input_length), _window(changed, start, spec.input_length))
                for start in starts(offset, spec.input_length, min(len(changed), len(element.bases)))
            ]
            plans[-1].append([tuple(alleles.setdefault(text, len(alleles)) for text in pair) for pair in windows])
    values = _answers(run, spec, alleles)
    return tuple(
        np.stack([np.mean([values[alt] - values[ref] for ref, alt in pairs], axis=0) for pairs in plan])
        for plan in plans
    )


def _window(bases: str, start: int, length: int) -> str:
    padded = "N" * max(0, -start) + bases[max(0, start) : start + length]
    return padded.ljust(length, "N")[:length]


def _answers(run: Runner, spec: ModelSpec, texts: Iterable[str]) -> Float:
    """float32 (windows, tracks), the mean over members and strands."""
    components = run(Components(), (np.stack([one_hot(text) for text in texts]),), None)[0]
    return by_member(explained(components, spec), spec).mean(axis=1)


def ceilings(elements: tuple[Element, ...]) -> dict[str, float]:
    """Spearman between two experiments on the same element, over the substitutions that both measured."""
    by_name = {element.name: dict(zip(element.changes, element.measured, strict=True)) for element in elements}
    found = {}
    for one, other in REPLICATES:
        shared = sorted(change for change in by_name[one].keys() & by_name[other].keys() if change[2])
        first, second = (np.array([by_name[name][change] for change in shared]) for name in (one, other))
        found[one] = found[other] = round(spearman(first, second), 3)
    return found


def measure(names: list[str], path: Path) -> dict[str, Any]:
    """Spearman of every model, head and element."""
    elements = read_elements(path)
    engine = Engine(registry.load)
    limits = ceilings(elements)
    table: dict[str, Any] = {}
    for element in elements:
        words, cells, _ = ELEMENTS[element.name]
        table[element.name] = {
            "element": words,
            "measured_in": cells,
            "rows": element.rows,
            "substitutions": int((~element.deletions).sum()),
            "deletions": int(element.deletions.sum()),
            "left_out": list(element.left_out),
            "replicate_ceiling": limits.get(element.name),
            "models": {},
        }
    for name in names:
        spec = registry.spec(name)
        for element, predicted in zip(elements, effects(engine.runner(spec.model_id), spec, elements), strict=True):
            table[element.name]["models"][name] = _agreement(spec, element, predicted)
    return {
        "rule": f"{PLACEMENTS} windows around the change inside the element; changes with {FEWEST_BARCODES} barcodes or more",
        "models": {name: registry.spec(name).model_id for name in names},
        "seen_in_training": {name: SEEN.get(name, "not known here") for name in names},
        "elements": table,
    }


def _agreement(spec: ModelSpec, element: Element, predicted: Float) -> dict[str, Any]:
    """Spearman and Pearson of the nearest head with intervals, and Spearman of every head."""
    head = _head(spec, ELEMENTS[element.name][2])
    places = np.array([offset for offset, _, _ in element.changes], np.int64)
    chosen = predicted[:, spec.track_index(head)].astype(np.float64)
    substitutions = ~element.deletions
    found: dict[str, Any] = {"head": head}
    for kind, rows in (("substitutions", substitutions), ("deletions", element.deletions)):
        one = correlate(chosen[rows], element.measured[rows], places[rows], kind)
        found[kind] = _figures(one)
    found["all"] = {
        track.name: round(spearman(predicted[substitutions, index], element.measured[substitutions]), 3)
        for index, track in enumerate(spec.tracks)
    }
    return found


def _figures(one: Correlation) -> dict[str, Any]:
    values: dict[str, Interval | None] = {"spearman": one.spearman, "pearson": one.pearson}
    return {"n": one.n} | {name: None if value is None else rounded(value) for name, value in values.items()}


def _head(spec: ModelSpec, nearest: str) -> str:
    """The track of the nearest cells: pooled replicates and the minimal promoter first; else the model's first."""
    preferred = sorted(spec.tracks, key=lambda t: ("both replicates" not in t.name, "minP" not in t.name))
    return next((track.name for track in preferred if nearest in track.biosample), spec.tracks[0].name)


def markdown(found: dict[str, Any]) -> str:
    """The table: a line for the substitutions and one for the deletions of each element, a column for each model."""
    names = list(found["models"])
    lines = [
        f"| element (cells) | changes | n | two experiments agree | {' | '.join(names)} |",
        f"| --- | --- | --- | --- | {' | '.join('---' for _ in names)} |",
    ]
    for element in found["elements"].values():
        for kind in ("substitutions", "deletions"):
            limit = element["replicate_ceiling"] if kind == "substitutions" else None
            cells = [_cell(element["models"][name][kind]["spearman"]) for name in names]
            first = (f"{element['element']} ({element['measured_in']})", kind, str(element[kind]))
            lines.append(f"| {' | '.join((*first, '' if limit is None else f'{limit:.3g}', *cells))} |")
    return "\n".join(lines)


def _cell(value: dict[str, float] | None) -> str:
    return "" if value is None else f"{value['value']:.2f} ({value['low']:.2f} to {value['high']:.2f})"


def beside(found: dict[str, Any], name: str) -> dict[str, Any]:
    """What is written beside a model: its own scores, and those of the models that it is to be compared with."""
    simple = f"simple-{name}" if f"simple-{name}" in found["models"] else "simple" if name == "tf-binding" else None
    shown = [one for one in (name, simple, OUTSIDE) if one in found["models"]]
    scores = [
        {"name": one, "element": element["element"], "measured_in": element["measured_in"], "column": own["head"]}
        | {
            f"spearman_{kind}": own[kind]["spearman"]
            for kind in ("substitutions", "deletions")
            if own[kind]["spearman"]
        }
        | ({"two_experiments_agree": f"{element['replicate_ceiling']:.3g}"} if element["replicate_ceiling"] else {})
        for element in found["elements"].values()
        for one in dict.fromkeys(shown)
        for own in (element["models"][one],)
    ]
    seen = "; ".join(f"{one}: {found['seen_in_training'][one]}" for one in dict.fromkeys(shown))
    return {
        "model": name,
        "model_id": found["models"][name],
        "rule": found["rule"],
        "note": f"What may have been seen of these elements in training: {seen}.",
        "scores": scores,
    }


def main() -> None:
    """Measures, prints a table, and writes saturation.json, here and beside each released model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    asked = parser.parse_args()
    data = os.environ.get("CISLENS_DATA")
    if not data:
        parser.error("set CISLENS_DATA to the folder of measured data")
    found = measure(asked.models, Path(data) / FILE)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name in asked.models:
        if (registry.RELEASED / name).is_dir():
            text = json.dumps(beside(found, name), indent=1) + "\n"
            (registry.RELEASED / name / FILE_BESIDE).write_text(text, encoding="utf-8")
    print(markdown(found))
    for element in found["elements"].values():
        matched = element["substitutions"] + element["deletions"]
        print(f"{element['element']}: {matched:,} of {element['rows']:,} rows; {'; '.join(element['left_out'])}")


if __name__ == "__main__":
    main()
