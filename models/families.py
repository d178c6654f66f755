"""``python -m models.families``: the three reporter families side by side, two seeds each, on the same rows."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from torch import nn

from genome.errors import UserError
from models.reporter_data import Parts, read_lentimpra
from models.reporter_train import BEST_FAMILY, FAMILY_RECIPES, LENTIMPRA, UNTAUGHT, Lesson, fit_family, lentimpra_lesson
from models.train import data_folder

SEEDS = (0, 1)
UNTAUGHT_NAME = f"{BEST_FAMILY}, not taught"


def fit_families(parts: Parts, taught: Lesson, *, work: Path, workers: int = 2) -> dict[str, list[nn.Module]]:
    """Members 0 and 1 of every family, and of the best one without a teacher; finished fits are read from ``work``."""
    n_kept = len(LENTIMPRA.tracks)
    fitted = {
        family: fit_family(recipe, parts, n_kept=n_kept, members=SEEDS, work=work, workers=workers, taught=taught)
        for family, recipe in FAMILY_RECIPES.items()
    }
    alone = fit_family(UNTAUGHT, parts, n_kept=n_kept, members=SEEDS, work=work / "untaught", workers=workers)
    return fitted | {UNTAUGHT_NAME: alone}


def states(name: str, work: Path) -> Path:
    """The folder with the states of a family's fits."""
    return work / "untaught" / BEST_FAMILY if name == UNTAUGHT_NAME else work / name


def main(arguments: list[str] | None = None) -> int:
    """Fits them all; ``python -m models.reporter_scores`` then looks at the test rows, once, for all."""
    parser = argparse.ArgumentParser(prog="python -m models.families", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/train/lentimpra"), help="folder of the fits' states")
    parser.add_argument("--workers", type=int, default=2, help="members fitted at the same time, one core each")
    chosen = parser.parse_args(arguments)
    try:
        parts = read_lentimpra(data_folder())
        taught = lentimpra_lesson(parts, data_folder(), chosen.work)
        fit_families(parts, taught, work=chosen.work, workers=chosen.workers)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
