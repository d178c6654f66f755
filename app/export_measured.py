"""Measured and predicted effects of the same alleles as a table, with what is needed to make the predicted ones again."""

from __future__ import annotations

from app.export import comments, provenance
from app.view import View
from interpret.measured_beside import Comparison
from interpret.measured_residuals import Residuals
from models import registry


def table(view: View, found: Comparison, parted: Residuals | None, *, windows: str, unit: str, name: str) -> str:
    """One line per allele: where it is, measured, predicted, fitted, residual, half the interval, and whether beyond it.

    Args:
        view: what is looked at.
        found: the pairs.
        parted: their residuals; None where there is no line.
        windows: one sentence on where the windows of the predictions lay.
        unit: of the measured effects.
        name: of the table.
    """
    record = provenance(view, registry.spec(view.model), contig_digest=view.contig) | {
        "track": view.track,
        "windows": windows,
        "measured": f"{name}, {unit}",
        "interval": "" if parted is None else parted.rule,
        "left out": "; ".join(found.left_out),
    }
    lines = comments(record)
    columns = "chrom position ref alt kind measured predicted fitted residual half_interval beyond"
    lines.append("\t".join(columns.split()))
    beyond = set() if parted is None or parted.half is None else set(parted.worst)
    for index, one in enumerate(found.matches):
        fitted = residual = half = flag = ""
        if parted is not None and found.line is not None:
            residual = f"{parted.values[index]:.6g}"
            fitted = f"{found.measured[index] - parted.values[index]:.6g}"
            if parted.half is not None:
                half, flag = f"{parted.half[index]:.6g}", "yes" if index in beyond else "no"
        change = one.variant
        cells = (change.chrom, str(change.position), change.ref or "-", change.alt or "-", one.kind)
        values = (f"{found.measured[index]:.6g}", f"{found.predicted[index]:.6g}", fitted, residual, half, flag)
        lines.append("\t".join((*cells, *values)))
    return "\n".join(lines) + "\n"
