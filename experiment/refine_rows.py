"""Measured tables for a refinement: which rows are learned from, which choose, which calibrate, and which judge.

A table has the columns ``name``, ``sequence`` and ``value``; ``sd`` (of the value), ``split`` (train or valid), ``place`` (rows of one place, such as
a locus and its mutants, are kept together) and ``weight`` (how much a row counts while it is learned from) where it has them.

Where a table states its valid rows, strengths are chosen, intervals calibrated and models judged by them alone: a parent knows rows
that it learned from by heart, so whatever changes it seems to forget them, and the smallest change would always win.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from experiment.measurements import Reading
from experiment.verdict_noise import constructs_of
from genome.errors import UserError
from genome.uploads import text_of
from models.binding_data import Codes
from models.core import ModelSpec
from models.reporter_data import Elements, clusters_of
from models.shuffle import codes_of

MAX_BYTES, MAX_UNPACKED, MAX_ROWS = 50 << 20, 300 << 20, 200_000
# Shares of the clusters that choose, calibrate and judge: of a table that does not say which, and of the valid ones of one that does.
UNSTATED, STATED = (0.08, 0.08, 0.15), (0.2, 0.2, 0.6)
SPLIT_SEED = 11
FEWEST_TRAINING = 64
_COLUMNS = ("name", "sequence", "value")
_PARTS = ("train", "early", "calibration", "valid")
_CLUSTER_WORD = 25  # bp that two rows of one cluster share


@dataclass(frozen=True)
class Row:
    """One measured element.

    Attributes:
        name: as the table has it; never to be shown as HTML.
        bases: upper-case ACGTN.
        value: in the unit of the track.
        sd: standard deviation of the value, or None.
        split: ``train``, ``valid`` or empty: decided here.
        place: rows of the same place stay together; empty: those that share 25 bp do.
        weight: how much it counts while it is learned from, beside its noise; what judges is not weighted.
    """

    name: str
    bases: str
    value: float
    sd: float | None = None
    split: str = ""
    place: str = ""
    weight: float = 1.0


@dataclass(frozen=True)
class Table:
    """A measured table cut up for a refinement.

    Attributes:
        name: of the file.
        digest: SHA-256 of its bytes, 64 hex.
        train: rows that are fitted.
        early: rows that choose strengths and the best pass; no step sees them.
        calibration: rows that set intervals; no step and no choice sees them.
        valid: rows that judge; read by the gate alone.
        dropped: how many rows were left out, by reason.
        stated: whether the table itself says which rows are valid.
    """

    name: str
    digest: str
    train: Elements
    early: Elements
    calibration: Elements
    valid: Elements
    dropped: Mapping[str, int]
    stated: bool

    def seen_by(self, column: int, n_columns: int) -> Table:
        """The same rows as measurements of one of several columns, the others not measured."""
        parts = {name: _widened(getattr(self, name), column, n_columns) for name in _PARTS}
        return Table(self.name, self.digest, **parts, dropped=self.dropped, stated=self.stated)


@dataclass(frozen=True)
class _File:
    """The rows of one table that can be used.

    Attributes:
        name, digest: as of the table.
        rows: what is used.
        codes: int8 (n, window), each row's sequence, centred.
        dropped: how many rows were left out, by reason.
    """

    name: str
    digest: str
    rows: list[Row]
    codes: Codes
    dropped: Mapping[str, int]

    @property
    def stated(self) -> bool:
        """Whether it says which rows are valid."""
        return any(row.split == "valid" for row in self.rows)


def read_tables(files: Seq[tuple[str, bytes]], spec: ModelSpec, track: str) -> tuple[Table, ...]:
    """Tables of measured sequences, tab- or comma-separated, plain or gzip, cut up together.

    Places, and rows that share 25 bp where not every row says its place, are on one side in all tables: a locus that judges
    in one is not learned from in another.

    Args:
        files: name and bytes of each.
        spec: of the model that is refined; its window and the track's ``sd`` are used.
        track: which track the values measure; any other name when they are of a new assay.

    Raises:
        UserError: when one is no such table, or too few rows are left in it.
    """
    found = [_read(name, data, spec.input_length) for name, data in files]
    rows = [row for one in found for row in one.rows]
    clusters = _clusters(rows, np.concatenate([one.codes for one in found]))
    says = np.concatenate([np.full(len(one.rows), one.stated) for one in found])
    sides = _sides(rows, clusters, says)
    ends = np.cumsum([len(one.rows) for one in found])[:-1]
    parts = zip(found, np.split(clusters, ends), np.split(sides, ends), strict=True)
    return tuple(_table(one, mine, sided, spec, track) for one, mine, sided in parts)


def _read(name: str, data: bytes, window: int) -> _File:
    if len(data) > MAX_BYTES:
        raise UserError(f"{name} has {len(data) >> 20:,} MB; give at most {MAX_BYTES >> 20} MB.")
    text = text_of(
        name, data, most=MAX_UNPACKED, smaller="give a part of it", not_text="is not text; give a TSV or CSV table"
    )
    rows, dropped = _rows(name, text)
    kept, reasons = _usable(rows, window)
    lost = dropped + reasons
    if len(kept) < FEWEST_TRAINING:
        told = "; ".join(f"{count:,} {reason}" for reason, count in lost.items())
        raise UserError(
            f"{name} has {len(kept):,} usable rows and at least {FEWEST_TRAINING} are needed"
            f"{f' (left out: {told})' if told else ''}; give more rows."
        )
    codes = np.stack([codes_of(_centred(row.bases, window)) for row in kept])
    return _File(name, hashlib.sha256(data).hexdigest(), kept, codes, dict(lost))


def _table(
    one: _File, clusters: npt.NDArray[np.int64], sides: npt.NDArray[np.str_], spec: ModelSpec, track: str
) -> Table:
    labels = np.array([[row.value] for row in one.rows], dtype=np.float32)
    unit = next((found.sd for found in spec.tracks if found.name == track), float(labels.std()) or 1.0)
    elements = Elements(one.codes, labels, weights_of([row.sd for row in one.rows], unit), clusters)
    parts = {part: elements.chosen(sides == part) for part in _PARTS}
    counts = np.array([row.weight for row in one.rows], np.float32)[sides == "train"]
    parts["train"] = replace(parts["train"], weights=parts["train"].weights * counts)
    least = (("train", FEWEST_TRAINING), ("early", 3), ("valid", 20))
    short = next((part for part, fewest in least if parts[part].n < fewest), None)
    if short is not None:
        raise UserError(
            f"{one.name} leaves {parts[short].n:,} rows to {_SAID[short]}, too few; give more rows, or rows of more places."
        )
    return Table(one.name, one.digest, **parts, dropped=one.dropped, stated=one.stated)


def rows_of(readings: Iterable[Reading]) -> tuple[Row, ...]:
    """One row for each measured element: the mean of its replicates and, where there are several, the sd of that.

    As in a verdict, a replicate that reads everything higher is brought back first, and an element's own scatter is drawn
    towards the usual one: two replicates that happen to agree are not known better than others.
    """
    first: dict[str, Reading] = {}
    values: dict[str, dict[str, float]] = {}
    for one in readings:
        first.setdefault(one.name, one)
        values.setdefault(one.name, {})[one.replicate] = one.value
    rows = []
    for element, made in constructs_of(values)[0].items():
        sd = math.sqrt(made.variance / made.n) if made.n > 1 else first[element].sd
        rows.append(Row(element, first[element].bases.upper(), made.mean, sd))
    return tuple(rows)


def as_table(rows: Iterable[Row]) -> bytes:
    """Rows as the table that ``read_tables`` reads; the same rows give the same bytes."""
    written = io.StringIO()
    lines = csv.writer(written, delimiter="\t", lineterminator="\n")
    lines.writerow((*_COLUMNS, "sd", "weight", "split", "place"))
    for row in rows:
        sd = "" if row.sd is None else repr(row.sd)
        lines.writerow((row.name, row.bases, repr(row.value), sd, repr(row.weight), row.split, row.place))
    return written.getvalue().encode()


_SAID = {"train": "learn from", "early": "choose the best pass with", "valid": "judge with"}


def weights_of(sds: list[float | None], unit: float) -> npt.NDArray[np.float32]:
    """float32 (n,): 1 / (1 + (sd / unit)²): a row that scatters as much as the track itself counts half; 1 without an sd.

    Args:
        sds: standard deviation of each value; rough, so each is drawn halfway (in variance) to the mean of the table.
        unit: standard deviation of the track.
    """
    known = np.array([np.nan if sd is None else sd for sd in sds], dtype=np.float64)
    if np.isnan(known).all():
        return np.ones(len(sds), np.float32)
    variances = known**2
    drawn = np.where(np.isnan(known), np.nanmean(variances), (variances + np.nanmean(variances)) / 2)
    return np.asarray(1 / (1 + drawn / unit**2), dtype=np.float32)


def _rows(name: str, text: str) -> tuple[list[Row], Counter[str]]:
    lines = text.splitlines()
    head = lines[0] if lines else ""
    table = csv.DictReader(lines, delimiter="\t" if "\t" in head else ",")
    columns = {str(column).strip().lower(): column for column in table.fieldnames or ()}
    missing = [column for column in _COLUMNS if column not in columns]
    if missing:
        raise UserError(
            f"{name} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; a table for a refinement has the "
            "columns name, sequence and value (and, where known, sd, split and place)."
        )
    rows: list[Row] = []
    dropped = Counter[str]()
    for line in table:
        if len(rows) >= MAX_ROWS:
            raise UserError(f"{name} has more than {MAX_ROWS:,} rows; give a part of it.")
        cells = {key: str(line.get(column) or "").strip() for key, column in columns.items()}
        value, sd = _number(cells["value"]), _number(cells.get("sd", ""))
        if value is None:
            dropped["without a value"] += 1
            continue
        weight = _number(cells.get("weight", "") or "1")
        if weight is None or weight <= 0:
            dropped["whose weight is no number above 0"] += 1
            continue
        split = {"valid": "valid", "validation": "valid", "test": "valid", "train": "train"}.get(
            cells.get("split", "").lower(), ""
        )
        rows.append(Row(cells["name"], cells["sequence"].upper(), value, sd, split, cells.get("place", ""), weight))
    return rows, dropped


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _usable(rows: list[Row], window: int) -> tuple[list[Row], Counter[str]]:
    kept, reasons = [], Counter[str]()
    for row in rows:
        if not row.bases or set(row.bases) - set("ACGTN"):
            reasons["whose sequence is not made of A, C, G, T and N"] += 1
        elif len(row.bases) > window:
            reasons[f"longer than the model's window of {window} bp"] += 1
        elif row.bases.count("N") + window - len(row.bases) > window // 2:
            reasons["of which more than half the window is unknown"] += 1
        else:
            kept.append(row)
    return kept, reasons


def _centred(bases: str, window: int) -> str:
    before = (window - len(bases)) // 2
    return "N" * before + bases + "N" * (window - len(bases) - before)


def _clusters(rows: list[Row], codes: Codes) -> npt.NDArray[np.int64]:
    """int64 (n,): by place where every row says one, else by shared words of 25 bp as well."""
    numbers: dict[str, int] = {}
    places = np.array([numbers.setdefault(row.place or f"\t{at}", len(numbers)) for at, row in enumerate(rows)])
    if all(row.place for row in rows):
        return places
    by_words = clusters_of(codes, length=_CLUSTER_WORD)
    pairs = (np.ones(len(rows)), (places, len(numbers) + by_words))
    size = len(numbers) + len(rows)
    _, joined = connected_components(coo_matrix(pairs, shape=(size, size)), directed=False)
    return joined[places].astype(np.int64)


def _sides(rows: list[Row], clusters: npt.NDArray[np.int64], says: npt.NDArray[np.bool_]) -> npt.NDArray[np.str_]:
    """(n,) of ``train``, ``early``, ``calibration`` and ``valid``.

    A cluster with one stated valid row is kept out as a whole, in every table; the other clusters of a table that states
    valid rows train. Clusters of other tables alone are drawn.

    Args:
        rows: of all tables.
        clusters: int64 (n,).
        says: bool (n,), whether a row's table states valid rows.
    """
    valid = np.array([row.split == "valid" for row in rows])
    names = np.random.default_rng(SPLIT_SEED).permutation(np.unique(clusters))
    kept, free = np.isin(names, clusters[valid]), ~np.isin(names, clusters[says])
    sides = np.full(len(rows), "train", dtype="<U11")
    for some, shares in ((names[kept], STATED), (names[free], UNSTATED)):
        early, calibration, judging = (math.ceil(share * len(some)) for share in shares)
        part_of = some[: early + calibration + judging]
        for side, part in zip(_PARTS[1:], np.split(part_of, [early, early + calibration]), strict=True):
            sides[np.isin(clusters, part)] = side
    return sides


def _widened(rows: Elements, column: int, n_columns: int) -> Elements:
    labels = np.full((rows.n, n_columns), np.nan, dtype=np.float32)
    labels[:, column] = rows.labels[:, 0]
    return replace(rows, labels=labels)
