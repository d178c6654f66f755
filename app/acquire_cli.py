"""``cislens acquire``: which of some sequences to measure next, with what they are expected to tell."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from genome.errors import UserError

# Written out so that --help answers at once; a test compares them with experiment.acquire.
STRATEGY_NAMES = ("random", "variance", "entropy", "margin", "core-set", "lcmd", "mix")


def add_parser(sub: argparse.ArgumentParser) -> None:
    """Describes the options of the command."""
    sub.add_argument("--model", required=True, help="a name, or a full model_id")
    sub.add_argument("--genome", help="the genome that the intervals of a BED are on")
    sub.add_argument("--track", help="what is to be measured; the model's first unless given")
    sub.add_argument("candidates", metavar="CANDIDATES", help="BED, FASTA, or a table with a column sequence")
    sub.add_argument("--n", type=int, required=True, help="how many to choose")
    sub.add_argument("--strategy", choices=STRATEGY_NAMES, help="the default is what the benchmark found best")
    sub.add_argument("--shares", metavar="NAME=SHARE,...", help="of the mix, e.g. random=0.3,lcmd=0.7")
    bounds_option(sub)
    sub.add_argument("--seed", type=int, default=0, help="of random draws and ties")
    sub.add_argument("--out", required=True, metavar="OUT.tsv")
    sub.add_argument("--remote", action="store_true", help="allow sending the places to the genome server")


def bounds_option(sub: argparse.ArgumentParser) -> None:
    """Where classes of activity begin, for the strategies that ask about classes."""
    sub.add_argument(
        "--bounds",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="below LOW a sequence is a silencer, above HIGH an enhancer (entropy, margin); -1 and 1 for log2 tracks",
    )


def acquire(options: argparse.Namespace) -> int:
    """Chooses, and writes the batch with what decides it."""
    from importlib.metadata import version

    from app import compute_acquire, export
    from app.compute import Asker
    from app.compute_set import read_set
    from app.set_rows import read_text
    from app.settings import remote_policy
    from app.view import PASTED
    from experiment.acquire import DEFAULT
    from models import registry

    out, source = Path(options.out), Path(options.candidates)
    export.check_place(out)
    if not source.is_file():
        raise UserError(f"There is no file {source}; name a BED, a FASTA or a table of candidates.")
    if options.remote and remote_policy() == "deny":
        raise UserError("Reading genomes from a server is switched off here (CISLENS_REMOTE=deny).")
    spec = registry.spec(options.model)
    asker = Asker(session="acquire", remote_allowed=options.remote or remote_policy() == "allow")
    candidates, genome = read_set(source.name, read_text(source.read_bytes()), options.genome or PASTED, spec, asker)
    for problem in candidates.problems:
        print(f"# left out: {problem}", file=sys.stderr)
    found = compute_acquire.pick(
        spec.model_id,
        options.track or spec.tracks[0].name,
        candidates,
        options.n,
        asker,
        strategy=options.strategy or DEFAULT,
        seed=options.seed,
        shares=_shares(options.shares),
        bounds=None if options.bounds is None else (options.bounds[0], options.bounds[1]),
    )
    columns = compute_acquire.table(found)
    head = [
        f"cislens {version('cislens')}; model {found.spec.model_id}; track {found.target.track}; genome {genome}; "
        f"seed {found.seed}",
        f"prediction: mean over {found.spec.n_members} members and strands {' '.join(found.spec.strands)}",
        *found.words,
        export.RESEARCH_USE,
    ]
    lines = [*(f"# {line}" for line in head), "\t".join(columns)]
    lines += [
        "\t".join("" if cell is None else str(cell) for cell in row) for row in zip(*columns.values(), strict=True)
    ]
    export.write_file(out, "\n".join(lines) + "\n")
    for sentence in found.words:
        print(sentence, file=sys.stderr)
    return 0


def _shares(texts: str | None) -> dict[str, float] | None:
    if texts is None:
        return None
    shares = {}
    for text in texts.split(","):
        name, _, share = text.partition("=")
        try:
            shares[name] = float(share)
        except ValueError as error:
            raise UserError(f"Write a share as random=0.3; '{text[:40]}' is none.") from error
    return shares
