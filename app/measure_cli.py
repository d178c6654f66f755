"""``cislens measure``: reads a table of measurements, says how good it is, and lays it beside what a model says."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from genome.errors import UserError

if TYPE_CHECKING:  # imported where they are needed, so that --help answers at once
    from app.compute_measure import Taken
    from experiment.measurements_crispri import Ranking
    from models.core import ModelSpec

LEFT_OUT = 3  # exit code: everything was read, and some rows were left out


def add_parser(sub: argparse.ArgumentParser) -> None:
    """Describes the options of the command."""
    sub.add_argument(
        "file", metavar="FILE", help="counts by barcode, activities, CRISPRi pairs or measured changes; .gz too"
    )
    sub.add_argument("--model", help="a name, or a full model_id; without it the reporter model whose window fits")
    sub.add_argument("--track", help="the model's first unless given")
    sub.add_argument(
        "--hypotheses",
        metavar="FILE.json",
        help="the manifest of the design, or hypotheses: constructs that were measured",
    )
    sub.add_argument(
        "--smallest", type=float, default=0.5, help="smallest effect of interest, in the table's unit (0.5)"
    )
    sub.add_argument("--fewest-barcodes", type=int, default=1, help="leave out elements with fewer in a replicate")
    sub.add_argument("--genome", help="element-gene pairs: the genome that they are counted in, such as hg38")
    sub.add_argument(
        "--out", metavar="PREFIX", help="writes PREFIX.json, and PREFIX.tsv and PREFIX.verdicts.tsv if there are any"
    )
    sub.add_argument("--project", help="keep the table and its verdicts in the project of that name")
    sub.epilog = (
        "Exit code: 0 every row was used, 1 nothing was read, 2 wrong options, 3 read, but some rows were left out."
    )


def measure(options: argparse.Namespace) -> int:
    """Reads a table, prints what it is worth, and writes files."""
    try:
        return _measure(options)
    except UserError as error:
        print(f"cislens: {error}", file=sys.stderr)
        return 1


def _measure(options: argparse.Namespace) -> int:
    from app import compute_measure, compute_project, export_measure
    from app.compute import Asker
    from app.export import check_place, write_file
    from models import registry

    if not options.smallest > 0:
        raise UserError("--smallest is the smallest effect of interest; give a number above 0.")
    if options.out:
        check_place(Path(f"{options.out}.json"))
    source = Path(options.file)
    taken = compute_measure.take(source, source.name, fewest_barcodes=options.fewest_barcodes)
    print(f"{compute_measure.WORDS[taken.kind]}: {taken.measured.name}, {taken.measured.unit}")
    hypotheses, constructs = (
        compute_measure.claims_of(_bytes_of(options.hypotheses)) if options.hypotheses else ((), ())
    )
    taken = compute_measure.with_constructs(taken, constructs)
    model = options.model or compute_measure.fitting_model(taken)
    spec = registry.spec(model)
    track = options.track or spec.tracks[0].name
    asker = Asker(session="measure")
    _say_quality(taken)
    ranking = _say_pairs(taken, options.genome, spec, track)
    judged = compute_measure.judged(hypotheses, taken, options.smallest) if hypotheses else ()
    for one in judged:
        print(f"{one.word:10s} {one.hypothesis.claim} {one.reason}")
    found = None
    if taken.pairs is None and not compute_measure.without_bases(taken):
        found = compute_measure.compared(taken, spec.model_id, track, asker)
        print(f"{spec.model_id}, {track}: {compute_measure.sentence(found)}")
    if options.project:
        project = compute_project.project(options.project)
        kept = compute_project.keep_measurements(project.id, taken, source.read_bytes(), hypotheses, judged)
        print(f"Kept in the project {project.name}: {kept.words}.", file=sys.stderr)
    if options.out:
        record = export_measure.report(taken, found, judged, spec, track, ranking)
        write_file(Path(f"{options.out}.json"), export_measure.as_json(record))
        if found is not None:
            count = range(len(found.rows.names))
            links = ["?" + urlencode(compute_measure.link_of(found, i, spec, track)) for i in count]
            write_file(Path(f"{options.out}.tsv"), export_measure.elements_table(taken, found, spec, track, links))
        if judged:
            write_file(Path(f"{options.out}.verdicts.tsv"), export_measure.verdicts_table(judged, taken))
    return LEFT_OUT if taken.measured.n_dropped else 0


def _say_quality(taken: Taken) -> None:
    from experiment.measurements_crispri import quality as of_pairs

    if taken.quality is not None:
        for one in taken.quality.findings:
            print(f"{one.what}: {one.words}")
    if taken.pairs is not None:
        for what, words in of_pairs(taken.pairs):
            print(f"{what}: {words}")
    for dropped in taken.measured.dropped[:20]:
        where = f"line {dropped.line}: " if dropped.line else ""
        print(f"  {where}{dropped.reason}{f' ({dropped.detail})' if dropped.detail else ''}", file=sys.stderr)


def _say_pairs(taken: Taken, genome: str | None, spec: ModelSpec, track: str) -> Ranking | None:
    """What a model can say of element-gene pairs, and the two rankings where there are any."""
    from app import compute_measure
    from app.compute import Asker
    from experiment.measurements_crispri import by_distance, what_a_model_can_say

    if taken.pairs is None:
        return None
    ranking, inside = (None, 0)
    if genome:
        ranking, inside = compute_measure.ranked_elements(taken, genome, spec.model_id, track, Asker(session="measure"))
    print(what_a_model_can_say(spec, taken.pairs, inside))
    for one in (by_distance(taken.pairs), ranking):
        if one is not None:
            print(compute_measure.ranking_words(one))
    return ranking


def _bytes_of(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check its path.") from error
