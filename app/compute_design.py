"""A library from a question: names and lists in, a checked design out. No Streamlit here."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Seq
from dataclasses import replace
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt

from app import compute, compute_design_guides, compute_design_picks, design_candidates
from app.compute import Asker
from app.compute_design_picks import Batch
from app.design_lists import Wanted, read_lists
from app.design_question import DesignQuestion
from app.score import fitted
from app.view import PASTED, View, write_edits
from experiment import design_build, design_constructs, design_mutants
from experiment.design import Arm, Design, Element, LeftOut, Plan
from experiment.design_build import Accepted
from experiment.design_constructs import Bench, Made, attempt, place_name
from experiment.design_mutants import Mutant
from experiment.design_picks import Acquisition
from experiment.hypothesis import Hypothesis
from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.source import Genome
from interpret.motifs import NAMING_FLOOR
from interpret.whatif import answers
from models import registry
from models.core import ModelSpec
from models.shuffle import codes_of

MOST_EXPLAINED = 200  # places whose contributions are computed while somebody waits
_DRAWN = 5  # windows drawn for each positive control that is chosen among them
_CHOSEN_BY_MODEL = "predicted high"


def design(question: DesignQuestion, asker: Asker, *, address: str = "", link: str = "") -> Design:
    """The library that a question asks for, with barcodes, checked.

    Args:
        question: model, place or lists, plan.
        asker: who asks.
        address: where the Locus page is served, for the links of the elements.
        link: of the question itself, for the manifest.

    Raises:
        UserError: when it cannot be ordered as asked, naming what is wrong and what is possible.
    """
    key = ("design", question, address, link)
    return compute.cache().get(key, lambda: _design(question, asker, address, link), wait=asker.wait)


def _design(question: DesignQuestion, asker: Asker, address: str, link: str) -> Design:
    view, plan = question.view, question.plan
    source, spec = compute.genome(view, asker), registry.spec(view.model)
    wanted = read_lists(question, source, remote_allowed=asker.remote_allowed)
    if not plan.leave_out:
        design_build.refuse(wanted.left_out)
    if plan.assay == "CRISPRi":
        elements, left, notes = compute_design_guides.library(
            view, plan, source, wanted.places, wanted.positives, address
        )
        found, hypotheses, acquisition = Accepted(elements, left), (), None
    else:
        bench = _bench(view, plan, source, address)
        found, hypotheses, notes, acquisition = _constructs(question, bench, wanted, spec, asker)
    left_out = (*wanted.left_out, *found.left_out)
    if not plan.leave_out:
        design_build.refuse(left_out)
    chroms = dict.fromkeys(element.locus.rpartition(":")[0] for element in found.elements if element.locus)
    return design_build.finished(
        Design(
            name=question.name,
            plan=plan,
            model_id=spec.model_id,
            track=view.track,
            genome=view.genome,
            contigs=tuple((chrom, source.contig_digest(chrom)) for chrom in chroms),
            elements=found.elements,
            hypotheses=hypotheses,
            left_out=left_out,
            notes=notes,
            link=link,
            acquisition=acquisition,
        )
    )


def _bench(view: View, plan: Plan, genome: Genome, address: str) -> Bench:
    plain = replace(view, edits=(), beside=None, panel="edit")
    # Written once, not for each of many thousand elements: only the place and the edits differ.
    links = {contig: replace(plain, contig=contig).link(address) for contig in ("", view.contig)}
    here = urlencode({"locus": plain.to_query()["locus"]})

    def link(locus: Locus, edits: tuple[Variant, ...]) -> str:
        whole = links[view.contig if locus.chrom == view.locus.chrom else ""]
        place = urlencode({"locus": f"{locus.chrom}:{locus.start + 1}-{locus.end}"})
        return whole.replace(here, place, 1) + (f"&{urlencode({'edits': write_edits(edits)})}" if edits else "")

    def given_link(name: str, bases: str) -> str:
        pasted = View(view.model, PASTED, Locus(name[:60], 0, len(bases)), view.track, bases=bases)
        return replace(pasted, method=view.method, baseline=view.baseline, seed=view.seed).link(address)

    return Bench(genome, plan.length, plan.layout, link, given_link)


def _constructs(
    question: DesignQuestion, bench: Bench, wanted: Wanted, spec: ModelSpec, asker: Asker
) -> tuple[Accepted, tuple[Hypothesis, ...], tuple[str, ...], Acquisition | None]:
    """Every construct of an MPRA, the claims they test, how the arms were made, and how picks were chosen."""
    plan, view = question.plan, question.view
    notes = list(wanted.notices)
    tested: list[tuple[Mutant, ...]] = []
    made: list[Made] = []
    both = 0.5 if plan.picks and "hypothesis" in plan.arms else 0.0  # share of the work that comes before the picks
    first = asker.part(0.0, both or 1.0)
    last = asker.part(both, 1.0)
    if "hypothesis" in plan.arms:
        made += _hypothesis_arm(question, bench, wanted.places, tested, notes, first)
    made += _plain_arms(plan, bench, wanted, notes)
    found = design_build.accepted(bench, made)
    if found.shared:
        notes.append(f"{found.shared:,} constructs that several arms ask for are ordered once, in the first of them.")
    if not plan.leave_out:
        design_build.refuse((*wanted.left_out, *found.left_out))
    chosen = None
    if "acquired" in plan.arms and plan.picks:
        most = design_candidates.most_read(view.genome)
        pool = design_candidates.pool(plan, bench, wanted.places, wanted.candidates, found.bases, most_read=most)
        names = [element.name for element in found.elements]
        chosen = compute_design_picks.batch(question, bench, pool, names, last)
        notes.append(chosen.note)
        found = replace(found, elements=(*found.elements, *chosen.elements))
    drawn = _drawn_arms(plan, view, bench, wanted, found, chosen, spec, notes, asker)
    elements = (*found.elements, *drawn)
    if "acquired" in plan.arms and "random" in plan.arms:
        counts = [design_build.counts(arm, elements) for arm in ("acquired", "random")]
        notes.append(f"Beside {counts[0]:,} acquired elements, {counts[1]:,} were drawn at random (seed {plan.seed}).")
    hypotheses = _hypotheses(view, spec, tested, elements, asker)
    acquisition = chosen.acquisition if chosen else None
    return Accepted(elements, found.left_out, found.shared), hypotheses, tuple(notes), acquisition


def _hypothesis_arm(
    question: DesignQuestion,
    bench: Bench,
    places: Seq[Locus],
    tested: list[tuple[Mutant, ...]],
    notes: list[str],
    asker: Asker,
) -> list[Made]:
    """Mutants of each place; ``tested`` and ``notes`` are added to.

    Raises:
        UserError: for more than ``MOST_EXPLAINED`` places.
    """
    if len(places) > MOST_EXPLAINED:
        raise UserError(
            f"Hypothesis mutants need the contributions of every place, and {len(places):,} are listed; give at most "
            f"{MOST_EXPLAINED}, or leave the hypothesis mutants out."
        )
    plan, made = question.plan, list[Made]()
    unmade = 0
    for number, place in enumerate(places):
        share = (
            None
            if asker.progress is None
            else lambda done, number=number: asker.progress((number + done) / len(places))
        )  # type: ignore[misc]
        try:
            found = mutants_of(question, bench, place, replace(asker, progress=share))
        except UserError as error:
            made.append(LeftOut(place_name(place), "hypothesis", str(error).rstrip(".")))
            continue
        kept = tuple(one for one in found if isinstance(one, Mutant))
        unmade += len(found) - len(kept)
        tested.append(kept)
        made += [mutant.element for mutant in kept]
    notes.append(
        f"Hypothesis mutants break the up to {plan.motifs} strongest elements of the contributions to {question.view.track} at each "
        f"place that reach {NAMING_FLOOR:g} sd of the track ({question.view.method}, reference {question.view.baseline}, seed {question.view.seed}): by the fewest substitutions after "
        f"which the motif no longer fits, by a dinucleotide shuffle (seed {plan.seed}), and moved by {design_mutants.SHIFTS[-2]} or "
        f"{design_mutants.SHIFTS[-1]} bp; spared bases shuffled are their controls."
        + (f" {unmade:,} such mutants cannot be made and were not asked for." if unmade else "")
    )
    return made


def mutants_of(question: DesignQuestion, bench: Bench, place: Locus, asker: Asker) -> list[Mutant | tuple[str, str]]:
    """The wild type and the mutants of one place, from the contributions of its window.

    Raises:
        UserError: when its window hangs off the chromosome, or its contributions cannot be computed.
    """
    window = bench.window(place)
    bench.sequence(window)
    view = replace(question.view, locus=window, edits=(), contig="", beside=None)
    found = compute.attribution(view, asker)
    calls = compute.motif_calls(view, found, asker)
    first, last = found.whole
    origin = Locus(window.chrom, found.sequence.locus.start + first, found.sequence.locus.start + last)
    hypothetical = found.hypothetical[:, first:last].astype(np.float64)
    floor = NAMING_FLOOR * found.spec.tracks[found.spec.track_index(view.track)].sd
    parts = design_mutants.parts_of(calls, hypothetical, origin, window, question.plan.motifs, floor=floor)
    values = found.values[slice(*found.core)].astype(np.float64)
    return list(design_mutants.mutants(bench, window, parts, values, track=view.track, seed=question.plan.seed))


def _plain_arms(plan: Plan, bench: Bench, wanted: Wanted, notes: list[str]) -> list[Made]:
    """Saturation, tiles, variants, picks and given controls."""
    made: list[Made] = []
    for place in wanted.places if "saturation" in plan.arms else ():
        made += attempt(
            place_name(place),
            "saturation",
            lambda place=place: design_constructs.saturation(bench, place, deletions=plan.deletions),  # type: ignore[misc]
        )
    if "variant" in plan.arms:
        if not wanted.variants:
            raise UserError(
                "The arm of variants has none: write some such as chr22:19,710,933 C>T, edit the locus, or leave out the arm."
            )
        for variant in wanted.variants:
            made += attempt(str(variant), "variant", lambda variant=variant: design_constructs.alleles(bench, variant))  # type: ignore[misc]
    for place in wanted.places if "tiling" in plan.arms else ():
        made += design_constructs.tiles(bench, place, plan.step)
    if "acquired" in plan.arms and not plan.picks:
        if not wanted.acquired:
            raise UserError(
                "The arm of active-learning picks has none: say how many to choose, give the picks, or leave out the arm."
            )
        made += _given(bench, wanted.acquired, "acquired", "acquired")
    if "positive control" in plan.arms and wanted.positives:
        made += _given(bench, wanted.positives, "positive control", "given control")
    if "tiling" in plan.arms:
        notes.append(f"Tiles of {plan.length} bp begin every {plan.step} bp; one more ends with the place.")
    return made


def _given(bench: Bench, items: Iterable[Locus | tuple[str, str]], arm: Arm, kind: str) -> list[Made]:
    """Places or bases that were given, as elements of an arm."""
    made: list[Made] = []
    for item in items:
        if isinstance(item, Locus):
            name = f"{place_name(item)}_{kind.split(' ')[0]}"
            made += attempt(
                name, arm, lambda item=item, name=name: [bench.element(name, kind, arm, bench.window(item))]
            )  # type: ignore[misc]
        else:
            made += attempt(item[0], arm, lambda item=item: [bench.given(item[0], kind, arm, item[1])])  # type: ignore[misc]
    return made


def _drawn_arms(
    plan: Plan,
    view: View,
    bench: Bench,
    wanted: Wanted,
    found: Accepted,
    chosen: Batch | None,
    spec: ModelSpec,
    notes: list[str],
    asker: Asker,
) -> list[Element]:
    """Random elements and the controls that are drawn, all of which can be ordered."""
    drawn: list[Element] = []
    taken = found.bases
    windows = (
        _windows(bench, wanted, chosen) if {"random", "positive control", "negative control"} & set(plan.arms) else ()
    )
    if "random" in plan.arms:
        drawn += compute_design_picks.random_arm(plan, bench, wanted, windows, found, chosen, notes)
        taken |= {element.bases for element in drawn}
    if "positive control" in plan.arms and not wanted.positives and plan.positive:
        drawn += _predicted_high(plan, view, bench, windows, taken, spec, notes, asker)
        taken |= {element.bases for element in drawn}
    if "negative control" in plan.arms and plan.negative:
        drawn += design_constructs.shuffles(bench, windows, plan.negative, seed=plan.seed, taken=taken)
        notes.append(
            f"Negative controls are dinucleotide shuffles of the wild types in turn (seed {plan.seed}); nobody has measured that they are silent."
        )
    return drawn


def _windows(bench: Bench, wanted: Wanted, chosen: Batch | None) -> tuple[Locus, ...]:
    """The places' own windows, as far as they can be read; those of the picks where these were chosen of a list of places."""
    if chosen is not None and wanted.candidates and chosen.windows:
        return chosen.windows
    picked = tuple(item for item in wanted.acquired if isinstance(item, Locus))
    found = []
    for place in wanted.places or picked:
        try:
            window = bench.window(place)
            bench.sequence(window)
        except UserError:
            continue  # it is among what is left out, with its reason
        found.append(window)
    if not found:
        raise UserError(
            "None of the places can be an element (they hang off the end, or hold N), so no controls can be drawn; choose another place."
        )
    return tuple(found)


def _predicted_high(
    plan: Plan,
    view: View,
    bench: Bench,
    windows: tuple[Locus, ...],
    taken: set[str],
    spec: ModelSpec,
    notes: list[str],
    asker: Asker,
) -> list[Element]:
    """Positive controls where none were given: of windows drawn nearby those that the model predicts most of."""
    near = design_constructs.random_windows(bench, windows, _DRAWN * plan.positive, seed=plan.seed + 1, taken=taken)
    scores = _predicted(spec, [bench.sequence(window).bases for window in near], view.track, asker).mean(axis=1)
    best = np.sort(np.argsort(-scores, kind="stable")[: plan.positive])
    notes.append(
        f"Positive controls are the {plan.positive:,} of {len(near):,} windows nearby that the model predicts most {view.track} of; nobody "
        "has measured that they are active: give measured ones where there are some."
    )
    return [
        bench.element(f"{place_name(near[i])}_high", _CHOSEN_BY_MODEL, "positive control", near[i])
        for i in best.tolist()
    ]


def _predicted(spec: ModelSpec, bases: Seq[str], track: str, asker: Asker) -> npt.NDArray[np.float64]:
    """float64 (elements, members) of a track, each element alone in the model's window."""
    codes = np.stack([codes_of(fitted(one, spec.input_length)) for one in bases])
    found = answers(compute.runner(spec, asker), spec, codes, "explained")
    return found[:, :, spec.track_index(track)]


def _hypotheses(
    view: View, spec: ModelSpec, tested: Seq[tuple[Mutant, ...]], elements: Seq[Element], asker: Asker
) -> tuple[Hypothesis, ...]:
    """The claims with what the model predicts of each construct beside its wild type."""
    track = spec.tracks[spec.track_index(view.track)]
    about = {"model_id": spec.model_id, "track": track.name, "unit": track.target.unit(spec)}
    every = [mutant.element for mutants in tested for mutant in mutants]
    if not every:
        return ()
    rows = dict(
        zip((one.name for one in every), _predicted(spec, [e.bases for e in every], track.name, asker), strict=True)
    )
    found: list[Hypothesis] = []
    for mutants in tested:
        wild = rows[mutants[0].element.name]
        effects = {one.element.name: _interval(rows[one.element.name] - wild) for one in mutants}
        found += design_build.hypotheses(mutants, elements, effects, about)
    return tuple(found)


def _interval(members: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean over members, and the interval (Student's t, 95 %) that another member would fall into; the mean where there is one."""
    mean, n = float(members.mean()), len(members)
    if n < 2:
        return mean, mean, mean
    from scipy import stats

    half = float(stats.t.ppf(0.975, n - 1) * members.std(ddof=1) * np.sqrt(1 + 1 / n))
    return mean, mean - half, mean + half
