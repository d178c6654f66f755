"""The one door to scikit-activeml: uncertainty of classes, and core sets."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def class_uncertainty(shares: Floats, method: Literal["margin_sampling", "entropy"]) -> npt.NDArray[np.float64]:
    """float64 (rows,): how unsure the class of each row is, higher is less sure.

    Args:
        shares: (rows, classes), probabilities that add up to 1.
        method: ``margin_sampling``: 1 minus the gap between the two likeliest classes; ``entropy``: in nats.
    """
    from skactiveml.pool import uncertainty_scores

    return np.asarray(uncertainty_scores(shares, method=method), dtype=np.float64)


def core_set(features: Floats, seen: Floats, n: int) -> npt.NDArray[np.int64]:
    """int64 (n,): rows in the order chosen, each the one farthest from all that are seen or chosen already (k-centre).

    Args:
        features: (rows, features) of candidates.
        seen: (known, features) of what was measured before; may be empty.
        n: how many.
    """
    from skactiveml.pool import CoreSet

    everything = np.concatenate([seen, features]).astype(np.float64)
    known = np.concatenate([np.zeros(len(seen)), np.full(len(features), np.nan)])
    chosen = CoreSet(random_state=0).query(everything, known, batch_size=n)
    return np.asarray(chosen, dtype=np.int64) - len(seen)
