"""``cislens variants``: the effect of every variant of a file, however many; a killed run goes on where it was."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from genome.errors import UserError

if TYPE_CHECKING:  # imported where they are needed, so that --help answers at once
    from app.variants_run import Run
    from models.core import ModelSpec

NOT_UNDERSTOOD = 3  # exit code: everything was read, and some lines could not be understood


def add_parser(sub: argparse.ArgumentParser) -> None:
    """Describes the options of the command."""
    sub.add_argument("file", metavar="IN", help="VCF, a table with columns chrom, pos, ref, alt, or one variant a line")
    sub.add_argument("--model", required=True, help="a name, or a full model_id")
    sub.add_argument("--genome", required=True, help="the genome that the variants are on")
    sub.add_argument("--out", required=True, metavar="OUT", help="ends in .tsv, .vcf.gz or .parquet")
    sub.add_argument(
        "--region",
        nargs="+",
        default=[],
        metavar="PLACE",
        help="only these (chr22:19,710,700-19,711,200); needs a .tbi",
    )
    sub.add_argument("--remote", action="store_true", help="allow sending places and rsIDs to the genome server")
    sub.epilog = (
        "Exit code: 0 everything was read (a row that has no effect says why), 1 nothing was written, 2 wrong options, "
        "3 written, but some lines were no variants or the file was cut short, 130 stopped (the same command goes on)."
    )


def variants(options: argparse.Namespace) -> int:
    """Scores every allele of a file into a table."""
    try:
        return _variants(options)
    except UserError as error:
        print(f"cislens: {error}", file=sys.stderr)
        return 1


def _variants(options: argparse.Namespace) -> int:
    from app import compute
    from app.variants_run import variants_into
    from genome.blocks import BlockGenome
    from genome.home import folder
    from interpret.variants import score

    run, spec = _asked(options)
    compute.engine().keep_pace(spec.model_id, folder("paces") / f"{spec.model_id}.json")
    runner = compute.engine().runner(spec.model_id, session="variants", priority="batch")
    genome = BlockGenome(run.table.genome)
    try:
        tally = variants_into(
            run, lambda chunks, said: score(runner, spec, genome, chunks, progress=said), progress=_progress()
        )
    except KeyboardInterrupt:
        print(
            f"\ncislens: stopped; what is done is kept in {run.folder}, and the same command goes on.", file=sys.stderr
        )
        return 130
    except OSError as error:
        raise UserError(
            f"{run.out.name} cannot be written ({error.strerror}); what is done is kept in {run.folder}, and the same "
            "command goes on."
        ) from error
    print(file=sys.stderr)
    for sentence in tally.sentences(run.table.genome):
        print(sentence, file=sys.stderr)
    return NOT_UNDERSTOOD if tally.not_understood else 0


def _asked(options: argparse.Namespace) -> tuple[Run, ModelSpec]:
    """What is wanted, checked before anything is computed."""
    from app import export
    from app.settings import remote_policy
    from app.variant_table import table_of
    from app.variants_run import Run, ending_of
    from genome.catalog import open_ensembl, open_genome
    from genome.locus import parse_locus
    from genome.variant_files import open_variants
    from models import registry

    source, out = Path(options.file), Path(options.out)
    ending_of(out)
    export.check_place(out)
    if out.exists() and source.exists() and out.samefile(source):
        raise UserError(f"{out.name} would be written over the variants themselves; give another --out.")
    if options.remote and remote_policy() == "deny":
        raise UserError("Reading genomes from a server is switched off here (CISLENS_REMOTE=deny).")
    allowed = options.remote or remote_policy() == "allow"
    spec = registry.spec(options.model)
    genome = open_genome(options.genome, remote_allowed=allowed)
    found = open_variants(source, regions=tuple(parse_locus(text) for text in options.region))
    lookup = open_ensembl(options.genome, remote_allowed=allowed)
    return Run(found, out, table_of(spec, genome), lookup), spec


def _progress() -> Callable[[int, bool], None]:
    """Says how many are done, and how fast, at most once a second."""
    state = {"begun": time.monotonic(), "said": 0.0, "before": 0}

    def said(done: int, is_old: bool) -> None:
        now = time.monotonic()
        if is_old:
            state.update(begun=now, before=done)
            if done:
                print(f"{done:,} alleles are done already.", file=sys.stderr)
        elif now - state["said"] >= 1:
            state["said"] = now
            pace = (done - state["before"]) / max(now - state["begun"], 1e-3)
            print(f"\r{done:,} alleles, {pace:,.0f} a second", end="", file=sys.stderr, flush=True)

    return said
