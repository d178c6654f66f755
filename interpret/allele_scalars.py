"""The scalars of windows with REF and with ALT: each window read once, a single changed letter only where it reaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from interpret.effects import placed_starts
from interpret.variant_windows import Codes
from models.alleles import Prepared, Scalars, Substituted, group_size
from models.core import ModelSpec
from models.engine import Function, Progress, Runner

Float = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]


def window_scalars(run: Runner, spec: ModelSpec, windows: Codes, progress: Progress | None = None) -> Float:
    """The usual scalars of windows uint8 (..., window), for every member: float32 (..., members, tracks).

    Equal windows are read once: the reference of several alleles at one place, or REF and ALT that are the same.
    """
    flat = windows.reshape(-1, windows.shape[-1])
    kept, which = _distinct(flat)
    size = min(group_size(spec, _prepared(run, spec)[0]), len(kept))
    found = _by_component(run, spec, Scalars(size), (_grouped(flat[kept], size),), progress)
    return _by_member(found, spec)[which].reshape(*windows.shape[:-1], spec.n_members, len(spec.tracks))


def allele_scalars(run: Runner, spec: ModelSpec, windows: Codes, progress: Progress | None = None) -> Float:
    """The usual scalars of windows uint8 (n, 2, placements, window): float32 (n, 2, placements, members, tracks)."""
    differing = (windows[:, 0] != windows[:, 1]).sum(axis=2)  # (n, placements)
    multiplications, carried, shared = _prepared(run, spec)
    single = (differing == 1).all(axis=1) & bool(carried)
    found = np.empty((*windows.shape[:3], spec.n_members, len(spec.tracks)), dtype=np.float32)
    share = float(single.mean())
    if single.any():
        part = None if progress is None else lambda done: progress(share * done)
        function = _together if shared else _apart
        found[single] = function(run, spec, windows[single], multiplications, part)
    if not single.all():
        rest = None if progress is None else lambda done: progress(share + (1 - share) * done)
        found[~single] = window_scalars(run, spec, windows[~single], rest)
    return found


def _together(run: Runner, spec: ModelSpec, windows: Codes, multiplications: float, progress: Progress | None) -> Float:
    """``allele_scalars`` where one letter differs: all windows around a change as one stretch."""
    starts = placed_starts(0, 1, spec)
    offsets = tuple(start - starts[0] for start in starts)
    stretches = np.empty((len(windows), 2, offsets[-1] + spec.input_length), dtype=np.uint8)
    for at, offset in enumerate(offsets):
        stretches[..., offset : offset + spec.input_length] = windows[:, :, at]
    return _substituted(run, spec, stretches, offsets, multiplications, progress)


def _apart(run: Runner, spec: ModelSpec, windows: Codes, multiplications: float, progress: Progress | None) -> Float:
    """``allele_scalars`` where one letter differs: each window by itself."""
    flat = windows.swapaxes(1, 2).reshape(-1, 2, spec.input_length)  # (n x placements, 2, window)
    found = _substituted(run, spec, flat, (0,), multiplications, progress)
    return found.reshape(len(windows), spec.placements, 2, spec.n_members, len(spec.tracks)).swapaxes(1, 2)


def _substituted(
    run: Runner,
    spec: ModelSpec,
    stretches: Codes,
    offsets: tuple[int, ...],
    multiplications: float,
    progress: Progress | None,
) -> Float:
    """Scalars (n, 2, offsets, members, tracks) of windows along stretches (n, 2, length) whose alleles differ by one letter.

    A stretch is read once for all letters that are put into it.
    """
    before = np.ascontiguousarray(stretches[:, 0])
    places = (before != stretches[:, 1]).argmax(axis=1)
    letters = stretches[np.arange(len(stretches)), 1, places]
    owners, which = _distinct(np.column_stack([before, places.astype("<u4").view(np.uint8).reshape(-1, 4)]))
    asked = np.zeros((len(owners), 4), dtype=bool)  # letters put into each stretch
    asked[which, letters] = True
    shape = (len(owners), len(offsets), 5, spec.n_members, len(spec.tracks))  # as it is, then with A, C, G, T
    found = np.empty(shape, dtype=np.float32)
    done = 0
    for changes, place in sorted({(1 if n == 1 else 3, p) for n, p in zip(asked.sum(1), places[owners], strict=True)}):
        chosen = np.flatnonzero(((asked.sum(axis=1) == 1) == (changes == 1)) & (places[owners] == place))
        put = np.argsort(~asked[chosen], axis=1, kind="stable")[:, :changes].astype(np.uint8)
        windows_each = len(offsets) * (1 + changes)
        read = before.shape[1] / spec.input_length * (1 + changes)  # windows' worth of work: overlaps are read once
        size = min(group_size(spec, multiplications, read), len(chosen))
        rows = (_grouped(before[owners[chosen]], size), _grouped(put, size))
        part = None if progress is None else _part(progress, done / len(owners), len(chosen) / len(owners))
        function = Substituted(offsets, max(1, size * windows_each // (spec.n_members * len(spec.strands))))
        answers = _by_component(run, spec, function, (*rows, np.full(len(rows[0]), place, dtype=np.int64)), part)
        values = _by_member(answers, spec)[: len(chosen)]  # (chosen, placements, 1 + changes, members, tracks)
        found[chosen, :, 0] = values[:, :, 0]
        for at in range(changes):
            found[chosen, :, 1 + put[:, at].astype(np.int64)] = values[:, :, 1 + at]
        done += len(chosen)
    return np.stack([found[which, :, 0], found[which, :, 1 + letters.astype(np.int64)]], axis=1)


def _prepared(run: Runner, spec: ModelSpec) -> tuple[float, float, float]:
    """See ``models.alleles.Prepared``; the model is made ready at first use."""
    numbers = run(Prepared(), (np.zeros((1, spec.input_length), dtype=np.uint8),))[0][0]
    return float(numbers[0]), float(numbers[1]), float(numbers[2])


def how(run: Runner, spec: ModelSpec) -> str:
    """One sentence for people on how the alleles of a model are computed."""
    words = run(Prepared(), (np.zeros((1, spec.input_length), dtype=np.uint8),))[1][0]
    return bytes(words).rstrip(b"\0").decode(errors="ignore")


def _by_component(
    run: Runner, spec: ModelSpec, function: Function, rows: tuple[npt.NDArray[Any], ...], progress: Progress | None
) -> Float:
    """A function's answer (groups, ...) for every component: (components, groups, ...)."""
    components, groups = spec.n_members * len(spec.strands), len(rows[0])
    asked = [np.concatenate([part] * components) for part in rows]
    (found,) = run(function, (*asked, np.repeat(np.arange(components), groups)), progress)
    return found.reshape(components, groups, *found.shape[1:])


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
    """(components, groups, size, ..., tracks) -> (groups * size, ..., members, tracks): the mean over the strands asked."""
    shape = (spec.n_members, len(spec.strands), answers.shape[1] * answers.shape[2], *answers.shape[3:])
    return np.ascontiguousarray(np.moveaxis(answers.reshape(shape).mean(axis=1), 0, -2))
