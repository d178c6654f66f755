"""The command line: the same compute layer as the page. ``cislens --help`` lists the commands."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app import (
    acquire_cli,
    atlas_cli,
    background_cli,
    design_cli,
    measure_cli,
    refine_cli,
    regions_cli,
    store_cli,
    variants_cli,
)
from genome.errors import UserError

if TYPE_CHECKING:  # imported where they are needed, so that --help answers at once
    from app.compute import Asker
    from app.view import View
    from genome.locus import Locus, Variant
    from models.core import ModelSpec

# Written out so that --help answers at once; a test compares them with interpret.methods.
METHOD_NAMES = ("ig", "gradient", "deeplift", "ism")
BASELINE_NAMES = ("uniform", "zeros", "shuffled", "four", "three")


def main(arguments: Seq[str] | None = None) -> int:
    """Runs one command; a person's mistake ends in one sentence on standard error and exit code 2."""
    options = _parser().parse_args(arguments)
    # Read when torch is loaded. Threads that spin while they wait make it crawl (50 times slower, measured) as soon as
    # another process wants a core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        result: int = options.run(options)
        return result
    except UserError as error:
        print(f"cislens: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("cislens: stopped.", file=sys.stderr)
        return 130


def predict(options: argparse.Namespace) -> int:
    """Predictions along a locus."""
    from app import compute, export
    from app.view import View
    from models import registry

    spec = registry.spec(options.model)
    asker = compute.Asker(session="cli", remote_allowed=_remote_allowed(options))
    locus, edits = _place(options, asker.remote_allowed)
    view = View(spec.model_id, options.genome, locus, spec.tracks[0].name, edits=edits)
    prediction = compute.prediction(view, asker)
    if options.json:
        print(export.prediction_json(view, prediction, contig_digest=compute.contig_digest(view, asker)))
        return 0
    print(f"# {spec.model_id}  {options.genome}  {view.locus}  {prediction.rule} Starts are 0-based.")
    print("\t".join(["chrom", "start", "end", *(track.name for track in spec.tracks)]))
    for index, (start, end) in enumerate(zip(prediction.starts, prediction.ends, strict=True)):
        values = "\t".join(f"{value:.4f}" for value in prediction.values[:, index])
        print(f"{view.locus.chrom}\t{start}\t{end}\t{values}")
    return 0


def score(options: argparse.Namespace) -> int:
    """One row of predictions per sequence of a file, in its order."""
    from app.score import score_file

    rows = score_file(options.model, Path(options.file), Path(options.out))
    print(f"{rows:,} sequences scored into {options.out}.", file=sys.stderr)
    return 0


def attribute(options: argparse.Namespace) -> int:
    """Contributions of each base, in the format that the file's ending names."""
    from app import compute, export
    from models import registry

    out, ending = Path(options.out), _ending(options.out)
    export.check_place(out)
    spec = registry.spec(options.model)
    compute.check_track(spec, options.track)
    asker = compute.Asker(session="cli", remote_allowed=_remote_allowed(options))
    view = _explained(options, spec, asker)
    found = compute.attribution(view, asker)
    if ending == "bw":
        length = compute.genome(view, asker).contigs[view.locus.chrom]
        export.write_file(out, export.attribution_bigwig(found, contig_length=length))
    elif ending == "json":
        from app.answer import answer

        export.write_file(out, export.answer_json(answer(view, asker, thorough=options.thorough)))
    else:
        writers: dict[str, Callable[..., bytes | str]] = {
            "npz": export.attribution_npz,
            "bedgraph": export.attribution_bedgraph,
        }
        digest = compute.contig_digest(view, asker)
        export.write_file(out, writers[ending](view, found, contig_digest=digest))
    _print_notices([found.note] if found.note else [])
    if found.converged is False:
        print(f"cislens: the contributions do not add up (gap {found.relative_gap:.1%}).", file=sys.stderr)
    return 0


def models(options: argparse.Namespace) -> int:
    """The models that are here, or adds one."""
    if options.action == "add":
        from app.add_model import add_model

        return add_model(options)
    from models import registry

    for spec in registry.specs():
        if options.json:
            print(json.dumps({"model_id": spec.model_id, "name": spec.name, "tracks": [t.name for t in spec.tracks]}))
        else:
            tracks = ", ".join(track.name for track in spec.tracks)
            print(f"{spec.model_id}\t{spec.title}\t{spec.input_length} bp\t{spec.n_members} members\t{tracks}")
    for problem in registry.problems():
        print(f"cislens: {problem}", file=sys.stderr)
    return 0


def genomes(options: argparse.Namespace) -> int:
    """The genomes that are declared, or keeps one locally."""
    from genome import catalog

    if options.action == "fetch":
        from genome.fetch import fetch

        if not options.name:
            raise UserError("Say which genome to fetch, e.g. cislens genomes fetch hg38.")
        path = fetch(options.name, progress=_print_progress)
        print(f"\n{options.name} is now kept in {path}.", file=sys.stderr)
        return 0
    for entry in catalog.genomes():
        where = "on this computer" if entry.is_local else "read from UCSC when allowed"
        print(f"{entry.name}\t{entry.build}\t{entry.title}\t{where}")
    return 0


def serve(options: argparse.Namespace) -> int:
    """Serves the page. Replaces this process by Streamlit."""
    page = Path(__file__).with_name("server.py")
    print(f"Cislens: http://{options.address}:{options.port}", flush=True)
    command = [sys.executable, "-m", "streamlit", "run", str(page)]
    command += [f"--server.port={options.port}", f"--server.address={options.address}", *STREAMLIT_OPTIONS]
    os.execv(sys.executable, command)  # noqa: S606  fixed program, list of arguments, no shell


# Nothing is sent anywhere, errors show no code, uploads are limited (50 MB), and the page looks the same everywhere. Python
# collects garbage when there is some: doing so after every run of a page would stop all sessions for a tenth of a second.
STREAMLIT_OPTIONS = (
    "--server.headless=true",
    "--server.fileWatcherType=none",
    "--server.maxUploadSize=50",
    "--runner.postScriptGC=false",
    "--browser.gatherUsageStats=false",
    "--client.showErrorDetails=none",
    "--client.toolbarMode=minimal",
    "--theme.base=light",
    "--theme.primaryColor=#0284c7",
)


def _explained(options: argparse.Namespace, spec: ModelSpec, asker: Asker) -> View:
    """The view that the options of ``attribute`` describe."""
    from app import compute
    from app.view import View
    from genome.sequence import clean_bases
    from interpret.methods import METHODS

    if options.sequence is not None:
        if options.locus:
            raise UserError("Give --locus with --genome, or --sequence alone, not both.")
        bases, notices = clean_bases(options.sequence)
        if len(bases) > compute.MAX_LETTERS:
            raise UserError(
                f"Contributions are computed for up to {compute.MAX_LETTERS:,} bp, and this sequence has {len(bases):,}; "
                "give a part of it."
            )
        _print_notices(notices)
        view = compute.pasted_view(spec.model_id, options.track, "pasted", bases)
    else:
        if not options.locus:
            raise UserError("Say what to explain: --genome with --locus, or --sequence.")
        locus, edits = _place(options, asker.remote_allowed)
        view = View(spec.model_id, options.genome, locus, options.track, edits=edits)
    method = METHODS[options.method]
    baseline = options.baseline or method.baselines[0]
    if baseline not in method.baselines:
        raise UserError(
            f"--baseline {baseline} does not go with {method.words}; choose one of: {', '.join(method.baselines)}."
        )
    return replace(view, method=options.method, baseline=baseline, seed=options.seed)


def _place(options: argparse.Namespace, remote_allowed: bool) -> tuple[Locus, tuple[Variant, ...]]:
    """The locus of the options, with the genome's own chromosome name (1-based text in, 0-based value out), and edits."""
    from genome.catalog import open_ensembl, open_genes, open_genome
    from genome.resolve import resolve

    genome = open_genome(options.genome, remote_allowed=remote_allowed)
    ensembl = open_ensembl(options.genome, remote_allowed=remote_allowed)
    place = resolve(options.locus, genome, open_genes(options.genome), remote=ensembl)
    if place.sequence is not None:
        raise UserError("--locus takes a place in the genome; give letters with --sequence.")
    _print_notices(place.notices)
    return place.locus, place.edits


def _print_notices(notices: Seq[str]) -> None:
    for notice in notices:
        print(f"# {notice}", file=sys.stderr)


def _remote_allowed(options: argparse.Namespace) -> bool:
    from app.settings import remote_policy

    policy = remote_policy()
    if options.remote and policy == "deny":
        raise UserError("Reading genomes from a server is switched off here (CISLENS_REMOTE=deny).")
    return bool(options.remote) or policy == "allow"


def _ending(out: str) -> str:
    """The format that a file's ending names."""
    ending = Path(out).suffix.lower().lstrip(".")
    if ending not in ("json", "npz", "bedgraph", "bw"):
        raise UserError(f"'{Path(out).name}' should end in .json, .npz, .bedgraph or .bw.")
    return ending


def _print_progress(done: float) -> None:
    print(f"\r{done:6.1%}", end="", file=sys.stderr, flush=True)


def _store_commands(command: Callable[[str, object, str], argparse.ArgumentParser]) -> None:
    """What people made: projects, uploads and refined models."""
    words = "Write projects, uploads and models into one file: cislens backup FILE."
    store_cli.add_backup(command("backup", store_cli.backup, words))
    words = "Put a back-up in the place of what is there: cislens restore FILE (stop the server first)."
    store_cli.add_restore(command("restore", store_cli.restore, words))
    words = "Who was refined from whom; promote a model, or roll it back: cislens lineage [NAME]."
    store_cli.add_lineage(command("lineage", store_cli.lineage, words))


def _long_commands(command: Callable[[str, object, str], argparse.ArgumentParser]) -> None:
    """What takes a set of places or a file; each has its options in a file of its own."""
    words = "Make what percentiles are percentiles of: cislens background MODEL --genome G --bed FILE."
    background_cli.add_parser(command("background", background_cli.background, words))
    words = "Find the patterns a model reads over many places: cislens atlas --model M --track T --genome G --bed FILE."
    atlas_cli.add_parser(command("atlas", atlas_cli.atlas, words))
    words = "Every substitution as bigWigs: cislens regions --model M --genome G --track T (LOCUS|BED) --out PREFIX."
    regions_cli.add_parser(command("regions", regions_cli.regions, words))
    words = "Score the variants of a file: cislens variants --model M --genome G IN --out OUT.(tsv|vcf.gz|parquet)."
    variants_cli.add_parser(command("variants", variants_cli.variants, words))
    words = "A library to order around places or variants: cislens design (LOCUS|FILE) --out PREFIX."
    design_cli.add_parser(command("design", design_cli.design, words))
    words = "Measurements beside predictions: cislens measure FILE [--model M] [--hypotheses H.json] [--out PREFIX]."
    measure_cli.add_parser(command("measure", measure_cli.measure, words))
    words = (
        "Choose what to measure next: cislens acquire --model M --genome G CANDIDATES --n N --strategy S --out OUT.tsv."
    )
    acquire_cli.add_parser(command("acquire", acquire_cli.acquire, words))
    words = "Teach a model what was measured: cislens refine --model M NEW.tsv --old OLD.tsv --out OUT.json."
    refine_cli.add_parser(command("refine", refine_cli.refine, words))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cislens", description="See what a sequence-to-function model sees.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    sub = command("predict", predict, "Predict every track along a locus.")
    sub.add_argument("--model", default="tf-binding", help="a name, or a full model_id")
    sub.add_argument("--genome", default="sandbox")
    sub.add_argument("--locus", required=True, help="1-based inclusive, e.g. chr22:19,710,789-19,711,173; or a gene")
    sub.add_argument("--json", action="store_true", help="full provenance instead of a table")
    sub.add_argument("--remote", action="store_true", help="allow sending the locus to the genome server")

    sub = command("score", score, "Predict every sequence of a FASTA, or of a TSV with columns name and sequence.")
    sub.add_argument("--model", default="tf-binding")
    sub.add_argument("file", metavar="FILE")
    sub.add_argument("--out", required=True, metavar="OUT.tsv")

    sub = command("attribute", attribute, "Contributions of each base (.json, .npz, .bedgraph or .bw).")
    sub.add_argument("--model", default="tf-binding")
    sub.add_argument("--genome", default="sandbox")
    sub.add_argument("--locus", help="1-based inclusive, at most 2,000 bp")
    sub.add_argument("--sequence", help="DNA letters instead of a locus")
    sub.add_argument("--track", required=True)
    sub.add_argument("--method", choices=METHOD_NAMES, default="ig")
    sub.add_argument("--baseline", choices=BASELINE_NAMES, help="the method's usual one unless given")
    sub.add_argument("--seed", type=int, default=0, help="of the shuffles")
    sub.add_argument("--out", required=True)
    sub.add_argument("--thorough", action="store_true", help="with .json: also the checks that take long")
    sub.add_argument("--remote", action="store_true", help="allow sending the locus to the genome server")

    sub = command("models", models, "List the models, or add one: cislens models add FOLDER.")
    sub.add_argument("action", nargs="?", choices=("list", "add"), default="list")
    sub.add_argument("path", nargs="?", metavar="FOLDER", help="a folder with model.toml and model.safetensors")
    sub.add_argument("--name", help="what to call it (add)")
    sub.add_argument(
        "--format", choices=("dragonn", "bpnet", "chrombpnet", "legnet"), help="what published files to convert (add)"
    )
    sub.add_argument("--json", action="store_true")

    sub = command("genomes", genomes, "List the genomes, or keep one on this computer: cislens genomes fetch hg38.")
    sub.add_argument("action", nargs="?", choices=("list", "fetch"), default="list")
    sub.add_argument("name", nargs="?")

    _long_commands(command)
    _store_commands(command)
    sub = command("serve", serve, "Serve the page.")
    sub.add_argument("--port", type=int, default=8501)
    sub.add_argument("--address", default="127.0.0.1")
    return parser


if __name__ == "__main__":
    sys.exit(main())
