"""Effects that are kept and read again are the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from experiment.job_files import read_arrays, write_arrays
from genome.locus import Locus, Variant
from genome.variant_rows import VariantRow
from interpret.variant_parts import as_arrays, from_arrays
from interpret.variants import VariantEffects


def test_a_chunk_is_the_same_after_it_was_kept(tmp_path: Path):
    place = Locus("chr1", 4, 5)
    rows = (
        VariantRow(1, "1", 5, "rs1", "A", "C", variant=Variant("chr1", 5, "A", "C"), locus=place, notice="moved"),
        VariantRow(1, "1", 5, "", "A", "A", locus=place),
        VariantRow(2, 'b\udcff"\u00e9\t', 0, "", "", "<DEL>", "symbolic allele", "No bases."),
    )
    values = np.random.default_rng(1).normal(size=(6, 3, 2)).astype(np.float32)
    values[:, 2] = np.nan
    given = VariantEffects(rows, *values, signs_agree=np.array([[True, False], [True, True], [False, False]]))
    write_arrays(tmp_path / "part.npz", as_arrays(given))
    kept = from_arrays(read_arrays(tmp_path / "part.npz"))
    assert kept.rows == rows
    for field in dataclasses.fields(given)[1:]:
        np.testing.assert_array_equal(getattr(kept, field.name), getattr(given, field.name))
        assert getattr(kept, field.name).dtype == getattr(given, field.name).dtype


def test_an_empty_chunk_is_one_too():
    none = np.zeros((0, 2), np.float32)
    kept = from_arrays(as_arrays(VariantEffects((), none, none, none, none, none, none, none.astype(bool))))
    assert kept.rows == ()
    assert kept.delta.shape == (0, 2)
