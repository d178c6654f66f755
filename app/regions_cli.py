"""``cislens regions``: every substitution of a locus or of the places of a BED file, as one bigWig for each base put in."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genome.errors import UserError

if TYPE_CHECKING:  # imported where they are needed, so that --help answers at once
    from app.export_regions import Part
    from genome.locus import Locus
    from genome.source import Genome
    from interpret.regions import Stretches
    from models.core import ModelSpec

SUMMARY_NAMES = ("mean", "largest")  # written out so that --help answers at once; a test compares them
_ABOUT = "about.json"


def add_parser(sub: argparse.ArgumentParser) -> None:
    """Describes the options of the command."""
    sub.add_argument("--model", required=True, help="a name, or a full model_id")
    sub.add_argument("--genome", required=True)
    sub.add_argument("--track", required=True, help="the track whose changes are wanted")
    sub.add_argument("places", metavar="LOCUS|BED", help="1-based inclusive, or a gene; or a BED file, plain or gzip")
    sub.add_argument(
        "--out",
        required=True,
        metavar="PREFIX",
        help="PREFIX.A.bw, .C.bw, .G.bw, .T.bw, .summary.bw and .json are written",
    )
    sub.add_argument("--summary", choices=SUMMARY_NAMES, default="mean", help="of the three other bases at a position")
    sub.add_argument("--remote", action="store_true", help="allow sending the places to the genome server")


def regions(options: argparse.Namespace) -> int:
    """Computes piece by piece, keeps each beside the files, and goes on there when it is asked the same again."""
    from app import compute, export, export_regions
    from app.settings import remote_policy
    from genome.catalog import open_genome
    from interpret.regions import substitutions_in
    from models import registry

    prefix = Path(options.out)
    export.check_place(Path(f"{prefix}.json"))
    if options.remote and remote_policy() == "deny":
        raise UserError("Reading genomes from a server is switched off here (CISLENS_REMOTE=deny).")
    spec = registry.spec(options.model)
    compute.check_track(spec, options.track)
    genome = open_genome(options.genome, remote_allowed=options.remote or remote_policy() == "allow")
    where = _stretches(options.places, options.genome, genome)
    for notice in where.notices:
        print(f"# {notice}", file=sys.stderr)
    about, folder = _about(spec, options.track, genome, where), Path(f"{prefix}.parts")
    _open(folder, about)
    pieces = where.pieces()
    missing = [number for number in range(len(pieces)) if not _file(folder, number).exists()]
    _say_how_long(spec, sum(pieces[number].length for number in missing))
    run = compute.engine().runner(spec.model_id, session="regions", priority="batch")
    for done, number in enumerate(missing):
        _print_progress((len(pieces) - len(missing) + done) / len(pieces))
        found = substitutions_in(run, spec, genome, pieces[number], options.track)
        _keep(_file(folder, number), found.effects)
    _print_progress(1.0)
    paths = {name: Path(f"{prefix}.{name}.bw") for name in export_regions.NAMES}
    contigs = {locus.chrom: genome.contigs[locus.chrom] for locus in where.loci}
    export_regions.write(paths, contigs, lambda: _parts(folder, pieces), options.summary)
    made = about | export_regions.meaning(options.summary) | {"files": [path.name for path in paths.values()]}
    export.write_file(Path(f"{prefix}.json"), json.dumps(made, indent=1) + "\n")
    shutil.rmtree(folder)
    print(f"\n{where.length:,} bp in {len(where.loci):,} stretches. Kept in {prefix}.*.bw.", file=sys.stderr)
    return 0


def _stretches(text: str, name: str, genome: Genome) -> Stretches:
    """The places of a BED file, or the one that was typed."""
    from genome.catalog import open_genes
    from genome.resolve import resolve
    from interpret.background_build import read_places
    from interpret.regions import stretches

    if Path(text).is_file():
        return stretches(read_places(Path(text)), genome)
    if text.lower().endswith((".bed", ".gz", ".narrowpeak", ".txt")):
        raise UserError(f"There is no file {text}; name a BED file, or a locus such as chr22:19,710,789-19,711,173.")
    place = resolve(text, genome, open_genes(name))
    if place.sequence is not None or place.edits:
        raise UserError("Give a stretch of the genome: a locus, a gene or a BED file.")
    return stretches([place.locus], genome)


def _about(spec: ModelSpec, track: str, genome: Genome, where: Stretches) -> dict[str, Any]:
    """Everything that decides the values. Places are 1-based inclusive."""
    import hashlib
    from importlib.metadata import version

    from app.export import RESEARCH_USE
    from interpret.effects import placement_rule
    from interpret.regions import PIECE

    target = spec.tracks[spec.track_index(track)].target
    chroms = dict.fromkeys(locus.chrom for locus in where.loci)
    listed = "\n".join(f"{locus.chrom}\t{locus.start}\t{locus.end}" for locus in where.loci)
    return {
        "software": f"cislens {version('cislens')}",
        "model_id": spec.model_id,
        "members": spec.n_members,
        "strands": list(spec.strands),
        "track": track,
        "unit": target.unit(spec),
        "explained": target.reduce,
        "windows": placement_rule(spec, "each change"),
        "genome": genome.name,
        "contig_digests": {chrom: genome.contig_digest(chrom) for chrom in chroms},
        "places": [str(locus) for locus in where.loci[:100]],
        "stretches": len(where.loci),
        "bp": where.length,
        "places_digest": hashlib.sha256(listed.encode()).hexdigest()[:12],
        "piece_bp": PIECE,
        "use": RESEARCH_USE,
    }


def _open(folder: Path, about: dict[str, Any]) -> None:
    """Makes the folder of parts, or goes on with the one that is there."""
    from app import export

    text = json.dumps(about, indent=1) + "\n"
    if folder.exists():
        kept = folder / _ABOUT
        if not kept.is_file() or kept.read_text(encoding="utf-8") != text:
            raise UserError(f"{folder} was begun with another question; remove it, or choose another --out.")
        return
    folder.mkdir()
    export.write_file(folder / _ABOUT, text)


def _say_how_long(spec: ModelSpec, length: int) -> None:
    """About how long it takes, from the measured pace; nothing where it is soon done."""
    from app import compute
    from app.compute_mutagenesis import in_words
    from interpret.placed import placed_passes

    seconds = placed_passes(spec, length) * compute.engine().pace(spec.model_id).row_seconds if length else 0.0
    if seconds > 60:
        print(
            f"# {length:,} bp take about {in_words(seconds)} here; it can be stopped and goes on there.",
            file=sys.stderr,
        )


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.npy"


def _keep(path: Path, effects: Any) -> None:
    """Writes a part whole or not at all."""
    import io

    import numpy as np

    from app import export

    buffer = io.BytesIO()
    np.save(buffer, effects, allow_pickle=False)
    export.write_file(path, buffer.getvalue())


def _parts(folder: Path, pieces: tuple[Locus, ...]) -> Iterator[Part]:
    import numpy as np

    for number, piece in enumerate(pieces):
        effects = np.load(_file(folder, number), allow_pickle=False)
        yield piece.chrom, np.arange(piece.start, piece.end, dtype=np.int64), effects


def _print_progress(done: float) -> None:
    print(f"\r{done:6.1%}", end="", file=sys.stderr, flush=True)
