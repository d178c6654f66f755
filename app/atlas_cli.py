"""``cislens atlas``: the patterns that a model reads over a set of places, as JSON, with a MEME file for other tools."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from genome.errors import UserError


def add_parser(sub: argparse.ArgumentParser) -> None:
    """Describes the options of the command."""
    sub.add_argument("--model", required=True, help="a name, or a full model_id")
    sub.add_argument("--track", required=True, help="the track that is explained")
    sub.add_argument("--genome", required=True, help="the genome that the places are on")
    sub.add_argument("--bed", required=True, nargs="+", metavar="FILE", help="places: BED or narrowPeak, plain or gzip")
    sub.add_argument("--baseline", choices=("uniform", "zeros", "shuffled"), default="uniform")
    sub.add_argument("--seed", type=int, default=0, help="of the shuffles")
    sub.add_argument("--out", required=True, metavar="OUT.json", help="a MEME file and a picture are put beside it")
    sub.add_argument("--remote", action="store_true", help="allow sending the places to the genome server")


def atlas(options: argparse.Namespace) -> int:
    """Reads the places, finds the patterns, and writes OUT.json, OUT.meme and OUT.svg."""
    from app import atlas_record, compute, export
    from app.figures import atlas as figure
    from app.settings import remote_policy
    from genome.catalog import open_genome
    from interpret import atlas as atlases
    from interpret import modisco
    from interpret.background_build import read_places
    from models import registry

    out = Path(options.out)
    if out.suffix.lower() != ".json":
        raise UserError(f"'{out.name}' should end in .json.")
    export.check_place(out)
    if options.remote and remote_policy() == "deny":
        raise UserError("Reading genomes from a server is switched off here (CISLENS_REMOTE=deny).")
    modisco.check_installed()
    spec = registry.spec(options.model)
    compute.check_track(spec, options.track)
    target = spec.tracks[spec.track_index(options.track)].target
    genome = open_genome(options.genome, remote_allowed=options.remote or remote_policy() == "allow")
    places = [place for file in options.bed for place in read_places(Path(file))]
    run = compute.engine().runner(spec.model_id, session="atlas", priority="batch")
    found = atlases.make(
        run, spec, genome, places, target, baseline=options.baseline, seed=options.seed, progress=_print_progress
    )
    said = atlas_record.about(
        spec, target, genome.name, len(places), found, options.baseline, options.seed, atlas_record.discovery()
    )
    export.write_file(
        out, json.dumps(said | {"patterns": [atlas_record.as_json(p) for p in found.patterns]}, indent=1) + "\n"
    )
    export.write_file(out.with_suffix(".meme"), atlases.meme(found, about=said["caption"]))
    export.write_file(out.with_suffix(".svg"), figure.atlas_svg(found, unit=said["unit"], caption=said["caption"]))
    print(f"\n{len(found.patterns)} patterns from {found.n_places:,} places. Kept in {out}.", file=sys.stderr)
    if found.not_converged:
        print(f"# The contributions of {found.not_converged:,} places do not add up.", file=sys.stderr)
    return 0


def _print_progress(done: float) -> None:
    print(f"\r{done:6.1%}", end="", file=sys.stderr, flush=True)
