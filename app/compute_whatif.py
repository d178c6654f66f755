"""What-if questions on a view: names and typed text in, cached values out. No Streamlit here.

A question starts from the bases that the Locus page shows, edits included, and asks the view's model on all its tracks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from app import compute
from app.compute import Asker
from app.view import PASTED, View
from genome import sandbox
from genome.errors import UserError
from genome.locus import Locus, Variant, parse_locus
from genome.sequence import Sequence
from interpret import surrogate as surrogates
from interpret.effects import Effect, effect
from interpret.jaspar import Motif
from interpret.quiet import quiet_windows
from interpret.surrogate import Surrogate
from interpret.whatif import (
    FEWEST_BACKGROUNDS,
    FEWEST_SHUFFLES,
    Backgrounds,
    Scale,
    check_count,
    check_scale,
    shuffled,
    window_at,
)
from interpret.whatif_edits import differences, flip, in_register, move, put_in, take_out
from interpret.whatif_motif import Word, best_match, fit, of_sandbox
from interpret.whatif_motif import word as letters_for
from interpret.whatif_pairs import Importance, Spacing, designs_of, embed
from interpret.whatif_pairs import spacing as scan
from interpret.whatif_stretch import Needed, Tiles, needed_or_enough
from interpret.whatif_stretch import tiles as shuffle_tiles
from models import registry
from models.core import ModelSpec
from models.engine import Runner

Act = Literal["Put in", "Take out", "Move", "Flip"]
MOST_BACKGROUNDS = 1_000
MOST_ROWS = 60_000  # windows that one question may ask while somebody waits
Found = TypeVar("Found")

CLEAR_MATCH = 0.75  # share of the best possible score from which a match fills in the form
_SHORTEST_TYPED = 6  # letters from which a word of A, C, G and T in a question is read as DNA
_LIKELY = ("CTCF", "SPI1", "HNF4A", "CEBPB", "NRF1")

# Two motifs worth trying first on a model.
FIRST_MOTIFS = {
    "sandbox-profile": ("POU5F1::SOX2", "NR5A2"),
    "lentimpra": ("HNF4A", "CEBPB"),
    "retina": ("Crx", "NRL"),
}


@dataclass(frozen=True)
class Change:
    """A motif put in, taken out, moved or turned.

    Attributes:
        act: which of them.
        done: what was done where, in a sentence.
        edits: the change, against the bases that were shown.
        after: the view that opens the changed sequence on the Locus page.
        effect: what it does, on every track.
    """

    act: Act
    done: str
    edits: tuple[Variant, ...]
    after: View
    effect: Effect


def of_model(view: View, model: str) -> View:
    """The same place asked of a model, on its first track where the view's own is not among its tracks."""
    spec = registry.spec(model)
    names = [track.name for track in spec.tracks]
    track = view.track if view.track in names else names[0]
    return replace(view, model=spec.model_id, track=track, reduce="mean", beside=None)


def word(view: View, text: str, asker: Asker) -> Word:
    """The letters that a typed motif stands for; in the sandbox a name means the matrix of its grammar."""
    own: tuple[Motif, ...] = ()
    if view.genome != PASTED and compute.genome(view, asker).synthetic:
        own = of_sandbox(sandbox.motifs())
    return letters_for(text, own)


def first_motifs(spec: ModelSpec) -> tuple[str, str]:
    """Two factors worth trying first on a model."""
    return FIRST_MOTIFS.get(spec.name, ("CTCF", "SPI1"))


def change(view: View, act: Act, motif: str, where: str, to: str, strand: str, seed: int, asker: Asker) -> Change:
    """Puts a motif in, takes it out, moves it or turns it, and says what that does on every track.

    Args:
        view: what is looked at.
        act: what to do.
        motif: name, accession or letters; not needed where ``where`` is a stretch.
        where: 1-based position or stretch; empty: the best match of the motif in the locus, to put in: its middle.
        to: 1-based position to move to.
        strand: along which a motif is put in.
        seed: of the shuffle that fills the place of what was taken out or moved away.
        asker: who asks.

    Raises:
        UserError: when the question cannot be understood or answered.
    """
    base = in_register(compute.sequence(view, asker))
    if act == "Put in":
        changed, done = _put_in(view, base, motif, where, strand, asker)
    else:
        start, end, found = _stretch(view, base, motif, where, asker)
        changed, done = _rearranged(view, base, act, start, end, to, seed)
        done += found
    edits = differences(base, changed)
    after = replace(view, edits=differences(compute.reference(view, asker), changed))
    spec = registry.spec(view.model)
    shown = view.locus if view.locus.length <= spec.input_length else None
    what = _cached(
        ("change", edits), view, asker, lambda run: effect(run, spec, base, edits, shown=shown, progress=asker.progress)
    )
    return Change(act, done, edits, after, what)


def everywhere(
    view: View, motif: str, strand: str, n: int, seed: int, scale: Scale, asker: Asker, *, drawn: str = "shuffled"
) -> Importance:
    """The global importance of a motif in backgrounds: see ``backgrounds``."""
    spec, wanted = _checked(view, scale, n), word(view, motif, asker)
    plain = backgrounds(view, drawn, n, seed, asker)
    return _cached(
        ("everywhere", wanted.name, wanted.bases, strand, drawn, n, seed, scale),
        view,
        asker,
        lambda run: embed(run, spec, plain, wanted, scale=scale, strand=strand, progress=asker.progress),
    )


def backgrounds(view: View, drawn: str, n: int, seed: int, asker: Asker) -> Backgrounds:
    """What motifs are put into.

    Args:
        view: what is looked at.
        drawn: ``shuffled``, of the window at the locus, or ``quiet``, windows of the genome near it.
        n: how many.
        seed: of the draw.
        asker: who asks.

    Raises:
        UserError: when the genome has no room for so many, or its bases cannot be read.
    """
    spec = registry.spec(view.model)
    if drawn == "shuffled":
        return shuffled(_window(view, spec, asker), n, seed=seed)
    if drawn != "quiet":
        raise ValueError(f"{drawn=}")
    if view.genome == PASTED:
        raise UserError("A pasted sequence has no genome around it to take quiet windows from; take shuffles.")
    source = compute.genome(view, asker)
    return _cached(
        ("quiet", n, seed),
        replace(view, edits=()),
        asker,
        lambda run: quiet_windows(run, spec, source, view.locus, n, seed=seed),
    )


def spacing(
    view: View,
    first: str,
    second: str,
    gaps: range,
    n: int,
    seed: int,
    scale: Scale,
    asker: Asker,
    *,
    drawn: str = "shuffled",
) -> Spacing:
    """The spacing scan of two motifs in backgrounds: see ``backgrounds``."""
    spec, words = _checked(view, scale, n), (word(view, first, asker), word(view, second, asker))
    if len(gaps) == 0:
        raise UserError("The widest gap must not be smaller than the narrowest; correct the gaps.")
    rows = n * designs_of(spec, len(gaps))
    if rows > MOST_ROWS:
        raise UserError(
            f"This asks for about {rows:,} windows, more than {MOST_ROWS:,}: take fewer gaps or backgrounds."
        )
    plain = backgrounds(view, drawn, n, seed, asker)
    return _cached(
        ("spacing", *(one.name for one in words), *(one.bases for one in words), tuple(gaps), drawn, n, seed, scale),
        view,
        asker,
        lambda run: scan(run, spec, plain, *words, list(gaps), scale=scale, progress=asker.progress),
    )


def tiles(view: View, length: int, n: int, seed: int, asker: Asker) -> Tiles:
    """The locus shuffled tile by tile."""
    spec = registry.spec(view.model)
    check_count(n, FEWEST_SHUFFLES, MOST_BACKGROUNDS, "shuffles of each tile")
    windows = 1 if view.locus.length <= spec.input_length else spec.placements
    _check_rows((n + 1) * windows * view.locus.length // max(1, length), "shuffles, or longer tiles")
    whole = compute.sequence(view, asker)
    return _cached(
        ("tiles", length, n, seed),
        view,
        asker,
        lambda run: shuffle_tiles(run, spec, whole, view.locus, length, n=n, seed=seed, progress=asker.progress),
    )


def needed(view: View, where: str, motif: str, n: int, seed: int, scale: Scale, asker: Asker) -> Needed:
    """Whether a stretch, or the best match of a motif, is needed and enough."""
    spec = _checked(view, scale, n)
    whole = compute.sequence(view, asker)
    start, end, _ = _stretch(view, in_register(whole), motif, where, asker)
    return _cached(
        ("needed", start, end, n, seed, scale),
        view,
        asker,
        lambda run: needed_or_enough(
            run, spec, whole, view.locus, start, end, n=n, seed=seed, scale=scale, progress=asker.progress
        ),
    )


def additive(view: View, n: int, seed: int, scale: Scale, asker: Asker) -> Surrogate:
    """How much of what the model does at the locus (in its window) is a sum over bases."""
    spec = registry.spec(view.model)
    check_scale(spec, scale)
    window = _window(view, spec, asker)
    return _cached(
        ("additive", n, seed, scale),
        view,
        asker,
        lambda run: surrogates.surrogate(
            run, spec, window, view.locus.start, view.locus.end, n=n, seed=seed, scale=scale, progress=asker.progress
        ),
    )


def found_here(view: View, asker: Asker) -> tuple[str, str]:
    """The motif worth asking about that fits the locus best, and where, as 1-based text; both empty where none does.

    Raises:
        UserError: when the bases cannot be read.
    """
    base = in_register(compute.sequence(view, asker))
    first, last = view.locus.start - base.locus.start, view.locus.end - base.locus.start
    names = dict.fromkeys((*first_motifs(registry.spec(view.model)), *_LIKELY))
    best, chosen = 0.0, ("", "")
    for name in names:
        wanted = word(view, name, asker)
        match = fit(base.bases[first:last], wanted)
        if match is None or match.share < CLEAR_MATCH:
            continue
        bits = match.share * float(wanted.scores.max(axis=0).sum())
        if bits > best:
            place = Locus(view.locus.chrom, view.locus.start + match.start, view.locus.start + match.end)
            best, chosen = bits, (name, _text(place))
    return chosen


def middle_of(view: View, length: int = 20) -> str:
    """1-based text of the stretch in the middle of the locus."""
    return _text(view.locus.resized(min(length, view.locus.length)))


def motifs_in(view: View, text: str, asker: Asker) -> tuple[str, ...]:
    """The motifs that a question in words names, in order."""
    found = []
    for token in re.findall(r"[A-Za-z0-9:.]{2,60}", text):
        named = sum(letter.isupper() or letter.isdigit() for letter in token) >= 2
        if not named or (set(token) <= set("ACGT") and len(token) < _SHORTEST_TYPED):
            continue
        try:
            found.append(word(view, token, asker).name if set(token) - set("ACGT") else token)
        except UserError:
            continue  # an ordinary word
    return tuple(dict.fromkeys(found))


def _put_in(view: View, base: Sequence, motif: str, where: str, strand: str, asker: Asker) -> tuple[Sequence, str]:
    wanted = word(view, motif, asker)
    bases = wanted.on(strand)
    middle = view.locus.start + (view.locus.length - len(bases)) // 2
    start = _place(view, where).start if where.strip() else middle
    at = _text(Locus(view.locus.chrom, start, start + len(bases)))
    done = f"{wanted.name} ({wanted.source}: {bases} on the + strand) was written over the bases at {at}."
    return put_in(base, start, bases), done


def _rearranged(view: View, base: Sequence, act: Act, start: int, end: int, to: str, seed: int) -> tuple[Sequence, str]:
    at = _text(Locus(view.locus.chrom, start, end))
    filled = f"a dinucleotide shuffle of its own bases (seed {seed})"
    if act == "Take out":
        return take_out(base, start, end, seed=seed), f"{at} was replaced by {filled}."
    if act == "Flip":
        return flip(base, start, end), f"{at} was turned to the other strand in place."
    if not to.strip():
        raise UserError("Write the position that it should move to.")
    place = _place(view, to)
    done = f"{at} was written over the bases from {_text(Locus(view.locus.chrom, place.start, place.start + 1))} on; its old place holds {filled}."
    return move(base, start, end, place.start, seed=seed), done


def _stretch(view: View, base: Sequence, motif: str, where: str, asker: Asker) -> tuple[int, int, str]:
    """First base and one past the last (0-based) of what is meant, and how it was found, in words."""
    if where.strip():
        place = _place(view, where)
        if place.length > 1:
            return place.start, place.end, ""
        return place.start, place.start + len(word(view, motif, asker).bases), ""
    wanted = word(view, motif, asker)
    first, last = view.locus.start - base.locus.start, view.locus.end - base.locus.start
    match = best_match(base.bases[first:last], wanted)
    words = f" It is the best match of {wanted.name} in the locus, on the {match.strand} strand ({match.share:.0%} of the best possible score)."
    return view.locus.start + match.start, view.locus.start + match.end, words


def _place(view: View, text: str) -> Locus:
    """A position or stretch on the view's chromosome, from 1-based text with or without its name."""
    typed = text.strip().replace("–", "-")
    place = parse_locus(typed if ":" in typed else f"{view.locus.chrom}:{typed}")
    if place.chrom != view.locus.chrom or not view.locus.start <= place.start < place.end <= view.locus.end:
        raise UserError(f"{place} does not lie inside the locus, {view.locus}; write positions of it.")
    return place


def _text(place: Locus) -> str:
    """A place as 1-based text without its chromosome."""
    first, _, last = str(place).rpartition(":")[2].partition("-")
    return first if first == last else f"{first}-{last}"


def _window(view: View, spec: ModelSpec, asker: Asker) -> Sequence:
    return window_at(compute.sequence(view, asker), view.locus.start, view.locus.end, spec)


def _check_rows(rows: int, fewer: str) -> None:
    """Raises a UserError where a question is too large to wait for."""
    if rows > MOST_ROWS:
        raise UserError(f"This asks for about {rows:,} windows, more than {MOST_ROWS:,}: take fewer {fewer}.")


def _checked(view: View, scale: Scale, n: int) -> ModelSpec:
    spec = registry.spec(view.model)
    check_scale(spec, scale)
    check_count(n, FEWEST_BACKGROUNDS, MOST_BACKGROUNDS, "backgrounds")
    return spec


def _cached(question: tuple[Hashable, ...], view: View, asker: Asker, answer: Callable[[Runner], Found]) -> Found:
    """The answer to a question about a view's bases and model, computed once."""
    spec = registry.spec(view.model)
    place = replace(view, track=spec.tracks[0].name, reduce="mean", baseline="uniform", seed=0, beside=None)
    run = compute.engine().runner(spec.model_id, session=asker.session)
    return compute.cache().get(("what if", spec.model_id, place, question), lambda: answer(run), wait=asker.wait)
