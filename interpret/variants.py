"""What many variants do: chunks of rows in, chunks of effects out, in the same order, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.variant_rows import VariantRow

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class VariantEffects:
    """The effects of a chunk of variants, each alone, on the usual explained scalar of every track.

    All arrays are NaN (or False) in the row of a variant that has no effect; ``rows`` says why.

    Attributes:
        rows: the variants, in the order given.
        before: float32 (n, tracks), prediction with REF, mean over members, strands and placements of the window.
        after: float32 (n, tracks), with ALT.
        delta: float32 (n, tracks), after - before; exactly 0 where REF and ALT are the same.
        spread: float32 (n, tracks), standard deviation of delta between members (n - 1); 0 for one member.
        low, high: float32 (n, tracks), smallest and largest delta over the placements.
        signs_agree: bool (n, tracks), whether every member gives delta the same sign.
    """

    rows: tuple[VariantRow, ...]
    before: Float
    after: Float
    delta: Float
    spread: Float
    low: Float
    high: Float
    signs_agree: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = (len(self.rows), self.before.shape[1])
        for name in ("before", "after", "delta", "spread", "low", "high", "signs_agree"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, not {shape}")
