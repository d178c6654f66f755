"""``cislens refine``: a model learns from a measured table, and a gate says whether it forgot; resumable after any kill."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from genome.errors import UserError

# Written out so that --help answers at once; a test compares them with experiment.refine.
STRATEGIES = ("replay", "replay + distill", "ewc", "l2", "distill", "adapters", "head", "new head", "naive")
NOT_ACCEPTED = 3


def add_parser(sub: argparse.ArgumentParser) -> None:
    """Describes the options of the command."""
    sub.add_argument("--model", required=True, help="a name, or a full model_id; it stays as it is")
    sub.add_argument(
        "--track", help="which track the values measure (its first); with 'new head' the name of the new one"
    )
    sub.add_argument("new", metavar="NEW.tsv", help="measured rows: name, sequence, value (sd, split, place)")
    sub.add_argument("--old", nargs="+", default=[], metavar="OLD.tsv", help="tables that the model learned from")
    sub.add_argument("--strategy", choices=STRATEGIES, help="replay with old tables, else distill")
    sub.add_argument("--anchors", metavar="FASTA", help="sequences whose predictions are told before and after")
    sub.add_argument("--epochs", type=int, default=0, help="passes over the new rows (0: as many as they ask for)")
    sub.add_argument("--bound", type=float, default=0.02, help="largest loss of r on an old table that the gate bears")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--project", help="keep the refinement in the project of that name: its model joins the lineage")
    sub.add_argument(
        "--out", required=True, metavar="OUT.json", help="the record; the same command goes on after a stop"
    )


def refine(options: argparse.Namespace) -> int:
    """Refines, keeps the new model under its full model_id, and writes the record. Exit code 3: the gate did not accept it."""
    from app import compute_project, compute_refine, export
    from experiment import refine as refinements
    from experiment import refine_child, refine_steps
    from models import registry

    out = Path(options.out)
    export.check_place(out)
    plan = _plan(options)
    where = refinements.prepare(plan)
    steps = refine_steps.steps(plan, registry.spec(plan.parent).n_members)
    for index, step in enumerate(steps):
        print(f"step {index + 1} of {len(steps)} ({step.kind})", file=sys.stderr)
        refine_child.run_apart(where, index)
    made = refine_steps.read_record(where)
    if made is None:
        raise UserError("The refinement left no record; start it again.")
    compute_refine.keep(made)
    export.write_file(out, compute_refine.record_json(made))
    if options.project:
        project = compute_project.project(options.project)
        kept = compute_project.keep_refinement(project.id, made)
        print(f"Kept in the project {project.name}: {kept.words}.", file=sys.stderr)
    for words in made.verdict.words:
        print(words)
    print(f"{made.child}\t{made.strategy}\t{'accepted' if made.verdict.accepted else 'not accepted'}")
    return 0 if made.verdict.accepted else NOT_ACCEPTED


def _plan(options: argparse.Namespace) -> object:
    from app import compute_refine
    from experiment import refine as refinements
    from experiment.refine import Plan
    from models import registry

    if options.epochs < 0 or options.bound < 0:
        raise UserError("--epochs and --bound must not be below 0.")
    spec = registry.spec(options.model)
    if reason := compute_refine.can_be_refined(spec):
        raise UserError(reason)
    old = tuple(refinements.keep_table(name, _bytes(name)) for name in options.old)
    anchors = _bytes(options.anchors).decode("utf-8", "replace") if options.anchors else ""
    return Plan(
        spec.model_id,
        options.track or spec.tracks[0].name,
        options.strategy or refinements.usual(bool(old))[0],
        refinements.keep_table(options.new, _bytes(options.new)),
        old,
        compute_refine.anchors_of(anchors, spec),
        epochs=options.epochs,
        bound=options.bound,
        seed=options.seed,
    )


def _bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UserError(f"{name} cannot be read ({error.strerror}); check the path.") from error
