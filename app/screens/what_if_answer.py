"""The answers of the What if screen: a sentence, one figure, one table, how it was computed, and the numbers to take away."""

from __future__ import annotations

import html
from functools import partial

import numpy as np
import streamlit as st

from app import whatif_record
from app.compute_whatif import Change
from app.figures import whatif as figures
from app.screens import navigation
from app.view import View
from app.whatif_record import Result, tracks_shown
from app.widgets import text
from interpret import surrogate
from interpret.surrogate import Surrogate
from interpret.whatif import Estimate, scale_words, signed_change, unit_of, with_interval
from interpret.whatif_pairs import VERDICT_RULE, Importance, Spacing, verdict_words
from interpret.whatif_stretch import Needed, Tiles, needed_words, tiles_words
from interpret.wording import CHECKED, LOG_ODDS, signed
from models import registry
from models.core import ModelSpec

HOW: dict[type, str] = {
    Change: (
        "effect = f(changed) − f(as it was), on each track; f is the mean over networks and strands. Both are read in the same "
        "windows. Bases are written over others, never pushed aside, so all the rest stays where it was. ± is the standard "
        "deviation between the networks."
    ),
    Spacing: (
        "interaction = f(both) − f(first alone) − f(second alone) + f(neither), in each background, then averaged; the shaded "
        "band is its 95 % interval over backgrounds (Student's t). Filled marks are called. "
        + VERDICT_RULE
        + " A call is about the network: of 188 cells of independent pairs on the sandbox it still made 4, all of pairs that it "
        "had never seen together."
        + " After the in-silico marginalisation of Avsec et al. 2021 (BPNet) and global importance analysis, Koo et al. 2021."
    ),
    Tiles: (
        "lost = f(as it is) − mean of f(tile shuffled); share lost = that over f(as it is), in amounts only. A shuffle keeps the "
        "tile's dinucleotides (Altschul and Erickson 1985). Bars carry the 95 % interval over shuffles. After CREME, Toneyan and "
        "Koo 2024."
    ),
    Importance: (
        "effect = mean over backgrounds of f(background with the motif) − f(background), with its 95 % interval (Student's t). "
        "Global importance analysis, Koo et al. 2021."
    ),
    Needed: (
        "needed = f(as it is) − mean of f(stretch shuffled). enough = mean of f(stretch kept, all else shuffled) − f(all "
        "shuffled). depends on context = needed − enough: above 0 the stretch works only among its neighbours, below 0 they make "
        "up for it. Intervals are 95 % over shuffles. After CREME, Toneyan and Koo 2024."
    ),
    Surrogate: (
        "share = 1 − squared error / variance on mutants kept out of the fit. Every tenth base is changed at random; one weight "
        "for each other base; to what that leaves over, one for each pair of the positions that matter most; ridge regression. After SQUID, Seitz et "
        "al. 2024."
    ),
}  # fmt: skip


def show(view: View, result: Result, key: str = "whatif") -> None:
    """Draws an answer; ``key`` tells it from others on the same page."""
    spec = registry.spec(view.model)
    shown = tracks_shown(spec)
    with st.container(border=True):
        track = _track(spec, result, shown, key)
        st.html(f'<div class="cl-said cl-whatif">{html.escape(_words(spec, result, track))}</div>')
        if isinstance(result, Change):
            st.page_link(
                navigation.home(),
                label="Open the changed sequence on the Locus page",
                icon=":material/arrow_forward:",
                query_params=result.after.to_query(),
            )
        st.plotly_chart(_figure(spec, result, track, shown), key=f"{key}-figure-{type(result).__name__}")
        for words in _notes(spec, result, track):
            st.caption(text(words, 900))
        st.dataframe(
            whatif_record.table(spec, result, track), hide_index=True, key=f"{key}-table-{type(result).__name__}"
        )
        _below(view, spec, result, key)


def _below(view: View, spec: ModelSpec, result: Result, key: str) -> None:
    facts = whatif_record.facts(view, spec, result)
    edits = f" with {len(view.edits)} edit{'s' if len(view.edits) > 1 else ''}" if view.edits else ""
    st.caption(
        text(
            f"{spec.model_id} · {view.genome} {view.locus}{edits} · "
            f"{facts['method']} · {facts['strand_rule']} · {facts['done']}",
            1_200,
        )
    )
    with st.expander("How is this computed?"):
        st.markdown(text(HOW[type(result)], 1_500))
        if isinstance(result, Spacing | Importance | Needed | Surrogate):
            st.markdown(text(scale_words(spec, result.scale), 800))
    stem = f"cislens_whatif_{type(result).__name__.lower()}_{view.locus.chrom}_{view.locus.start + 1}-{view.locus.end}"
    with st.container(horizontal=True):
        for ending, make in (("csv", whatif_record.as_csv), ("json", whatif_record.as_json)):
            st.download_button(
                f"Numbers (.{ending})",
                partial(make, view, spec, result),
                f"{stem}.{ending}",
                key=f"{key}-{ending}-{type(result).__name__}",
                on_click="ignore",
                type="tertiary",
            )


def _track(spec: ModelSpec, result: Result, shown: list[tuple[str, int]], key: str) -> int:
    """The track drawn where an answer has many values for each; the others are in the files."""
    if not isinstance(result, Spacing | Tiles) or len(shown) == 1:
        return shown[0][1]
    names = dict(shown)
    whose = f"{key}-track-{type(result).__name__}-{spec.model_id}"
    chosen = st.selectbox("Track", list(names), key=whose, width=320)
    return names[str(chosen)]


def _figure(spec: ModelSpec, result: Result, track: int, shown: list[tuple[str, int]]):  # type: ignore[no-untyped-def]
    if isinstance(result, Change):
        return figures.effect(result.effect, shown, unit_of(spec, track, "explained"))
    if isinstance(result, Spacing):
        return figures.spacing(result, track, unit_of(spec, track, result.scale))
    if isinstance(result, Tiles):
        return figures.tiles(result, track, unit_of(spec, track, "explained"), share=not result.refused[track])
    if isinstance(result, Surrogate):
        return figures.additive(result, shown)
    parts: dict[str, Estimate] = {"effect": result.effect} if isinstance(result, Importance) else {
        "needed": result.necessity, "enough": result.sufficiency, "depends on context": result.context,
    }  # fmt: skip
    return figures.estimates(parts, shown, unit_of(spec, track, result.scale))


def _words(spec: ModelSpec, result: Result, track: int) -> str:
    """What was found on the first or chosen track, in a sentence."""
    name = {index: name for name, index in tracks_shown(spec)}[track]
    if isinstance(result, Change):
        largest = max((index for _, index in tracks_shown(spec)), key=lambda i: abs(float(result.effect.delta[i])))
        unit = unit_of(spec, largest, "explained")
        effect = result.effect
        agree = "" if effect.signs_agree[largest] else " The networks disagree in sign."
        return (
            f"{result.done} Largest change: {spec.tracks[largest].name} {signed_change(effect.delta[largest])} ± "
            f"{effect.spread[largest]:.2g} {unit} ({signed(float(effect.before[largest]), 2)} → "
            f"{signed(float(effect.after[largest]), 2)}).{agree}"
        )
    if isinstance(result, Spacing):
        return f"{name}: {verdict_words(result, track, unit_of(spec, track, result.scale))}"
    if isinstance(result, Surrogate):
        return f"{name}: {surrogate.words(result, track)}"
    if isinstance(result, Tiles):
        return f"{name}: {tiles_words(result, track, unit_of(spec, track, 'explained'))}"
    part = result.effect if isinstance(result, Importance) else result.necessity
    most = max((index for _, index in tracks_shown(spec)), key=lambda i: abs(float(part.mean[i])))
    name = {index: name for name, index in tracks_shown(spec)}[most]
    unit = unit_of(spec, most, result.scale)
    whose = f"{name}, the track on which it does most" if len(tracks_shown(spec)) > 1 else name
    if isinstance(result, Importance):
        does = "does" if result.effect.clear[most] else "does nothing clear:"
        return (
            f"{whose}: {result.word.name} {does} {with_interval(result.effect, most)} {unit} in {result.n} backgrounds."
        )
    return f"{whose}: {needed_words(result, most, unit)}"


def _notes(spec: ModelSpec, result: Result, track: int) -> tuple[str, ...]:
    """What has to be known to read the numbers."""
    beyond = (f"Log odds beyond ±{CHECKED:.0f} are beyond what validation rows can check: only their order counts.",)
    beyond = beyond if _log_odds_reached(spec, result) > CHECKED else ()
    if isinstance(result, Change):
        return beyond
    if isinstance(result, Tiles):
        return tuple(words for words in (result.refused[track],) if words)
    if isinstance(result, Spacing | Importance | Needed):
        return (scale_words(spec, result.scale), *beyond)
    return ()


def _log_odds_reached(spec: ModelSpec, result: Result) -> float:
    """The largest log odds, in size, among the levels that an answer compares; 0 where it has none.

    A spacing scan keeps effects and no levels: one of its two lies at least half of the effect from 0.
    """
    odds = [index for index, track in enumerate(spec.tracks) if track.unit == LOG_ODDS]
    if isinstance(result, Change):
        levels = (result.effect.before, result.effect.after)
    elif isinstance(result, Importance):
        levels = (result.without, result.without + result.effect.mean)
    elif isinstance(result, Needed):
        levels = (result.wild_type, result.shuffled)
    elif isinstance(result, Spacing):
        levels = (result.pair.mean / 2, result.first.mean / 2)
    else:
        return 0.0
    return max((float(np.abs(level[..., odds]).max()) for level in levels if odds), default=0.0)
