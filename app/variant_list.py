"""The table of many variants: which rows are wanted, in which order, and what a row says. No Streamlit here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app import compute
from app.compute_variants import Batch, percentiles, printable
from app.variant_question import asked_of
from app.view import View
from experiment import long_variants, upload_rows
from genome.variant_rows import STATUSES, VariantRow
from interpret.effects import VALUES, placement_rule

SHOWN_ROWS = 500  # of all that match: more would choke a browser
ORDERS = {
    "size": "largest effect first",
    "raises": "raises most first",
    "lowers": "lowers most first",
    "percentile": "highest percentile first",
    "file": "as in the file",
}


@dataclass(frozen=True)
class Wanted:
    """Which rows somebody wants to see.

    Attributes:
        track: whose effects.
        statuses: numbers into STATUSES; empty: all.
        least_size: smallest size of the effect, in the track's unit.
        least_percentile: smallest percentile, 0 to 100; above 0 only rows that have one.
        agree: whether only those whose sign all members agree on.
        words: what the row must hold as written; empty: anything.
        order: key of ORDERS.
    """

    track: str
    statuses: tuple[int, ...] = ()
    least_size: float = 0.0
    least_percentile: float = 0.0
    agree: bool = False
    words: str = ""
    order: str = "size"


@dataclass(frozen=True)
class Found:
    """The rows that are wanted.

    Attributes:
        places: int64 (n,), of each in the file, in the order wanted.
        among: what the percentiles are percentiles of, or why there are none.
        ranks: float32 (all rows,), percentiles, or None.
    """

    places: npt.NDArray[np.int64]
    among: str
    ranks: npt.NDArray[np.float32] | None


def select(batch: Batch, wanted: Wanted) -> Found:
    """The computed rows that are wanted, in order; those without an effect come last, as in the file."""
    numbers, index = batch.numbers, batch.spec.track_index(wanted.track)
    effects = numbers.delta[:, index]
    ranks, among = percentiles(batch, wanted.track)
    chosen = numbers.status != long_variants.PENDING
    if wanted.statuses:
        chosen &= np.isin(numbers.status, wanted.statuses)
    if wanted.least_size > 0:
        chosen &= np.abs(effects) >= wanted.least_size  # NaN is not
    if wanted.least_percentile > 0:
        chosen &= np.zeros(len(effects), bool) if ranks is None else ranks >= wanted.least_percentile
    if wanted.agree:
        chosen &= numbers.agree[:, index]
    if wanted.words.strip():
        chosen &= _holding(batch, wanted.words)
    places = np.flatnonzero(chosen)
    first = _first(wanted.order, effects[places], None if ranks is None else ranks[places])
    return Found(places[np.argsort(-first, kind="stable")], among, ranks)


def records(batch: Batch, wanted: Wanted, found: Found, address: str, most: int = SHOWN_ROWS) -> dict[str, list[Any]]:
    """Columns of the first rows for the page.

    Args:
        batch: the effects.
        wanted: what was asked for.
        found: the rows, as ``select`` gives them.
        address: where the Locus screen is served.
        most: how many rows.
    """
    numbers, index = batch.numbers, batch.spec.track_index(wanted.track)
    places = found.places[:most]
    rows = upload_rows.pick(batch.known.upload, batch.known.key, places.tolist())
    values = dict(zip(VALUES, numbers.values[:, places, index].astype(float), strict=True))
    columns: dict[str, list[Any]] = {
        "line": [row.line for row in rows],
        "place": [printable(f"{row.chrom}:{row.position:,}", 60) for row in rows],
        "change": [printable(f"{row.ref}>{row.alt}", 60) for row in rows],
        "ID": [printable(row.name, 40) for row in rows],
        "status": [STATUSES[code] for code in numbers.status[places]],
        "effect": _numbers(values["delta"]),
        "percentile": _numbers(np.full(len(places), np.nan) if found.ranks is None else found.ranks[places]),
        "spread": _numbers(values["spread"]),
        "lowest": _numbers(values["low"]),
        "highest": _numbers(values["high"]),
        "members agree": [
            bool(one) if code == 0 else None
            for one, code in zip(numbers.agree[places, index], numbers.status[places], strict=True)
        ],
        "REF": _numbers(values["before"]),
        "ALT": _numbers(values["after"]),
        "note": [_note(batch, row, place) for row, place in zip(rows, places.tolist(), strict=True)],
        "look": [link(batch, row, wanted.track, address) if numbers.status[p] == 0 else None
                 for row, p in zip(rows, places.tolist(), strict=True)],
    }  # fmt: skip
    return columns


def link(batch: Batch, row: VariantRow, track: str, address: str) -> str | None:
    """Where a row's variant is looked at in depth: the Variants page.

    Args:
        batch: the effects.
        row: one of its rows.
        track: name of the track.
        address: where the Locus screen is served; the Variants page stands beside it.
    """
    if row.variant is None or row.locus is None:
        return None
    contig = batch.known.contigs[row.locus.chrom]
    view = View(batch.spec.model_id, batch.known.genome, row.locus, track, contig=contig)
    return asked_of(view, (row.variant,), batch.spec).link(f"{address.rstrip('/')}/variants")


def formula(batch: Batch, track: str) -> str:
    """How the columns are computed, one paragraph."""
    spec = batch.spec
    found = spec.tracks[spec.track_index(track)]
    unit = found.target.unit(spec)
    strands = "both strands" if len(spec.strands) == 2 else "the strand as given"
    members = (
        f"{spec.n_members} networks (spread: their standard deviation; members agree: whether all give the same sign)"
        if spec.n_members > 1
        else "one network, so there is no spread"
    )
    return (
        f"{spec.model_id}, {track}: effect = prediction with ALT − prediction with REF, in {unit}. {placement_rule(spec)} "
        f"Lowest and highest are of these windows. Mean over {members} and {strands}. No reference sequence and no random "
        "numbers enter."
    )


def _holding(batch: Batch, words: str) -> npt.NDArray[np.bool_]:
    known = batch.known
    key = ("rows that hold", known.upload, known.key, words.strip().lower())
    found: npt.NDArray[np.bool_] = compute.cache().get(
        key, lambda: upload_rows.search(known.upload, known.key, known.count, words)
    )
    return found


def _first(
    order: str, effects: npt.NDArray[np.float32], ranks: npt.NDArray[np.float32] | None
) -> npt.NDArray[np.float32]:
    """What comes first, by size; -inf where there is nothing to go by."""
    by: npt.NDArray[np.float32]
    if order == "file":
        return np.zeros(len(effects), dtype=np.float32)
    if order == "percentile":
        by = np.full(len(effects), np.nan, dtype=np.float32) if ranks is None else ranks
    else:
        by = {"size": np.abs, "raises": np.positive, "lowers": np.negative}[order](effects)
    return np.where(np.isnan(by), np.float32(-np.inf), by)


def _numbers(values: npt.NDArray[Any]) -> list[float | None]:
    return [None if np.isnan(value) else float(f"{value:.4g}") for value in values.tolist()]


def _note(batch: Batch, row: VariantRow, place: int) -> str:
    why = batch.numbers.why(place, place + 1)
    return printable(why.get(place) or row.reason or row.notice, 300)


def statuses(batch: Batch) -> dict[int, int]:
    """How many alleles have each status, by its number; those not computed yet are left out."""
    codes, counts = np.unique(batch.numbers.status, return_counts=True)
    pairs: Sequence[tuple[int, int]] = list(zip(codes.tolist(), counts.tolist(), strict=True))
    return {code: count for code, count in pairs if code != long_variants.PENDING}
