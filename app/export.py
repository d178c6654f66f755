"""Contributions and predictions as files, each with everything that is needed to make it again. No Streamlit here."""

from __future__ import annotations

import io
import json
import math
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from app.answer import Answer
from app.figures.logos import caption_of
from app.view import View
from genome.bigwig import write_bigwig
from genome.errors import UserError
from genome.home import is_writable, replaced
from interpret.attribution import ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE, Attribution
from interpret.methods import BASELINE_WORDS, METHODS
from models.core import ModelSpec, Prediction

RESEARCH_USE = "For research use only; not for diagnosis or treatment."


def check_place(out: Path) -> None:
    """Raises a UserError, before anything is computed, when a file cannot be written there."""
    if not out.absolute().parent.is_dir():
        raise UserError(f"The folder of {out} does not exist; make it first.")
    if out.exists() and not out.is_file():
        raise UserError(f"{out} is not a file; name a file to write.")
    if not is_writable(out.absolute().parent):
        raise UserError(f"The folder of {out} cannot be written to; choose another.")


def write_file(out: Path, content: bytes | str) -> None:
    """Writes a file whole or not at all."""
    with replaced(out) as temporary:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())


def provenance(view: View, spec: ModelSpec, *, contig_digest: str) -> dict[str, Any]:
    """Everything that decides an answer, as plain values. Positions in text are 1-based inclusive."""
    return {
        "software": f"cislens {version('cislens')}",
        "model_id": spec.model_id,
        "members": spec.n_members,
        "strand_rule": f"mean of strands {' and '.join(spec.strands)}"
        if len(spec.strands) > 1
        else "forward strand only",
        "genome": view.genome,
        "contig_digest": contig_digest,
        "locus": str(view.locus),
        "edits": [str(edit) for edit in view.edits],
        "use": RESEARCH_USE,
    }


def attribution_provenance(view: View, attribution: Attribution, *, contig_digest: str) -> dict[str, Any]:
    """The same, with how the contributions were computed and how well they add up."""
    spec = attribution.spec
    track = spec.tracks[spec.track_index(attribution.target.track)]
    return provenance(view, spec, contig_digest=contig_digest) | {
        "track": track.name,
        "unit": attribution.unit,
        "explained": f"{attribution.target.reduce} of the track over the window, {attribution.unit}",
        "method": attribution.method,
        "baseline": attribution.baseline,
        "seed": attribution.seed,
        "points": attribution.points,
        "path": attribution.path,
        "windows": attribution.rule,
        "gap": _finite(attribution.gap),
        "note": attribution.note,
        "relative_gap": _finite(attribution.relative_gap),
        "denominator": _finite(attribution.denominator),
        "worst_window_gap": _finite(attribution.worst_gap),
        "converged": attribution.converged,
        "convergence_rule": (
            f"every window: |gap| <= {RELATIVE_TOLERANCE} x |f(x) - mean f(reference)| + {ABSOLUTE_TOLERANCE} x track sd "
            f"({track.sd:g} {attribution.unit})"
        ),
    }


def prediction_json(view: View, prediction: Prediction, *, contig_digest: str) -> str:
    """Predictions along a locus. ``starts`` are 0-based, ``ends`` one past the last base."""
    record = provenance(view, prediction.spec, contig_digest=contig_digest) | {
        "windows": prediction.rule,
        "starts": prediction.starts.tolist(),
        "ends": prediction.ends.tolist(),
        "tracks": [
            {
                "name": track.name,
                "assay": track.assay,
                "biosample": track.biosample,
                "unit": track.unit,
                "values": rounded(prediction.values[index]),
                "spread": rounded(prediction.spread[index]),
            }
            for index, track in enumerate(prediction.spec.tracks)
        ],
    }
    return json.dumps(record, indent=1, allow_nan=False)


def attribution_json(view: View, attribution: Attribution, *, contig_digest: str) -> str:
    """Contributions with full provenance. ``positions`` are 0-based genome positions of the bases."""
    start, end = attribution.core
    record = attribution_provenance(view, attribution, contig_digest=contig_digest) | {
        "bases": attribution.sequence.bases,
        "positions": attribution.sequence.positions.tolist(),
        "inserted": np.flatnonzero(attribution.sequence.inserted).tolist(),
        "locus_begins_at": start,
        "locus_ends_at": end,
        "contributions": rounded(attribution.values),
        "hypothetical": {base: rounded(row) for base, row in zip("ACGT", attribution.hypothetical, strict=True)},
    }
    return json.dumps(record, indent=1, allow_nan=False)


def answer_json(found: Answer) -> str:
    """The answer whole: what is predicted, the contributions, what was checked and left out, and the sentence."""
    view, shown = found.view, found.attribution
    made = prediction_json if shown is None else attribution_json
    told: Any = found.prediction if shown is None else shown
    record = json.loads(made(view, told, contig_digest=view.contig)) | {
        "sentence": " ".join(found.said).strip(),
        "percentile": found.rank.text,
        "notices": list(found.notices),
        "checks": [
            {
                "name": check.name,
                "label": check.label,
                "value": check.value,
                "level": check.level,
                "concern": check.concern,
                "detail": check.detail,
            }
            for check in found.checks
        ],
        "not_compared": [] if found.agreement is None else [list(pair) for pair in found.agreement.left_out],
        "disagreed": _disagreed(found),
    }
    return json.dumps(record, indent=1, allow_nan=False)


def _disagreed(found: Answer) -> list[int]:
    """0-based genome positions of the bases that most methods see otherwise than the one shown."""
    if found.agreement is None or found.attribution is None:
        return []
    places = found.agreement.places + found.attribution.core[0]
    return [int(position) for position in found.attribution.sequence.positions[places]]


def attribution_npz(view: View, attribution: Attribution, *, contig_digest: str) -> bytes:
    """Contributions as NumPy arrays (no pickled objects); ``provenance`` is JSON text."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        contributions=attribution.values,
        hypothetical=attribution.hypothetical,
        members=attribution.members,
        strands=attribution.strands,
        positions=attribution.sequence.positions,
        inserted=attribution.sequence.inserted,
        bases=np.array(attribution.sequence.bases),
        core=np.array(attribution.core),
        provenance=np.array(json.dumps(attribution_provenance(view, attribution, contig_digest=contig_digest))),
    )
    return buffer.getvalue()


def attribution_bedgraph(view: View, attribution: Attribution, *, contig_digest: str) -> str:
    """One line per base of the locus, 0-based half-open; inserted bases have no place in the genome and are left out."""
    record = attribution_provenance(view, attribution, contig_digest=contig_digest)
    lines = comments(record)
    name = _one_line(attribution.target.track).replace('"', "'")
    lines.append(f'track type=bedGraph name="{name} contributions"')
    lines += [f"{chrom}\t{start}\t{end}\t{value:.6g}" for chrom, start, end, value in _placed(attribution)]
    return "\n".join(lines) + "\n"


def attribution_bed(view: View, attribution: Attribution, *, contig_digest: str) -> str:
    """BED6 with the base as name; the score column is |contribution| scaled to 1000, the exact value is the 7th."""
    record = attribution_provenance(view, attribution, contig_digest=contig_digest)
    rows = list(_placed(attribution, with_base=True))
    largest = max((abs(row[3]) for row in rows), default=0.0) or 1.0
    lines = comments(record)
    lines += [
        f"{chrom}\t{start}\t{end}\t{base}\t{round(1000 * abs(value) / largest)}\t+\t{value:.6g}"
        for chrom, start, end, value, base in rows
    ]
    return "\n".join(lines) + "\n"


def attribution_csv(view: View, attribution: Attribution, *, contig_digest: str) -> str:
    """A table for spreadsheets: 1-based position, base, contribution, and what each base would contribute."""
    record = attribution_provenance(view, attribution, contig_digest=contig_digest)
    lines = comments(record)
    lines.append("chrom,position,base,inserted,contribution,if_A,if_C,if_G,if_T")
    sequence = attribution.sequence
    for index in range(*attribution.core):
        possible = ",".join(f"{value:.6g}" for value in attribution.hypothetical[:, index])
        lines.append(
            f"{sequence.locus.chrom},{sequence.positions[index] + 1},{sequence.bases[index]},"
            f"{int(sequence.inserted[index])},{attribution.values[index]:.6g},{possible}"
        )
    return "\n".join(lines) + "\n"


def attribution_bigwig(attribution: Attribution, *, contig_length: int) -> bytes:
    """Contributions as bigWig, 0-based half-open; inserted bases and those off the chromosome are left out.

    Raises:
        UserError: when nothing is left.
    """
    rows = [row[:4] for row in _placed(attribution) if row[1] < contig_length]
    if not rows:
        raise UserError("None of these bases lies on the chromosome; choose a locus on it.")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contributions.bw"
        write_bigwig(path, {attribution.sequence.locus.chrom: contig_length}, rows)
        return path.read_bytes()


def _placed(attribution: Attribution, *, with_base: bool = False) -> list[tuple[Any, ...]]:
    """(chrom, start, end, contribution[, base]) of each base of the locus that has a place in the genome."""
    sequence = attribution.sequence
    rows = []
    for index in range(*attribution.core):
        if not sequence.inserted[index] and sequence.positions[index] >= 0:
            start = int(sequence.positions[index])
            row = (sequence.locus.chrom, start, start + 1, float(attribution.values[index]))
            rows.append((*row, sequence.bases[index]) if with_base else row)
    return rows


def comments(record: dict[str, Any]) -> list[str]:
    """Provenance as ``#`` lines, one each, whatever stands in a name."""
    return [f"# {key}: {_one_line(value)}" for key, value in record.items()]


def _one_line(value: object) -> str:
    return " ".join(str(value).split())


def rounded(values: np.ndarray[Any, Any]) -> list[float | None]:
    """Six significant digits: more than the computation is good for, and the same on every machine; NaN is null."""
    return [_finite(float(f"{value:.6g}")) for value in values]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def caption(view: View, attribution: Attribution) -> str:
    """The line under a figure: which place, explained by what, how, and how well it adds up."""
    edits = f", {len(view.edits)} edit{'s' if len(view.edits) > 1 else ''}" if view.edits else ""
    gap = f" · gap {attribution.relative_gap:.2%}" if attribution.converged is not None else ""
    return f"{view.genome} {view.locus}{edits} · {caption_of(attribution)}{gap}"


def methods_paragraph(view: View, spec: ModelSpec, attribution: Attribution | None) -> str:
    """What was done, in a few sentences for a paper."""
    strands = "both strands" if len(spec.strands) > 1 else "the forward strand"
    parts = [
        f"{view.track} was predicted at {view.genome} {view.locus} (1-based, inclusive) with {spec.model_id} "
        f"({spec.n_members} members, {spec.input_length} bp window, mean over members and {strands}) in Cislens "
        f"{version('cislens')}."
    ]
    if view.edits:
        parts.append(f"The sequence was edited: {'; '.join(str(edit) for edit in view.edits)}.")
    if attribution is not None:
        method, compared = METHODS[view.method], BASELINE_WORDS[attribution.baseline]
        seed = f" (seed {attribution.seed})" if compared.seeded else ""
        quadrature = "cut into at most" if attribution.stepped else "Gauss-Legendre quadrature with up to"
        points = f", {quadrature} {attribution.path}" if attribution.path else ""
        parts.append(
            f"Contributions were computed by {method.words} ({method.source}) from {compared.long}{seed}{points}; "
            f"{attribution.rule}{f' {attribution.note}' if attribution.note else ''}"
        )
        if attribution.converged is not None:
            parts.append(
                f"The completeness gap is {attribution.relative_gap:.2%} of the difference"
                f"{'' if attribution.converged else ', above the tolerance: they do not add up'}."
            )
    return " ".join(parts)
