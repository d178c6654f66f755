"""``cislens atlas``: the patterns that a model reads over a set of places, as JSON, with a MEME file for other tools."""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genome.errors import UserError

if TYPE_CHECKING:  # imported where they are needed, so that --help answers at once
    from genome.source import Genome
    from interpret.atlas import Atlas, Pattern
    from models.core import ModelSpec, Target


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
    from app import compute, export
    from app.figures import atlas as figure
    from app.settings import remote_policy
    from genome.catalog import open_genome
    from interpret import atlas as atlases
    from interpret import modisco
    from interpret.background_build import read_places
    from models import registry
    from models.core import Target

    out = Path(options.out)
    if out.suffix.lower() != ".json":
        raise UserError(f"'{out.name}' should end in .json.")
    export.check_place(out)
    if options.remote and remote_policy() == "deny":
        raise UserError("Reading genomes from a server is switched off here (CISLENS_REMOTE=deny).")
    modisco.check_installed()
    spec = registry.spec(options.model)
    compute.check_track(spec, options.track)
    target = Target(options.track, spec.tracks[spec.track_index(options.track)].reductions[0])
    genome = open_genome(options.genome, remote_allowed=options.remote or remote_policy() == "allow")
    places = [place for file in options.bed for place in read_places(Path(file))]
    run = compute.engine().runner(spec.model_id, session="atlas", priority="batch")
    found = atlases.make(
        run, spec, genome, places, target, baseline=options.baseline, seed=options.seed, progress=_print_progress
    )
    said = about(spec, target, genome, len(places), found, options.baseline, options.seed)
    export.write_file(out, json.dumps(said | {"patterns": [as_json(p) for p in found.patterns]}, indent=1) + "\n")
    export.write_file(out.with_suffix(".meme"), atlases.meme(found))
    export.write_file(out.with_suffix(".svg"), figure.atlas_svg(found, unit=said["unit"], caption=said["caption"]))
    print(f"\n{len(found.patterns)} patterns from {found.n_places:,} places. Kept in {out}.", file=sys.stderr)
    if found.not_converged:
        print(f"# The contributions of {found.not_converged:,} places do not add up.", file=sys.stderr)
    return 0


def about(
    spec: ModelSpec, target: Target, genome: Genome, n_given: int, found: Atlas, baseline: str, seed: int
) -> dict[str, Any]:
    """What decides an atlas, as plain values."""
    from interpret import modisco
    from interpret.atlas import TRIM
    from interpret.jaspar import jaspar_release
    from interpret.motifs import NAMING_FLOOR, NOTE

    seeded = f", seed {seed}" if baseline == "shuffled" else ""
    return {
        "software": f"cislens {version('cislens')}",
        "model_id": spec.model_id,
        "genome": genome.name,
        "track": target.track,
        "explained": target.reduce,
        "unit": target.unit(spec),
        "method": "integrated gradients",
        "baseline": baseline,
        "seed": seed,
        "strands": list(spec.strands),
        "discovery": f"TF-MoDISco (modisco-lite {version('modisco-lite')}), sliding window {modisco.SLIDING_WINDOW}, "
        f"flank {modisco.FLANK}, false discovery rate {modisco.FDR}, at least {modisco.FEWEST_SEQLETS} seqlets",
        "kept": f"patterns whose bases add up to at least {NAMING_FLOOR} sd of the track; columns from {TRIM} of the highest",
        "names": f"TOMTOM against {jaspar_release()} CORE vertebrates. {NOTE}",
        "places_given": n_given,
        "places_read": found.n_places,
        "places_not_converged": found.not_converged,
        "window": found.window,
        "patterns_too_faint": found.faint,
        "caption": f"{spec.model_id} · {target.track} ({target.unit(spec)}) · integrated gradients, reference "
        f"{baseline}{seeded} · {found.n_places:,} places of {found.window} bp of {genome.name}",
    }


def as_json(pattern: Pattern) -> dict[str, Any]:
    """One pattern as plain values; arrays are rows A, C, G, T."""
    like = pattern.like
    return {
        "label": pattern.label,
        "sign": pattern.sign,
        "seqlets": pattern.n_seqlets,
        "contribution": pattern.contribution,
        "motif": like.motif.name if pattern.named else None,
        "matrix": like.motif.matrix_id if pattern.named else None,
        "strand": like.strand if pattern.named else None,
        "q_value": like.q_value,
        "families": list(pattern.families),
        "ties": [tie.name for tie in like.ties] if pattern.named else [],
        "frequencies": pattern.frequencies.round(6).tolist(),
        "contributions": pattern.weights.round(6).tolist(),
    }


def _print_progress(done: float) -> None:
    print(f"\r{done:6.1%}", end="", file=sys.stderr, flush=True)
