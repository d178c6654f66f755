"""The scalars of windows with REF and with ALT: each window read once, a single changed letter only where it reaches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from interpret.variant_windows import Codes
from models.alleles import Scalars, Substituted, group_size
from models.core import ModelSpec
from models.engine import Progress, Runner
from models.predict import by_member

Float = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]


def window_scalars(run: Runner, spec: ModelSpec, windows: Codes, progress: Progress | None = None) -> Float:
    """The usual scalars of windows uint8 (..., window), for every member: float32 (..., members, tracks).

    Equal windows are read once: the reference of several alleles at one place, or REF and ALT that are the same.
    """
    flat = windows.reshape(-1, windows.shape[-1])
    kept, which = _distinct(flat)
    size = min(group_size(spec), len(kept))
    (found,) = run(Scalars(size), (_grouped(flat[kept], size),), progress)
    return _by_member(found, spec)[which].reshape(*windows.shape[:-1], spec.n_members, len(spec.tracks))


def allele_scalars(run: Runner, spec: ModelSpec, windows: Codes, progress: Progress | None = None) -> Float:
    """The usual scalars of windows uint8 (n, 2, placements, window): float32 (n, 2, placements, members, tracks)."""
    differing = (windows[:, 0] != windows[:, 1]).sum(axis=2)  # (n, placements)
    single = (differing == 1).all(axis=1)
    found = np.empty((*windows.shape[:3], spec.n_members, len(spec.tracks)), dtype=np.float32)
    share = float(single.mean())
    if single.any():
        part = None if progress is None else lambda done: progress(share * done)
        found[single] = _substituted(run, spec, windows[single], part)
    if not single.all():
        rest = None if progress is None else lambda done: progress(share + (1 - share) * done)
        found[~single] = window_scalars(run, spec, windows[~single], rest)
    return found


def _substituted(run: Runner, spec: ModelSpec, windows: Codes, progress: Progress | None) -> Float:
    """The same where one letter differs: a reference window is read once for all letters that are put into it."""
    before, after = (windows[:, allele].reshape(-1, windows.shape[-1]) for allele in (0, 1))
    places = (before != after).argmax(axis=1)
    letters = after[np.arange(len(after)), places]
    owners, which = _distinct(np.column_stack([before, places.astype("<u4").view(np.uint8).reshape(-1, 4)]))
    asked = np.zeros((len(owners), 4), dtype=bool)  # letters put into each window
    asked[which, letters] = True
    found = np.empty((len(owners), 5, spec.n_members, len(spec.tracks)), dtype=np.float32)  # itself, then A, C, G, T
    done, total = 0, len(owners)
    for changes in (1, 3):
        few = (asked.sum(axis=1) == 1) == (changes == 1)
        for place in np.unique(places[owners][few]).tolist():
            chosen = np.flatnonzero(few & (places[owners] == place))
            put = np.argsort(~asked[chosen], axis=1, kind="stable")[:, :changes].astype(np.uint8)
            size = min(max(1, group_size(spec) // (1 if changes == 1 else 2)), len(chosen))
            rows = (_grouped(before[owners[chosen]], size), _grouped(put, size))
            start, share = done / total, len(chosen) / total
            part = None if progress is None else _part(progress, start, share)
            function = Substituted(size * (1 + changes))
            (answers,) = run(function, (*rows, np.full(len(rows[0]), place, dtype=np.int64)), part)
            values = _by_member(answers, spec)[: len(chosen)]  # (chosen, 1 + changes, members, tracks)
            found[chosen, 0] = values[:, 0]
            found[chosen[:, None], 1 + put.astype(np.int64)] = values[:, 1:]
            done += len(chosen)
    both = np.stack([found[which, 0], found[which, 1 + letters.astype(np.int64)]])  # (2, windows, members, tracks)
    shape = (2, len(windows), windows.shape[2], spec.n_members, len(spec.tracks))
    return both.reshape(shape).swapaxes(0, 1)


def _part(progress: Progress, start: float, share: float) -> Progress:
    return lambda done: progress(start + share * done)


def _distinct(rows: Codes) -> tuple[Whole, Whole]:
    """Which rows are the first of their kind, and which of these each row equals."""
    index: dict[bytes, int] = {}
    which = np.array([index.setdefault(row.tobytes(), len(index)) for row in rows], dtype=np.int64)
    return np.unique(which, return_index=True)[1].astype(np.int64), which


def _grouped(rows: Codes, size: int) -> Codes:
    """Rows in groups of a fixed size, the last filled up with its last row: (groups, size, ...)."""
    missing = -len(rows) % size
    full = np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if missing else rows
    return full.reshape(-1, size, *rows.shape[1:])


def _by_member(answers: Float, spec: ModelSpec) -> Float:
    """(groups, size, ..., components, tracks) -> (groups * size, ..., members, tracks): the mean over the strands asked."""
    flat = answers.reshape(-1, *answers.shape[-2:])
    members = by_member(flat, spec)
    return members.reshape(answers.shape[0] * answers.shape[1], *answers.shape[2:-2], *members.shape[1:])
