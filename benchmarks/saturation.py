"""Predicted against measured effects of every substitution in six reporter elements: Spearman beside the replicate ceiling.

Saturation mutagenesis of Kircher et al. 2019 (Nature Communications 10:3583). The rules were fixed before the table was read:
substitutions with at least 10 barcodes; the reference bases are those the table states, windows stay inside the measured
element and start at five offsets around the change (a quarter window either way), the effect is their mean; the head is the
one whose cell type is nearest to the element's, named below. Every other head is listed as well.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genome.sequence import one_hot
from interpret.effects import explained
from models import registry
from models.core import ModelSpec
from models.engine import Engine, Runner
from models.metrics import spearman
from models.predict import Components, by_member

RESULTS = Path(__file__).with_suffix(".json")
FEWEST_BARCODES = 10
PLACEMENTS = 5
RELEASE = "GRCh38"
FILE = "satmut/saturation_mutagenesis.tsv.gz"
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
Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Element:
    """One mutated element.

    Attributes:
        name: as in the table.
        bases: its reference bases, N where the table states none.
        changes: (offset, alternative base) of each substitution.
        measured: float64 (changes,), log2 effect.
    """

    name: str
    bases: str
    changes: tuple[tuple[int, str], ...]
    measured: npt.NDArray[np.float64]


def read_elements(path: Path) -> tuple[Element, ...]:
    """The elements of the table, with their well-measured substitutions."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle, delimiter="\t") if row["Release"] == RELEASE]
    found = []
    for name in ELEMENTS:
        mine = [row for row in rows if row["Element"] == name]
        stated = {int(row["Pos"]): row["Ref"] for row in mine}
        first, last = min(stated), max(stated)
        kept = [row for row in mine if row["Alt"] in set("ACGT") and int(row["Barcodes"]) >= FEWEST_BARCODES]
        found.append(
            Element(
                name,
                "".join(stated.get(place, "N") for place in range(first, last + 1)),
                tuple((int(row["Pos"]) - first, row["Alt"]) for row in kept),
                np.array([float(row["Coefficient"]) for row in kept]),
            )
        )
    return tuple(found)


def starts(offset: int, window: int, length: int) -> list[int]:
    """First bases of the windows around a change, kept inside the element (or centred on it where it is shorter)."""
    if length <= window:
        return [(length - window) // 2]
    wanted = [offset - window // 2 + int(step) for step in np.linspace(-(window // 4), window // 4, PLACEMENTS).round()]
    return sorted({min(max(start, 0), length - window) for start in wanted})


def effects(run: Runner, spec: ModelSpec, element: Element) -> Float:
    """float32 (changes, tracks): mean over the windows of (changed - unchanged)."""
    alleles: dict[str, int] = {}
    plans = []
    for offset, base in element.changes:
        changed = element.bases[:offset] + base + element.bases[offset + 1 :]
        windows = [
            (_window(element.bases, start, spec.input_length), _window(changed, start, spec.input_length))
            for start in starts(offset, spec.input_length, len(element.bases))
        ]
        plans.append([tuple(alleles.setdefault(text, len(alleles)) for text in pair) for pair in windows])
    values = _answers(run, spec, alleles)
    return np.stack([np.mean([values[alt] - values[ref] for ref, alt in plan], axis=0) for plan in plans])


def _window(bases: str, start: int, length: int) -> str:
    padded = "N" * max(0, -start) + bases[max(0, start) : start + length]
    return padded.ljust(length, "N")


def _answers(run: Runner, spec: ModelSpec, texts: Iterable[str]) -> Float:
    """float32 (windows, tracks), the mean over members and strands."""
    components = run(Components(), (np.stack([one_hot(text) for text in texts]),), None)[0]
    return by_member(explained(components, spec), spec).mean(axis=1)


def ceilings(elements: tuple[Element, ...]) -> dict[str, float]:
    """Spearman between two experiments on the same element, over the substitutions that both measured."""
    by_name = {element.name: dict(zip(element.changes, element.measured, strict=True)) for element in elements}
    found = {}
    for one, other in REPLICATES:
        shared = sorted(by_name[one].keys() & by_name[other].keys())
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
        words, cells, nearest = ELEMENTS[element.name]
        table[element.name] = {
            "element": words,
            "measured_in": cells,
            "substitutions": len(element.changes),
            "replicate_ceiling": limits.get(element.name),
            "models": {},
        }
        for name in names:
            spec = registry.spec(name)
            predicted = effects(engine.runner(spec.model_id), spec, element)
            by_track = {
                track.name: round(spearman(predicted[:, index], element.measured), 3)
                for index, track in enumerate(spec.tracks)
            }
            primary = next(track.name for track in _preferred(spec) if nearest in track.biosample)
            table[element.name]["models"][name] = {"head": primary, "spearman": by_track[primary], "all": by_track}
    return {
        "rule": f"{PLACEMENTS} windows around the change inside the element; substitutions with {FEWEST_BARCODES} barcodes or more",
        "models": {name: registry.spec(name).model_id for name in names},
        "elements": table,
    }


def _preferred(spec: ModelSpec) -> list[Any]:
    """Tracks in the order in which a head is looked for: pooled replicates and the minimal promoter first."""
    return sorted(spec.tracks, key=lambda t: ("both replicates" not in t.name, "minP" not in t.name))


def main() -> None:
    """Measures, prints and writes saturation.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["mpra-dragonn", "lentimpra", "simple-lentimpra"])
    asked = parser.parse_args()
    data = os.environ.get("CISLENS_DATA")
    if not data:
        parser.error("set CISLENS_DATA to the folder of measured data")
    text = json.dumps(measure(asked.models, Path(data) / FILE), indent=1)
    print(text)
    RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
