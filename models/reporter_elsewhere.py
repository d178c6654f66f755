"""Measured elements unlike the first retina round: mutants, shuffles and rewired designs on which intervals can be tested."""

from __future__ import annotations

from pathlib import Path

from models.reporter_data import Elements, read_retina

# Names of rounds in the campaign's table, and what a biologist would call their rows.
_SETS = {
    "genomic": ("1 genomic",),
    "CRX sites mutated": ("1 crx motif mutant",),
    "shape mutants": ("1 shape mutant",),
    "mutants that the first model was unsure of": ("2 entropy",),
    "heavily mutated": ("3ab",),
    "motif-rewired and randomly mutated": ("3c",),
    "shuffled": ("scrambled control",),
}


def retina_sets(data: Path) -> dict[str, Elements]:
    """Measured rows of held-out loci by what was done to them, each set read from its rounds of the campaign."""
    return {words: read_retina(data, rounds).test for words, rounds in _SETS.items()}
