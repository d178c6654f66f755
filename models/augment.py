"""Codes of DNA in other guises: the other strand, and a little to the side."""

from __future__ import annotations

import numpy as np

from models.shuffle import N_CODE, Codes


def reversed_codes(codes: Codes) -> Codes:
    """Reverse complements of int8 codes (..., length); N stays N."""
    return np.ascontiguousarray(np.where(codes == N_CODE, N_CODE, 3 - codes)[..., ::-1]).astype(np.int8)


def turned(codes: Codes, random: np.random.Generator) -> Codes:
    """A random half of the rows (n, length) as their reverse complements."""
    return np.where(random.random(len(codes))[:, None] < 0.5, reversed_codes(codes), codes).astype(np.int8)


def moved(codes: Codes, random: np.random.Generator, max_shift: int) -> Codes:
    """A random half of the rows (n, length) moved by up to ``max_shift`` bp either way, N where nothing is known."""
    if not max_shift:
        return codes
    shifts = random.integers(-max_shift, max_shift + 1, len(codes)) * (random.random(len(codes)) < 0.5)
    padded = np.pad(codes, ((0, 0), (max_shift, max_shift)), constant_values=N_CODE)
    columns = np.arange(codes.shape[1]) + max_shift + shifts[:, None]
    return np.take_along_axis(padded, columns, axis=1)
