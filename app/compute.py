"""Names in, values out: the one layer that the page, the command line and any other door enter. No Streamlit here.

Everything derived is kept in one bounded cache under small keys (model_id, place, edits, target, ...), never arrays, and
computed once however many sessions ask. Progress may raise to give up: the work is then cancelled.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import lru_cache

from app.cache import Cache
from app.limits import MAX_LETTERS as MAX_LETTERS
from app.limits import refuse_letters
from app.settings import cache_bytes
from app.view import MAX_LINKED_BASES, PASTED, REDUCTIONS, View
from genome.catalog import open_genes, open_genome
from genome.errors import UserError
from genome.genes import Gene
from genome.home import folder, home, replaced
from genome.locus import Locus, Variant
from genome.sequence import Sequence, edited
from genome.source import Genome, MemoryGenome
from interpret import background, methods, scan
from interpret.attribution import Attribution
from interpret.background import Rank
from interpret.effects import Effect, effect, window_activity
from interpret.motifs import MotifCall, name_seqlets
from interpret.motifs import warm as warm_motifs
from interpret.seqlets import seqlets
from models import intervals, registry
from models.core import ModelSpec, Prediction, Target
from models.engine import Engine, Progress, Runner
from models.predict import predict
from models.progress import within
from models.tiling import core_of

MAX_STORED_BASES = 1_000_000
SIMPLE = "simple"


@dataclass(frozen=True)
class Asker:
    """Who asks, and what they allowed.

    Attributes:
        session: sessions take turns on the device.
        remote_allowed: whether places may be sent to a genome server.
        progress: called with the share done; may raise to give up.
    """

    session: Hashable = None
    remote_allowed: bool = False
    progress: Progress | None = None

    def wait(self) -> None:
        """Called while another session computes the same thing."""
        if self.progress is not None:
            self.progress(0.0)

    def part(self, start: float, end: float) -> Asker:
        """The same, whose progress covers a part of the whole."""
        return replace(self, progress=within(self.progress, start, end))


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The owner of the device, one per process."""
    return Engine(registry.load)


@lru_cache(maxsize=1)
def cache() -> Cache:
    """What was computed, one per process."""
    return Cache(cache_bytes())


def warm_up() -> None:
    """Loads the default model, measures its pace and lets the motif comparison get ready."""
    warm_motifs()
    scan.warm()
    for spec in registry.specs():
        try:
            intervals.calibration(spec.model_id)  # its library takes a second to import
            if spec.name in (registry.DEFAULT_MODEL, SIMPLE):
                for gradient in (False, True):
                    engine().pace(spec.model_id, gradient=gradient)
        except UserError as error:  # who asks for this model is told; the others must still be warmed up
            logging.getLogger(__name__).warning("%s cannot be used. %s", spec.model_id, error)


def genome(view: View, asker: Asker) -> Genome:
    """The source of the view's bases.

    Raises:
        UserError: when it is unknown, not readable here, or not the assembly that the link was made on.
    """
    if view.genome == PASTED:
        bases = view.bases or stored_bases(view.stored)
        return MemoryGenome(PASTED, {view.locus.chrom: bases}, build=PASTED)
    source = open_genome(view.genome, remote_allowed=asker.remote_allowed)
    if view.contig and source.contig_digest(view.locus.chrom) != view.contig:
        raise UserError(
            f"This link was made on other bases of {view.genome} {view.locus.chrom} than this server has; "
            "check the build, or type the locus again."
        )
    return source


def reference(view: View, asker: Asker) -> Sequence:
    """The unedited bases of the view's locus, two windows beyond it on both sides and as much as was deleted."""
    spec = registry.spec(view.model)
    key = ("reference", *place_key(view), spec.input_length, asker.remote_allowed)
    reach = 2 * spec.input_length + sum(len(edit.ref) for edit in view.edits)
    return cache().get((*key, reach), lambda: genome(view, asker).sequence(view.locus.extended(reach)), wait=asker.wait)


def sequence(view: View, asker: Asker) -> Sequence:
    """The bases of the view with its edits applied, flanks included.

    Raises:
        UserError: when an edit does not fit the bases, or nothing of the locus is left.
    """
    whole = edited(reference(view, asker), view.edits)
    if not ((whole.positions >= view.locus.start) & (whole.positions < view.locus.end)).any():
        raise UserError("The edits delete the whole locus; undo one of them, or widen the locus.")
    return whole


def shown_sequence(view: View, asker: Asker) -> Sequence:
    """The bases of the view's locus itself, with its edits."""
    whole = sequence(view, asker)
    return whole.part(*core_of(whole, view.locus.start, view.locus.end))


def prediction(view: View, asker: Asker) -> Prediction:
    """What the model predicts along the locus, on every track."""
    spec = registry.spec(view.model)
    return cache().get(
        ("prediction", spec.model_id, *place_key(view), view.edits),
        lambda: predict(runner(spec, asker), spec, sequence(view, asker), view.locus, progress=asker.progress),
        wait=asker.wait,
    )


def attribution(view: View, asker: Asker) -> Attribution:
    """The contribution of each base to the view's track.

    Raises:
        UserError: when the locus is too long for letters, the model has no such track, or the track no such scalar.
    """
    spec = registry.spec(view.model)
    explained = target(spec, view)
    refuse_letters(spec, view.locus)
    return cache().get(
        ("attribution", spec.model_id, *place_key(view), view.edits, explained, view.method, view.baseline, view.seed),
        lambda: methods.attribute(
            runner(spec, asker),
            spec,
            sequence(view, asker),
            view.locus,
            explained,
            method=view.method,
            baseline=view.baseline,
            seed=view.seed,
            progress=asker.progress,
        ),
        wait=asker.wait,
    )


def motif_calls(view: View, found: Attribution, asker: Asker) -> tuple[MotifCall, ...]:
    """Stretches of contributions that stand out and the known motifs they resemble, strongest first.

    Positions are counted from the first fully explained base, ``found.whole[0]``.
    """
    sd = found.spec.tracks[found.spec.track_index(view.track)].sd
    part = slice(*found.whole)

    def named() -> tuple[MotifCall, ...]:
        values, hypothetical = found.values[part], found.hypothetical[:, part]
        return name_seqlets(seqlets(values), values, hypothetical, sd=sd)

    key = (
        "motifs",
        found.spec.model_id,
        *place_key(view),
        view.edits,
        found.target,
        view.method,
        view.baseline,
        view.seed,
    )
    return cache().get(key, named, wait=asker.wait)


def edit_effect(view: View, edits: tuple[Variant, ...], asker: Asker) -> Effect:
    """The effect of some of the view's edits, without the others, on every track."""
    spec = registry.spec(view.model)
    single = view.locus if view.locus.length <= spec.input_length else None
    return cache().get(
        ("effect", spec.model_id, *place_key(view), view.edits, edits),
        lambda: effect(runner(spec, asker), spec, reference(view, asker), edits, shown=single, progress=asker.progress),
        wait=asker.wait,
    )


def interval(view: View, asker: Asker) -> intervals.Band | None:
    """Where measurements are expected along the locus, on every track; None when the model has no intervals."""
    return intervals.band(prediction(view, asker))


def percentiles(view: View, start: int, end: int, asker: Asker, *, name: str = "") -> Rank:
    """Where the view's track stands, in the window centred on a stretch, among the windows of the model's background.

    Args:
        view: what is looked at.
        start: first base, 0-based genome position.
        end: one past the last base.
        asker: who asks.
        name: of the set, where another than the first is wanted.
    """
    spec = registry.spec(view.model)
    try:
        found, synthetic = _background(view, spec, asker, name)
    except UserError as error:
        return Rank(None, f"no percentile: {error}")
    values = cache().get(
        ("activity", spec.model_id, *place_key(view), view.edits, start, end),
        lambda: window_activity(runner(spec, asker), spec, sequence(view, asker), start, end),
        wait=asker.wait,
    )
    return found.rank_activity(view.track, float(values[spec.track_index(view.track)]), synthetic=synthetic)


def effect_percentile(view: View, edit: Variant, asker: Asker, *, name: str = "") -> tuple[Effect, Rank]:
    """The effect of one edit in windows around it, as in the background, and where its size stands there.

    Raises:
        UserError: when the effect cannot be computed.
    """
    spec = registry.spec(view.model)
    placed = cache().get(
        ("effect", "placed", spec.model_id, *place_key(view), view.edits, edit),
        lambda: effect(runner(spec, asker), spec, reference(view, asker), (edit,), progress=asker.progress),
        wait=asker.wait,
    )
    if len(edit.ref) != 1 or len(edit.alt) != 1:
        return placed, Rank(None, "no percentile: the background holds single-base changes only")
    try:
        found, synthetic = _background(view, spec, asker, name)
    except UserError as error:
        return placed, Rank(None, f"no percentile: {error}")
    track = spec.track_index(view.track)
    level = float(max(placed.before[track], placed.after[track]))
    delta = float(placed.delta[track])
    return placed, found.rank_effect(view.track, delta, synthetic=synthetic, activity=level)


def simple_says(view: View, start: int, end: int, asker: Asker) -> float | None:
    """What the simple model predicts for the view's track in the window centred on a stretch, or None if it cannot.

    Args:
        start: first base, 0-based genome position.
        end: one past the last base.
    """
    spec = registry.spec(view.model)
    names = {found.name: found for found in registry.specs()}
    simple = names.get(f"{SIMPLE}-{spec.name}", names.get(SIMPLE))
    if simple is None or simple.name == spec.name or view.track not in {track.name for track in simple.tracks}:
        return None
    stretch = Locus(view.locus.chrom, start, end)
    found = cache().get(
        ("prediction", simple.model_id, *place_key(view), view.edits, stretch),
        lambda: predict(runner(simple, asker), simple, sequence(view, asker), stretch, progress=asker.progress),
        wait=asker.wait,
    )
    return float(found.values[simple.track_index(view.track)].max())


def genes_in(view: View, locus: Locus) -> tuple[Gene, ...]:
    """The genes that overlap a locus, as far as a file of them is declared."""
    if view.genome == PASTED:
        return ()
    genes = open_genes(view.genome)
    return () if genes is None else genes.in_locus(locus)


def check_track(spec: ModelSpec, track: str) -> None:
    """Raises a UserError that names the tracks when the model has none of that name."""
    names = [t.name for t in spec.tracks]
    if track not in names:
        raise UserError(f"{spec.name} has no track '{track[:40]}'; choose one of: {', '.join(names)}.")


def target(spec: ModelSpec, view: View) -> Target:
    """The scalar that the view explains; ``mean`` stands for the track's usual one.

    Raises:
        UserError: when the model has no such track, or the track no such scalar.
    """
    check_track(spec, view.track)
    known = spec.tracks[spec.track_index(view.track)].reductions
    if view.reduce == "mean":
        return Target(view.track, known[0])
    if view.reduce not in known:
        raise UserError(
            f"{view.track} is one value per window, which has no {REDUCTIONS[view.reduce]} to explain; choose a profile track."
        )
    return Target(view.track, view.reduce)


def contig_digest(view: View, asker: Asker) -> str:
    """The digest of the chromosome for the link; empty for pasted bases, which the link holds or names itself."""
    if view.genome == PASTED:
        return ""
    source = genome(view, asker)  # refuses a link made on other bases, whatever was computed before
    key = ("contig", view.genome, view.locus.chrom)
    return cache().get(key, lambda: source.contig_digest(view.locus.chrom), wait=asker.wait)


def known_contig(genome: str, chrom: str) -> str:
    """The digest of a chromosome that was looked at before, so that the address is right at once; else empty."""
    key = ("contig", genome, chrom)
    return cache().get(key, str) if cache().holds(key) else ""


def store_bases(bases: str) -> str:
    """Keeps a pasted sequence that is too long for a link on this server; returns its digest (40 hex).

    Raises:
        UserError: when it is longer than 1 Mb.
    """
    if len(bases) > MAX_STORED_BASES:
        raise UserError(f"This sequence has {len(bases):,} bp; paste at most {MAX_STORED_BASES:,}.")
    digest = hashlib.sha256(bases.encode()).hexdigest()[:40]
    path = folder("pasted") / f"{digest}.txt"
    if not path.exists():
        with replaced(path) as temporary:
            temporary.write_text(bases)
    return digest


def stored_bases(digest: str) -> str:
    """A pasted sequence kept on this server.

    Raises:
        UserError: when it is not here, or its file was changed.
    """
    path = home() / "pasted" / f"{digest}.txt"  # the view checked that a digest is hexadecimal
    if not path.is_file():
        raise UserError("This link names a pasted sequence kept on another server; ask for the sequence itself.")
    bases = path.read_text()
    if hashlib.sha256(bases.encode()).hexdigest()[: len(digest)] != digest:
        raise UserError("The stored sequence of this link was damaged; paste it again.")
    return bases


def pasted_view(model: str, track: str, name: str, bases: str) -> View:
    """A view of a pasted sequence: in the link up to 2,000 bp, stored on this server beyond."""
    locus = Locus(name, 0, len(bases))
    if len(bases) <= MAX_LINKED_BASES:
        return View(model=model, genome=PASTED, locus=locus, track=track, bases=bases)
    return View(model=model, genome=PASTED, locus=locus, track=track, stored=store_bases(bases))


def place_key(view: View) -> tuple[Hashable, ...]:
    """What decides the unedited bases. Pasted bases count by their digest, so that keys stay small."""
    pasted = view.stored or (hashlib.sha256(view.bases.encode()).hexdigest() if view.bases else "")
    return view.genome, view.contig, pasted, view.locus


def _background(view: View, spec: ModelSpec, asker: Asker, name: str) -> tuple[background.Background, bool | None]:
    """The set that a view is ranked in, and whether its locus is synthetic (None for pasted bases).

    Raises:
        UserError: when there is none, or it cannot be used.
    """
    synthetic = None if view.genome == PASTED else genome(view, asker).synthetic
    found = background.chosen(spec.model_id, synthetic=synthetic, name=name)
    if found is None:
        raise UserError(f"{spec.name} has no background; make one with cislens background {spec.name}")
    return found, synthetic


def runner(spec: ModelSpec, asker: Asker) -> Runner:
    """The engine, bound to a model and to who asks."""
    return engine().runner(spec.model_id, session=asker.session)
