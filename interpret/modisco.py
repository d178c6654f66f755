"""TF-MoDISco (Shrikumar et al. 2018, arXiv 1811.00416) in a process of its own: the one door to the package.

It forks and compiles, which a process with sessions and a device in it must not. ``python -m interpret.modisco IN OUT`` is
that process; ``discover`` starts it.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from models.engine import Progress

Float = npt.NDArray[np.floating]

SLIDING_WINDOW = 21  # bp
FLANK = 10  # bp
FDR = 0.2
FEWEST_SEQLETS = 20  # of a pattern; with fewer in all of one sign none is looked for
MOST_SEQLETS = 20_000  # of one sign
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Cluster:
    """Seqlets that look alike.

    Attributes:
        sign: ``+`` when they raise the prediction.
        frequencies: float64 (4, length), share of each base over the seqlets.
        contributions: float64 (4, length), mean contribution of each base that stands there, in the unit given.
        seqlets: int64 (n, 4): row of the sequences, first base and one past the last (0-based), 1 when reversed.
    """

    sign: str
    frequencies: npt.NDArray[np.float64] = field(repr=False)
    contributions: npt.NDArray[np.float64] = field(repr=False)
    seqlets: npt.NDArray[np.int64] = field(repr=False)


def check_installed() -> None:
    """Raises a UserError when TF-MoDISco is not here."""
    if importlib.util.find_spec("modiscolite") is None:
        raise UserError(
            "An atlas is made by TF-MoDISco, which is not installed here; run: pip install 'cislens[atlas]'"
        )


def discover(one_hot: Float, hypothetical: Float, *, progress: Progress | None = None) -> tuple[Cluster, ...]:
    """Patterns that recur in contributions. The first run ever compiles for about a minute.

    Args:
        one_hot: float (n, 4, length), rows ACGT; N is a zero column.
        hypothetical: float (n, 4, length), what each base would contribute.
        progress: called with 0 while it runs; may raise to give up, which ends the process.

    Raises:
        UserError: when the package is missing or fails.
    """
    if one_hot.shape != hypothetical.shape or one_hot.ndim != 3 or one_hot.shape[1] != 4:
        raise ValueError(f"{one_hot.shape=}, {hypothetical.shape=}")
    check_installed()
    with tempfile.TemporaryDirectory(prefix="cislens-atlas-") as place:
        given, made, words = (Path(place) / name for name in ("in.npz", "out.npz", "words"))
        np.savez(given, one_hot=one_hot, hypothetical=hypothetical)
        here = os.pathsep.join(path or os.getcwd() for path in sys.path)
        command = [sys.executable, "-m", "interpret.modisco", str(given), str(made)]
        with words.open("wb") as handle:
            # In a session of its own: a signal that ends the server's whole group must not look like a failure of this.
            running = subprocess.Popen(
                command,
                env=os.environ | {"PYTHONPATH": here},
                stdout=subprocess.DEVNULL,
                stderr=handle,
                start_new_session=True,
            )
            _wait(running, progress)
        if running.returncode < 0:
            raise UserError(
                f"TF-MoDISco was ended by the system (signal {-running.returncode}), often for want of memory; start the "
                "atlas again, with fewer places if it happens again."
            )
        if running.returncode or not made.is_file():
            last = words.read_text(errors="replace").strip().splitlines()[-1:] or [f"exit code {running.returncode}"]
            raise UserError(f"TF-MoDISco failed ({last[0][:200]}); try other places, or a longer list of them.")
        with np.load(made, allow_pickle=False) as arrays:
            return _read(dict(arrays))


def main(given: str, made: str) -> None:
    """Runs TF-MoDISco on a file and writes what it finds."""
    from modiscolite.tfmodisco import TFMoDISco

    with np.load(given, allow_pickle=False) as arrays:
        one_hot, hypothetical = (
            arrays[name].transpose(0, 2, 1).astype(np.float64) for name in ("one_hot", "hypothetical")
        )
    found = TFMoDISco(
        one_hot,
        hypothetical,
        sliding_window_size=SLIDING_WINDOW,
        flank_size=FLANK,
        target_seqlet_fdr=FDR,
        min_metacluster_size=FEWEST_SEQLETS,
        final_min_cluster_size=FEWEST_SEQLETS,
        max_seqlets_per_metacluster=MOST_SEQLETS,
    )
    arrays_out: dict[str, Any] = {}
    for sign, patterns in zip("+-", found, strict=True):
        for index, pattern in enumerate(patterns or ()):
            key = f"{sign}{index}"
            arrays_out[f"{key}/frequencies"] = pattern.sequence.T
            arrays_out[f"{key}/contributions"] = pattern.contrib_scores.T
            places = [(s.example_idx, s.start, s.end, bool(s.is_revcomp)) for s in pattern.seqlets]
            arrays_out[f"{key}/seqlets"] = np.array(places, dtype=np.int64)
    np.savez(made, allow_pickle=False, **arrays_out)


def _read(arrays: dict[str, Any]) -> tuple[Cluster, ...]:
    keys = dict.fromkeys(name.partition("/")[0] for name in arrays)
    return tuple(
        Cluster(key[0], *(arrays[f"{key}/{part}"] for part in ("frequencies", "contributions", "seqlets")))
        for key in keys
    )


def _wait(running: subprocess.Popen[bytes], progress: Progress | None) -> None:
    """Waits for the process; ends it when progress raises."""
    try:
        while running.poll() is None:
            if progress is not None:
                progress(0.0)
            time.sleep(_POLL_SECONDS)
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
