"""``cislens design``: a library around places or variants, as order sheet, FASTA, manifest and methods paragraph."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.acquire_cli import STRATEGY_NAMES, bounds_option
from genome.errors import UserError

if TYPE_CHECKING:  # imported where they are needed, so that --help answers at once
    from app.view import View
    from experiment.design_layout import Layout
    from experiment.design_picks import Picks

ARM_NAMES = (
    "hypothesis", "saturation", "tiling", "variant", "acquired", "random", "positive-control", "negative-control",
)  # fmt: skip  # written out so that --help answers at once; a test compares them
ENDINGS = {"tsv": "order sheet", "fa": "FASTA", "json": "manifest", "methods.txt": "methods paragraph"}


def add_parser(sub: argparse.ArgumentParser) -> None:
    """Describes the options of the command."""
    sub.add_argument(
        "places", metavar="LOCUS|FILE", help="a place, a gene or a variant; or a BED, a VCF, or a list of them"
    )
    sub.add_argument("--model", default="tf-binding", help="a name, or a full model_id")
    sub.add_argument("--genome", default="sandbox")
    sub.add_argument("--track", help="the track that hypotheses are about; the model's first unless given")
    sub.add_argument(
        "--out", required=True, metavar="PREFIX", help="PREFIX.tsv, .fa, .json and .methods.txt are written"
    )
    sub.add_argument("--name", default="library", help="of the library")
    sub.add_argument("--assay", choices=("MPRA", "CRISPRi"), default="MPRA")
    sub.add_argument("--arms", help=f"separated by commas: {', '.join(ARM_NAMES)}")
    sub.add_argument("--length", type=int, help="of an element in bp; the model's window unless given")
    sub.add_argument("--barcodes", type=int, default=10, help="of each element; 0 where they come with the PCR")
    sub.add_argument("--replicates", type=int, default=3)
    sub.add_argument(
        "--motifs", type=int, default=3, help="how many elements of the contributions are broken at each place"
    )
    sub.add_argument("--step", type=int, default=50, help="between tiles, and between windows to choose from, in bp")
    sub.add_argument("--deletions", action="store_true", help="saturation also deletes each base")
    sub.add_argument(
        "--random", type=int, default=50, help="random elements; as many as the acquired ones where there are some"
    )
    sub.add_argument("--positive", type=int, default=10, help="positive controls, drawn where --positives gives none")
    sub.add_argument("--negative", type=int, default=10, help="negative controls")
    sub.add_argument("--guides", type=int, default=10, help="of each place (CRISPRi)")
    sub.add_argument(
        "--acquired", metavar="FILE", help="picks of active learning: row numbers of the list, places, or a FASTA"
    )
    sub.add_argument(
        "--positives", metavar="FILE", help="positive controls: places or a FASTA; guides of 20 letters for CRISPRi"
    )
    _pick_options(sub)
    _oligo_options(sub)
    sub.add_argument("--per-oligo", type=float, default=0.0, help="price of one oligo")
    sub.add_argument("--per-replicate", type=float, default=0.0, help="price of one replicate of the library")
    sub.add_argument("--budget", type=float, default=0.0, help="the most that may be spent; 0: no bound")
    sub.add_argument("--currency", default="USD")
    sub.add_argument("--leave-out", action="store_true", help="leave out what cannot be ordered instead of refusing")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--project", help="keep the design and its hypotheses in the project of that name")
    sub.add_argument("--address", default="", help="where Cislens is served, for the links; relative unless given")
    sub.add_argument("--remote", action="store_true", help="allow sending the places to the genome server")


def _pick_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--pick", type=int, metavar="N", help="choose N elements by active learning: the arm acquired")
    sub.add_argument(
        "--strategy", choices=STRATEGY_NAMES, help="of the choice; the default is what the benchmark found best"
    )
    sub.add_argument(
        "--candidates",
        metavar="FILE",
        help="choose among these: a FASTA, a table with a column sequence, a BED or places; else windows tiled over the places",
    )
    sub.add_argument(
        "--around", type=int, metavar="BP", help="on either side of each place that these windows may reach"
    )
    bounds_option(sub)


def _oligo_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--layout", help="a name of a layout of oligos; the first unless given, and --left ... change it")
    sub.add_argument("--left", help="5' adaptor")
    sub.add_argument("--middle", help="between element and barcode")
    sub.add_argument("--right", help="3' adaptor")
    sub.add_argument("--barcode-length", type=int)
    sub.add_argument("--gc", metavar="LOW-HIGH", help="share of G and C in a barcode, e.g. 0.35-0.65")
    sub.add_argument("--longest-run", type=int, help="of one base in and beside a barcode")
    sub.add_argument("--sites", help="enzymes or sites to exclude, separated by commas")
    sub.add_argument("--longest-oligo", type=int, help="that the supplier makes")


def design(options: argparse.Namespace) -> int:
    """Makes the library and writes its files, all or none."""
    from app import compute, compute_design, compute_project, export
    from app.design_question import DesignQuestion
    from experiment import order_sheet
    from experiment.design import Costs, Plan
    from models import registry

    prefix = Path(options.out)
    export.check_place(Path(f"{prefix}.tsv"))
    spec = registry.spec(options.model)
    track = options.track or spec.tracks[0].name
    compute.check_track(spec, track)
    asker = compute.Asker(session="design", remote_allowed=_remote(options), progress=_print_progress)
    view, places = _view(options, spec.model_id, track, asker.remote_allowed)
    guides = options.assay == "CRISPRi"
    picks = _picks(options)
    asked = _arms(options, guides, picks)
    same = (
        "replicates",
        "motifs",
        "step",
        "deletions",
        "random",
        "positive",
        "negative",
        "guides",
        "seed",
        "leave_out",
    )
    plan = Plan(
        assay=options.assay,
        arms=asked,  # type: ignore[arg-type]  # checked above
        length=options.length or spec.input_length,
        layout=_layout(options, guides),
        barcodes=0 if guides else options.barcodes,
        costs=Costs(options.per_oligo, options.per_replicate, options.budget, options.currency),
        picks=picks,
        **{name: getattr(options, name) for name in same},
    )
    lists = {"places": places} | {
        name: _text(getattr(options, name)) for name in ("acquired", "positives", "candidates")
    }
    question = DesignQuestion(view, plan, options.name, **lists)
    link = question.link(f"{options.address.rstrip('/')}/design")
    made = compute_design.design(question, asker, address=options.address, link=link)
    written = (order_sheet.tsv, order_sheet.fasta, order_sheet.manifest, order_sheet.methods)
    for ending, write in zip(ENDINGS, written, strict=True):
        export.write_file(Path(f"{prefix}.{ending}"), write(made))
    _say(made, prefix)
    if options.project:
        project = compute_project.project(options.project)
        kept = compute_project.keep_design(project.id, made)
        print(f"Kept in the project {project.name}: {kept.words}.", file=sys.stderr)
    return 0


def _arms(options: argparse.Namespace, guides: bool, picks: Picks | None) -> tuple[str, ...]:
    """The arms that are asked for, or the usual ones.

    Raises:
        UserError: when there is no such arm, or picks are to be chosen for one that is left out.
    """
    from experiment.design import ARMS

    usual = "tiling,negative-control" if guides else "hypothesis,positive-control,negative-control"
    if picks is not None:
        usual = "acquired,random,positive-control,negative-control"
    asked = tuple(arm.strip().replace("-", " ") for arm in (options.arms or usual).split(",") if arm.strip())
    strange = [arm for arm in asked if arm not in ARMS]
    if strange:
        raise UserError(f"There is no arm '{strange[0][:30]}'; choose among {', '.join(ARM_NAMES)}.")
    if picks and "acquired" not in asked:
        raise UserError("--pick chooses for the arm acquired, which --arms leaves out; add it, or leave out --pick.")
    return asked


def _picks(options: argparse.Namespace) -> Picks | None:
    """What is to be chosen; None where nothing is.

    Raises:
        UserError: when an option says how to choose, and none how many.
    """
    from experiment.design_picks import Picks

    how = {
        name: getattr(options, name) for name in ("strategy", "around", "bounds") if getattr(options, name) is not None
    }
    if options.pick is None:
        given = [*how, *(["candidates"] if options.candidates else [])]
        if given:
            raise UserError(f"--{given[0]} is about choosing picks; say how many with --pick N.")
        return None
    if options.acquired:
        raise UserError("--acquired gives picks and --pick chooses others; leave out the one or the other.")
    return Picks(options.pick, step=options.step, **how)


def _say(made: Any, prefix: Path) -> None:
    print("\r", end="", file=sys.stderr)
    for notice in made.notes:
        print(f"# {notice}", file=sys.stderr)
    for one in made.left_out[:10]:
        print(f"# left out: {one.name} ({one.arm}): {one.reason}", file=sys.stderr)
    if len(made.left_out) > 10:
        print(f"# and {len(made.left_out) - 10:,} more, which {prefix}.json lists", file=sys.stderr)
    costs = made.plan.costs
    price = f", {made.total:,.0f} {costs.currency} with {made.plan.replicates} replicates" if costs.known else ""
    print(
        f"{made.n_oligos:,} oligos of {len(made.elements):,} elements{price}. Kept in {prefix}.tsv, .fa, .json and .methods.txt.",
        file=sys.stderr,
    )


def _layout(options: argparse.Namespace, guides: bool) -> Layout:
    from dataclasses import replace

    from experiment.design_layout import GUIDE_LAYOUT, LAYOUTS

    layout = GUIDE_LAYOUT if guides else next(iter(LAYOUTS.values()))
    if options.layout:
        if options.layout not in LAYOUTS:
            raise UserError(f"There is no layout '{options.layout[:60]}'; choose among: {'; '.join(LAYOUTS)}.")
        layout = LAYOUTS[options.layout]
    changes: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("left", "middle", "right", "barcode_length", "longest_run", "longest_oligo")
        if getattr(options, name) is not None
    }
    if options.gc is not None:
        low, _, high = options.gc.partition("-")
        try:
            changes |= {"gc_low": float(low), "gc_high": float(high)}
        except ValueError as error:
            raise UserError("Write --gc as two shares, such as 0.35-0.65.") from error
    if options.sites is not None:
        changes["sites"] = tuple(site.strip() for site in options.sites.split(",") if site.strip())
    return replace(layout, name="own", **changes) if changes else layout


def _view(options: argparse.Namespace, model_id: str, track: str, remote_allowed: bool) -> tuple[View, str]:
    """The view that links start from, and the list; its first place is the view's where a list was given."""
    from app.design_lists import read_list
    from app.view import View
    from genome.catalog import open_genome
    from genome.locus import Locus

    path = Path(options.places)
    is_file = path.is_file()
    if not is_file and path.suffix.lower() in (".bed", ".vcf", ".gz", ".txt", ".tsv", ".csv", ".narrowpeak"):
        raise UserError(f"There is no file {options.places}; name a BED, a VCF or a list, or write a place.")
    text = _text(options.places) if is_file else options.places
    genome = open_genome(options.genome, remote_allowed=remote_allowed)
    start = View(model_id, options.genome, Locus("none", 0, 1), track, seed=options.seed)
    found = read_list(text, start, genome, "tiling", remote_allowed=remote_allowed)
    if found.given:
        raise UserError("Give places of the genome; sequences go into --candidates, --acquired or --positives.")
    first = found.places[0] if found.places else None
    if first is None and found.variants:
        first = Locus(found.variants[0].chrom, found.variants[0].start, found.variants[0].start + 1)
    if first is None:
        raise UserError(f"Nothing in the list can be used: {found.left_out[0].name} {found.left_out[0].reason}.")
    view = View(model_id, options.genome, first, track, seed=options.seed, contig=genome.contig_digest(first.chrom))
    return view, text


def _text(name: str | None) -> str:
    """The text of a list, plain or gzip; empty where none was named."""
    import gzip
    import zlib

    if not name:
        return ""
    try:
        data = Path(name).read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UserError(f"{name} cannot be read as text ({type(error).__name__}); check the file.") from error
    if not text.strip():
        raise UserError(f"{name} is empty; write a place or a variant a line.")
    return text


def _remote(options: argparse.Namespace) -> bool:
    from app.settings import remote_policy

    policy = remote_policy()
    if options.remote and policy == "deny":
        raise UserError("Reading genomes from a server is switched off here (CISLENS_REMOTE=deny).")
    return bool(options.remote) or policy == "allow"


def _print_progress(done: float) -> None:
    print(f"\r{done:6.1%}", end="", file=sys.stderr, flush=True)
