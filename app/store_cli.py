"""``cislens backup``, ``restore`` and ``lineage``: what people made, kept safe, and which refined model answers to a name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from genome.errors import UserError


def add_backup(sub: argparse.ArgumentParser) -> None:
    """Describes the options of ``backup``."""
    sub.add_argument("file", metavar="FILE", help="the zip to write; others may go on working meanwhile")


def add_restore(sub: argparse.ArgumentParser) -> None:
    """Describes the options of ``restore``."""
    sub.add_argument("file", metavar="FILE", help="a zip that cislens backup wrote")
    sub.add_argument("--replace", action="store_true", help="take the place of what is there, which is moved aside")


def add_lineage(sub: argparse.ArgumentParser) -> None:
    """Describes the options of ``lineage``."""
    sub.add_argument("name", nargs="?", metavar="NAME", help="of a model; without it every lineage")
    sub.add_argument("--promote", metavar="MODEL_ID", help="let this model answer to its name")
    sub.add_argument("--roll-back", metavar="MODEL_ID", help="take the promotion of this model back")
    sub.add_argument("--why", default="", help="what is recorded with it")


def backup(options: argparse.Namespace) -> int:
    """Writes projects, uploads and models into one file."""
    from experiment.store import open_store

    counts = open_store().backup(Path(options.file))
    print(f"{options.file} holds {_counted(counts)}.", file=sys.stderr)
    return 0


def restore(options: argparse.Namespace) -> int:
    """Puts a back-up in the place of what is there; the server must be stopped."""
    from experiment import store_backup, store_database
    from genome.home import home

    if store_database.url_setting():
        raise UserError("CISLENS_STORE names another database; restore that one with its own tool (pg_restore).")
    counts = store_backup.restore(Path(options.file), home(), over=options.replace)
    print(f"Restored into {home()}: {_counted(counts)}.", file=sys.stderr)
    return 0


def lineage(options: argparse.Namespace) -> int:
    """Prints who was refined from whom, after promoting or rolling back where that is asked."""
    from app import lineage_table
    from experiment.store import open_store

    kept = open_store()
    if options.promote:
        kept.promote(options.promote, options.why)
    if options.roll_back:
        kept.roll_back(options.roll_back, options.why)
    for row in lineage_table.rows(kept.lineage(options.name)):
        words = [row.words, *(f"{change.words}" for change in row.changes), *row.gate]
        print("\t".join(["  " * row.node.depth + row.node.model_id, *filter(None, words)]))
    return 0


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name if count != 1 else _ONE[name]}" for name, count in counts.items())


_ONE = {
    "projects": "project",
    "hypotheses": "hypothesis",
    "designs": "design",
    "measurements": "table of measurements",
    "refinements": "refinement",
    "files": "file",
}
