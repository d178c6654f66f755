"""``cislens background``: what percentiles are percentiles of. Makes a set of windows and changes for one model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from genome.errors import UserError

if TYPE_CHECKING:  # imported where they are needed, so that --help answers at once
    from genome.locus import Locus
    from interpret.background import Background


def add_parser(sub: argparse.ArgumentParser) -> None:
    """Describes the options of the command."""
    sub.add_argument("model", metavar="MODEL", help="a name, or a full model_id")
    sub.add_argument("--genome", required=True, help="the genome that the places are on")
    sub.add_argument("--bed", required=True, nargs="+", metavar="FILE", help="places: BED or narrowPeak, plain or gzip")
    sub.add_argument("--name", help="of the set; default: the name of the first file")
    sub.add_argument("--words", help="what the screen says after 'windows of'; default: the set's name and the genome")
    sub.add_argument("--most", type=int, help="single-base changes at most (drawn by seed when there are more)")
    sub.add_argument("--seed", type=int, default=0, help="of the sampling")
    sub.add_argument("--out", metavar="FILE", help="write it here instead of where Cislens looks for it")
    sub.add_argument("--remote", action="store_true", help="allow sending the places to the genome server")


def background(options: argparse.Namespace) -> int:
    """Computes activities and effects over the places, and keeps them under the model's id."""
    from app import compute
    from app.settings import remote_policy
    from genome.catalog import open_genome
    from genome.home import folder
    from interpret import background as sets
    from interpret import background_build
    from models import registry

    spec = registry.spec(options.model)
    name = options.name or Path(options.bed[0]).name.partition(".")[0]
    sets.check_name(name)
    most = background_build.MOST if options.most is None else options.most
    if most < 1:
        raise UserError(f"--most {most} leaves no change to compute; give a number above 0.")
    if options.remote and remote_policy() == "deny":
        raise UserError("Reading genomes from a server is switched off here (CISLENS_REMOTE=deny).")
    places = _places(options.bed)
    genome = open_genome(options.genome, remote_allowed=options.remote or remote_policy() == "allow")
    out = None if options.out is None else Path(options.out)
    if out is not None and not out.parent.is_dir():
        raise UserError(f"There is no folder {out.parent}; make it first, or give another --out.")
    found = background_build.build(
        compute.engine().runner(spec.model_id, session="background", priority="batch"),
        spec,
        genome,
        places,
        name=name,
        words=options.words or f"{name} ({genome.name})",
        seed=options.seed,
        most=most,
        progress=_print_progress,
    )
    path = out or folder("backgrounds", spec.model_id) / f"{name}.safetensors"
    sets.write(found, path)
    print(f"\n{found.about.provenance} Kept in {path}.", file=sys.stderr)
    _warn_where_small(found)
    return 0


def _places(files: list[str]) -> list[Locus]:
    """The places of every file; one that is too long to be a measurement is left out, and said to be."""
    from interpret.background_build import MAX_PLACE, read_places

    places = [place for file in files for place in read_places(Path(file))]
    kept = [place for place in places if place.length <= MAX_PLACE]
    if len(kept) < len(places):
        print(f"# {len(places) - len(kept)} places longer than {MAX_PLACE:,} bp are left out.", file=sys.stderr)
    return kept


def _warn_where_small(found: Background) -> None:
    from interpret.background import MIN_VALUES

    for what, kind in (("windows", found.activities), ("single-base changes", found.effects)):
        n = next(iter(kind.values())).n
        if n < MIN_VALUES:
            print(f"# Only {n:,} {what}: below {MIN_VALUES:,} no percentile is given.", file=sys.stderr)


def _print_progress(done: float) -> None:
    print(f"\r{done:6.1%}", end="", file=sys.stderr, flush=True)
