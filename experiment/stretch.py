"""The stretch of DNA that a job was started on, written as texts and numbers and read back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from experiment.job_files import Parameters
from genome.locus import Locus, Variant
from genome.sequence import Sequence, edited
from models.core import Target

_EDIT = re.compile(r"(\d{1,12})\.([ACGTN]*)\.([ACGTN]*)")


@dataclass(frozen=True)
class Stretch:
    """A locus with its edits, and the reference bases around it.

    Attributes:
        model: model_id.
        locus: the stretch asked for, 0-based half-open.
        region: the part of it that is worked on, 0-based half-open.
        sequence: bases with the edits applied, windows beyond the locus on both sides included.
        target: the scalar that is explained.
    """

    model: str
    locus: Locus
    region: Locus
    sequence: Sequence
    target: Target


def written(
    model: str, reference: Sequence, locus: Locus, region: Locus, edits: tuple[Variant, ...], target: Target
) -> dict[str, str | int | float]:
    """The parameters of a stretch; the reference's letters travel beside them."""
    return {
        "model": model,
        "chrom": locus.chrom,
        "start": locus.start,
        "end": locus.end,
        "region_start": region.start,
        "region_end": region.end,
        "first": reference.locus.start,
        "edits": ",".join(f"{edit.position}.{edit.ref}.{edit.alt}" for edit in edits),
        "track": target.track,
        "reduce": target.reduce,
    }


def read(parameters: Parameters, bases: str) -> Stretch:
    """The stretch of some parameters.

    Args:
        parameters: as ``written``.
        bases: the reference's letters, from ``first`` on.
    """
    text = {name: str(value) for name, value in parameters.items()}
    first, chrom = int(text["first"]), text["chrom"]
    reference = Sequence(bases, Locus(chrom, first, first + len(bases)))
    return Stretch(
        model=text["model"],
        locus=Locus(chrom, int(text["start"]), int(text["end"])),
        region=Locus(chrom, int(text["region_start"]), int(text["region_end"])),
        sequence=edited(reference, edits_of(text["edits"], chrom)),
        target=Target(text["track"], text["reduce"]),  # type: ignore[arg-type]  # checked where it is used
    )


def edits_of(text: str, chrom: str) -> tuple[Variant, ...]:
    """Edits as ``written``.

    Raises:
        ValueError: when they are not.
    """
    matches = [_EDIT.fullmatch(part) for part in text.split(",")] if text else []
    if not all(matches):
        raise ValueError(f"{text[:80]=}")
    return tuple(Variant(chrom, int(m[1]), m[2], m[3]) for m in matches if m)
