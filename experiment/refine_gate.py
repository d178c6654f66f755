"""The acceptance gate: a refined model is taken only when it is better on the new rows beyond noise and not worse on the old.

Better and worse are differences of Pearson's r on held-out rows that no step and no choice has seen, with a paired
bootstrap over whole clusters: both models are asked the same rows each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.metrics import bootstrap_correlation, pearson

BOUND = 0.02
RESAMPLES = 1000
SAME = 1e-4  # in the unit of a track: rounding, not a change


@dataclass(frozen=True)
class Judged:
    """Held-out rows of one set and what the models say of them.

    Attributes:
        name: of the set.
        new: whether the refinement learned from this set for the first time.
        measured: (n,), NaN where it was not measured.
        before: (n,), the parent's answers.
        after: (n,), the refined model's.
        naive: (n,), those of naive fine-tuning, the control.
        clusters: int64 (n,), rows that are drawn together.
        stated: whether these rows are known to be none that the parent learned from.
    """

    name: str
    new: bool
    measured: npt.NDArray[np.floating]
    before: npt.NDArray[np.floating]
    after: npt.NDArray[np.floating]
    naive: npt.NDArray[np.floating]
    clusters: npt.NDArray[np.int64]
    stated: bool = True


@dataclass(frozen=True)
class Change:
    """What a refinement did to one set.

    Attributes:
        name: of the set.
        new: whether it is what was learned from.
        rows: held-out rows.
        before, after, naive: Pearson's r of the parent, the refined model and the naive control.
        change: after minus before.
        low, high: its 95 % interval.
        naive_change: naive minus before.
    """

    name: str
    new: bool
    rows: int
    before: float
    after: float
    naive: float
    change: float
    low: float
    high: float
    naive_change: float


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Attributes:
        accepted: whether the model may be promoted without a second thought.
        words: one sentence for each reason.
        bound: largest loss of r on an old set that is borne.
        changes: what happened to each set.
    """

    accepted: bool
    words: tuple[str, ...]
    bound: float
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Verdict:
        """Back from plain values."""
        changes = tuple(Change(**one) for one in content["changes"])
        return cls(bool(content["accepted"]), tuple(content["words"]), float(content["bound"]), changes)


def judge(
    sets: Seq[Judged],
    *,
    bound: float = BOUND,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
    unchanged: float | None = None,
) -> Verdict:
    """Lets a refined model through, or says why not.

    Args:
        sets: new and old held-out rows.
        bound: an old set passes when the lower end of its change's interval is not below minus this.
        n_resamples: of the bootstrap.
        seed: of the draws.
        unchanged: largest change of any old track's answer, where the old tracks were to stay as they are (a new head);
            None: old rows tell.
    """
    if bound < 0:
        raise ValueError(f"{bound=}")
    changes = tuple(_change(one, n_resamples, seed) for one in sets)
    new, old = [one for one in changes if one.new], [one for one in changes if not one.new]
    words = [_of_new(one) for one in new] + [_of_old(one, bound) for one in old]
    words += [_of_unstated(one.name) for one in sets if not one.new and not one.stated]
    if unchanged is not None:
        words.append(f"The old tracks answer as before; the largest change is {unchanged:.2g}.")
    elif not old:
        words.append("No old rows were given, so what was forgotten is not known: not accepted.")
    kept = bool(old) and all(one.low >= -bound for one in old) if unchanged is None else unchanged <= SAME
    accepted = bool(new) and all(one.low > 0 for one in new) and kept
    return Verdict(accepted, tuple(words), bound, changes)


def _change(one: Judged, n_resamples: int, seed: int) -> Change:
    predicted = np.stack([one.before, one.after])
    drawn = bootstrap_correlation(pearson, predicted, one.measured, one.clusters, n_resamples=n_resamples, seed=seed)
    before, after, naive = (_r(values, one.measured) for values in (one.before, one.after, one.naive))
    differences = np.nan_to_num(drawn[1]) - np.nan_to_num(drawn[0])
    low, high = (float(end) for end in np.percentile(differences, [2.5, 97.5]))
    rows = int((~np.isnan(one.measured)).sum())
    return Change(one.name, one.new, rows, before, after, naive, after - before, low, high, naive - before)


def _r(predicted: npt.NDArray[np.floating], measured: npt.NDArray[np.floating]) -> float:
    """Pearson's r; 0 for answers that are all alike, which say nothing."""
    found = pearson(predicted, measured)
    return found if np.isfinite(found) else 0.0


def _of_new(one: Change) -> str:
    told = f"r {one.before:.3f} to {one.after:.3f}, change {one.change:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
    if one.low > 0:
        return f"Better on the new rows of {one.name} beyond noise: {told}."
    return f"Not better on the new rows of {one.name} beyond noise: {told}; more rows or another strategy are needed."


def _of_old(one: Change, bound: float) -> str:
    told = f"change of r {one.change:+.3f} ({one.low:+.3f} to {one.high:+.3f}), bound {-bound:+.3f}"
    if one.low >= -bound:
        return f"Not worse on the old rows of {one.name}: {told}."
    if one.high < -bound:
        return f"Worse on the old rows of {one.name} than the bound allows: {told}."
    return f"That it is not worse on the old rows of {one.name} is not shown: {told}; more held-out rows would tell."


def _of_unstated(name: str) -> str:
    return (
        f"{name} does not say which rows the parent did not learn from (split: valid); those that it knew by heart look forgotten "
        "whatever is done."
    )
