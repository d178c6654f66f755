"""A percentile of what? Where a prediction, or the effect of a change, stands among those of a named set of places."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import save_file

from genome.errors import UserError
from genome.home import home, replaced
from models import registry
from models.tensor_files import statement

MIN_VALUES = 5_000  # fewer give no percentile
KEPT = 10_001  # points of the grid of quantiles that is kept of a larger set; its extremes are always kept
EXTREME = 0.99  # a percentile above it is looked at twice
TINY = 0.1  # standard deviations of the track below which an effect is called tiny
QUIET = 0.25  # percentile of activity up to which a window is called quiet
ARTEFACT = "quiet region artefact"
PREFIX = "background-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")
_META = "background"  # one key: the order of several would differ from run to run


@dataclass(frozen=True)
class Rank:
    """Where a value stands in a named set; always shown beside the value itself.

    Attributes:
        percentile: share of the set below the value, ties counted half, or None where there is none.
        text: the same in words, or ``no percentile: `` and the reason.
        set_name: the set's name, or empty.
        n: how many values the set holds.
        flag: why a high percentile means little here, or empty.
    """

    percentile: float | None
    text: str
    set_name: str = ""
    n: int = 0
    flag: str = ""


@dataclass(frozen=True)
class Distribution:
    """The values of one track over a set.

    Attributes:
        values: float32 (k,), ascending: all of them, or of more than KEPT their quantiles at evenly spaced ranks.
        n: how many there were.
    """

    values: npt.NDArray[np.float32]
    n: int

    def __post_init__(self) -> None:
        k = len(self.values)
        if not (k == min(self.n, KEPT) and np.isfinite(self.values).all() and (np.diff(self.values) >= 0).all()):
            raise ValueError(f"{k=}, {self.n=}: a distribution is finite, ascending and at most {KEPT} long")

    def share_below(self, value: float) -> float:
        """Share of the set below a value, ties counted half: 0 below all of them, 1 above all."""
        left, right = (int(np.searchsorted(self.values, np.float32(value), side)) for side in ("left", "right"))
        return (left + right) / 2 / len(self.values)


@dataclass(frozen=True)
class About:
    """Where a set comes from: everything but the numbers. No date, so that the same set is the same file.

    Attributes:
        model_id: the model whose answers these are.
        name: the set's name.
        words: what stands after "windows of" on screen, e.g. ``measured K562 open chromatin (hg19 demo)``.
        provenance: one sentence on the places, their number and the sampling.
        genome: the genome's name.
        synthetic: whether no organism has that DNA.
        digest: 12 hex over the places and the digests of their chromosomes.
        seed: of the sampling.
        sampled: whether the changes are a sample of all there are.
        activity_formula, effect_formula: how each value was computed.
        sds: standard deviation of each track, by name.
    """

    model_id: str
    name: str
    words: str
    provenance: str
    genome: str
    synthetic: bool
    digest: str
    seed: int
    sampled: bool
    activity_formula: str
    effect_formula: str
    sds: Mapping[str, float]

    def __post_init__(self) -> None:
        check_name(self.name)
        texts = (self.model_id, self.words, self.provenance, self.genome, self.activity_formula, self.effect_formula)
        if not all(isinstance(text, str) and text for text in texts):
            raise ValueError(f"{texts=}")
        if not all(math.isfinite(sd) and sd > 0 for sd in self.sds.values()):
            raise ValueError(f"{self.sds=}")


@dataclass(frozen=True)
class Background:
    """Activities of windows and sizes of single-base effects of one model over a named set of places.

    Attributes:
        about: where they come from.
        activities: by track, the usual explained scalar of each window, in the track's unit (log counts of a profile).
        effects: by track, the absolute effect of each single-base change, in the same unit.
    """

    about: About
    activities: Mapping[str, Distribution]
    effects: Mapping[str, Distribution]

    def rank_activity(self, track: str, value: float, *, synthetic: bool | None) -> Rank:
        """Where a window's activity stands.

        Args:
            track: name of the track.
            value: computed as ``about.activity_formula`` says.
            synthetic: whether the locus is synthetic DNA; None when that is not known (pasted bases).
        """
        refused = self._refused(self.activities.get(track), synthetic)
        if refused is not None:
            return refused
        found = self.activities[track]
        return self._rank(found, value, f"windows of {self.about.words}", ("higher", "lower"))

    def rank_effect(
        self,
        track: str,
        delta: float,
        *,
        synthetic: bool | None,
        activity: float | None = None,
    ) -> Rank:
        """Where the size of a single-base effect stands, whatever its sign (which is shown beside it).

        Args:
            track: name of the track.
            delta: computed as ``about.effect_formula`` says.
            synthetic: whether the locus is synthetic DNA; None when that is not known (pasted bases).
            activity: the higher of the predictions without and with the change, to recognise a quiet window.
        """
        refused = self._refused(self.effects.get(track), synthetic)
        if refused is not None:
            return refused
        sampled = " (sampled)" if self.about.sampled else ""
        among = f"single-base changes{sampled} in {self.about.words}"
        found = self._rank(self.effects[track], abs(delta), among, ("larger", "smaller"))
        flag = self._artefact(track, found, delta, activity)
        return Rank(found.percentile, found.text, found.set_name, found.n, flag)

    def rank_effects(
        self, track: str, deltas: npt.NDArray[np.float32], *, synthetic: bool | None
    ) -> tuple[npt.NDArray[np.float32] | None, str]:
        """Where the sizes of many single-base effects stand, as ``rank_effect`` says of one.

        Args:
            track: name of the track.
            deltas: float32 (any shape), computed as ``about.effect_formula`` says; NaN where there is none.
            synthetic: as in ``rank_effect``.

        Returns:
            float32 of the same shape, percentiles from 0 to 100 (NaN where there is no effect), and what they are
            percentiles of; or None and the reason why there are none.
        """
        refused = self._refused(self.effects.get(track), synthetic)
        if refused is not None:
            return None, refused.text
        found, sizes = self.effects[track], np.abs(deltas)
        below = [np.searchsorted(found.values, sizes, side) for side in ("left", "right")]  # type: ignore[call-overload]
        shares = np.clip((below[0] + below[1]) / 2 / len(found.values), 1 / found.n, 1 - 1 / found.n)
        sampled = " (sampled)" if self.about.sampled else ""
        among = f"{found.n:,} single-base changes{sampled} in {self.about.words}"
        return np.where(np.isnan(deltas), np.nan, 100 * shares).astype(np.float32), among

    def _refused(self, values: Distribution | None, synthetic: bool | None) -> Rank | None:
        if synthetic is not None and synthetic != self.about.synthetic:
            kinds = ("synthetic", "real") if self.about.synthetic else ("real", "synthetic")
            return self._none(f"the background is {kinds[0]} DNA and this locus is {kinds[1]}")
        n = 0 if values is None else values.n
        if n < MIN_VALUES:
            return self._none("the background is empty" if n == 0 else f"only {n:,} values", n)
        return None

    def _none(self, reason: str, n: int = 0) -> Rank:
        return Rank(None, f"no percentile: {reason}", self.about.name, n)

    def _rank(self, values: Distribution, value: float, among: str, words: tuple[str, str]) -> Rank:
        if not math.isfinite(value):
            raise ValueError(f"{value=}")
        share, edge = values.share_below(value), 1 / values.n
        counted = f"{values.n:,} {among}"
        if share == 1:
            text = f"{words[0]} than all {counted} (> {percent(1 - edge, values.n)})"
        elif share == 0:
            text = f"{words[1]} than all {counted} (< {percent(edge, values.n)})"
        else:
            text = f"{words[0]} than {percent(min(max(share, edge), 1 - edge), values.n)} of {counted}"
        return Rank(min(max(share, edge), 1 - edge), text, self.about.name, values.n)

    def _artefact(self, track: str, found: Rank, delta: float, activity: float | None) -> str:
        if found.percentile is None or found.percentile <= EXTREME:
            return ""
        if abs(delta) < TINY * self.about.sds[track]:
            return f"{ARTEFACT}: the effect itself is tiny (under {TINY} standard deviations of the track)"
        levels = self.activities.get(track)
        if activity is None or levels is None or levels.n < MIN_VALUES or levels.share_below(activity) > QUIET:
            return ""
        return f"{ARTEFACT}: with and without the change, the window is among the quietest {100 * QUIET:.0f} %"


def percent(share: float, n: int) -> str:
    """A share in per cent: whole in the middle, near either end with as many digits as the size of the set allows.

    It is cut, not rounded, above one half and below 1 % raised, so that no text claims more than was counted.
    """
    if 0.01 <= share <= 0.99:
        return f"{100 * share:.0f} %"
    digits = max(0, math.ceil(math.log10(n)) - 2)
    scaled = 100 * share * 10**digits
    whole = math.floor(scaled + 1e-6) if share > 0.5 else math.ceil(scaled - 1e-6)
    return f"{whole / 10**digits:.{digits}f} %"


def distribution(values: npt.NDArray[np.float32]) -> Distribution:
    """Sorts values (n,); of more than KEPT, the quantiles at evenly spaced ranks, the extremes among them.

    Raises:
        ValueError: when one is not a number.
    """
    ordered = np.sort(values.astype(np.float32))
    if len(ordered) > KEPT:
        ordered = ordered[np.linspace(0, len(ordered) - 1, KEPT).round().astype(np.int64)]
    return Distribution(ordered, len(values))


def check_name(name: str) -> None:
    """Raises a UserError when a set cannot be called that."""
    if not _NAME.fullmatch(name):
        raise UserError(f"'{' '.join(name.split())[:40]}' cannot name a set; use letters, digits, '.', '_' and '-'.")


def write(background: Background, path: Path) -> None:
    """Writes a set as safetensors; the same set gives the same bytes."""
    about = asdict(background.about) | {"format": 1, "n": {}}
    tensors: dict[str, npt.NDArray[np.float32]] = {}
    for kind in ("activities", "effects"):
        found: Mapping[str, Distribution] = getattr(background, kind)
        about["n"][kind] = {track: values.n for track, values in found.items()}
        tensors |= {f"{kind}/{track}": values.values for track, values in found.items()}
    with replaced(path) as temporary:
        save_file(tensors, temporary, metadata={_META: json.dumps(about, sort_keys=True)})


def read(path: Path, model_id: str) -> Background:
    """Reads a set and checks that it belongs to a model.

    Raises:
        UserError: when it is damaged, or was made for another model.
    """
    try:
        background = _from_file(*statement(path, _META))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, UserError) as error:
        raise UserError(f"The background {path.name} cannot be used; make it again with cislens background.") from error
    if background.about.model_id != model_id:
        raise UserError(
            f"The background {path.name} was made for {background.about.model_id}, not for {model_id}; "
            "make it again with cislens background."
        )
    return background


def available(model_id: str) -> tuple[Background, ...]:
    """The sets of a model: those made here (in order of their names), then the shipped ones.

    Raises:
        UserError: when one of them cannot be used.
    """
    own = sorted((home() / "backgrounds" / model_id).glob("*.safetensors"))
    toml = registry.companion(model_id, "model.toml")
    shipped = sorted(toml.parent.glob(f"{PREFIX}*.safetensors")) if toml is not None else []
    return tuple(_kept(path, model_id, path.stat().st_mtime_ns, path.stat().st_size) for path in (*own, *shipped))


def chosen(model_id: str, *, synthetic: bool | None, name: str = "") -> Background | None:
    """The set that a locus is ranked in: the one named, else the first of its kind of DNA, else the first, or None.

    Raises:
        UserError: when a set cannot be used, or none has that name.
    """
    sets = available(model_id)
    if name:
        named = [found for found in sets if found.about.name == name]
        if not named:
            known = ", ".join(found.about.name for found in sets) or "none"
            raise UserError(f"{model_id} has no background '{name[:40]}'; there is: {known}.")
        return named[0]
    # Pasted bases may be anything: real DNA is the better guess, and the text names the set.
    wanted = bool(synthetic)
    return next((found for found in sets if found.about.synthetic == wanted), sets[0] if sets else None)


@lru_cache(maxsize=32)
def _kept(path: Path, model_id: str, _modified: int, _size: int) -> Background:
    """A set that was read before; a file that changed is read again."""
    return read(path, model_id)


def _from_file(about: dict[str, Any], tensors: Mapping[str, npt.NDArray[np.float32]]) -> Background:
    if about["format"] != 1:
        raise ValueError(f"{about['format']=}")
    kinds = {
        kind: {track: Distribution(tensors[f"{kind}/{track}"], int(n)) for track, n in about["n"][kind].items()}
        for kind in ("activities", "effects")
    }
    named = {field.name: about[field.name] for field in fields(About)}
    return Background(About(**named), kinds["activities"], kinds["effects"])
