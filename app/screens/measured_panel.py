"""Measured beside predicted effects: how well they agree, where they part, and what to try next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from app import compute_measured, export_measured
from app.answer import Answer
from app.compute import Asker
from app.compute_mutagenesis import TakesTime
from app.figures import measured as measured_figure
from app.screens import measured, navigation
from app.widgets import progress_in, text
from genome.errors import UserError
from genome.locus import Variant
from interpret.effects import placement_rule
from interpret.measured import FEWEST_BARCODES, plural
from interpret.measured_beside import Comparison, Correlation, Guess, compare, guesses_of
from interpret.measured_match import FEWEST_PAIRS, KINDS, Matched
from interpret.measured_residuals import Residuals
from interpret.substitutions import Substitutions
from interpret.wording import signed
from models.metrics import Interval

_COMPARED, _PATIENT = "compared_measured", "measured-patient"
_LISTED = 8  # changes that are listed as the next to look at


def show(found: Answer, effects: Substitutions, shown: Matched, asker: Asker) -> None:
    """Draws what was measured against what is predicted, what to make of it, and what was left out."""
    if shown.doubt:
        st.warning(text(shown.doubt, 600), icon=":material/info:")
    if not shown.matches:
        st.caption(f"Nothing in {text(measured.name())} was measured here. {_left_out(shown.left_out)}")
        return
    others, waiting = _longer(found, shown, asker)
    compared = _compared(effects, shown, others)
    parted = compute_measured.parted(found, compared, measured.unit(shown))
    words, picture = st.columns([0.46, 0.54], vertical_alignment="center")
    with words:
        st.markdown(f"**Measured and predicted: {_counted(compared)}**")
        _agreement(compared)
        st.caption(text(_sentence(found, effects, shown, others=bool(others)), 900))
        st.caption(f"At least {FEWEST_BARCODES} barcodes where the table counts them. {_left_out(compared.left_out)}")
        waiting()
    unit = measured.unit(shown)
    with picture:
        st.plotly_chart(measured_figure.scatter(compared, effects.unit, unit), key="measured-scatter")
    if parted is not None:
        _parted(found, compared, parted, unit)
    st.download_button(
        "Pairs and residuals (.tsv)",
        lambda: export_measured.table(
            found.view,
            compared,
            parted,
            windows=_windows(found, effects, others=bool(others)),
            unit=unit,
            name=measured.name(),
        ),
        f"cislens_measured_{found.view.locus.chrom}_{found.view.locus.start + 1}-{found.view.locus.end}.tsv",
        key="measured-tsv",
        on_click="ignore",
        type="tertiary",
    )


def _longer(found: Answer, shown: Matched, asker: Asker) -> tuple[dict[Variant, Guess], Callable[[], None]]:
    """Predictions of what the map has no cell for, and what to say or ask where they are not made."""
    variants = compute_measured.longer(shown)
    if not variants:
        return {}, lambda: None
    patient = st.session_state.get(_PATIENT) == (found.view.model, found.view.locus, variants)
    slot = st.empty()
    try:
        progress = progress_in(slot, "Predicting deletions and longer changes")
        made = compute_measured.predicted(found.view, variants, replace(asker, progress=progress), patient=patient)
    except TakesTime as error:
        words = f"{len(variants):,} deletions and longer changes are not predicted yet. {error}"
        key = (found.view.model, found.view.locus, variants)

        def ask() -> None:
            st.caption(text(words))
            st.button("Predict them too", key="measured-ask", on_click=lambda: st.session_state.update({_PATIENT: key}))

        return {}, ask
    except UserError as error:
        said = f"{len(variants):,} deletions and longer changes are not predicted: {error}"
        return {}, lambda: _said(said)
    finally:
        slot.empty()
    return made, lambda: None


def _said(words: str) -> None:
    st.caption(text(words))


def _compared(effects: Substitutions, shown: Matched, others: dict[Variant, Guess]) -> Comparison:
    """The pairs with their intervals, resampled once for what is on screen."""
    kept, key = st.session_state.get(_COMPARED), (effects.effects.tobytes(), len(others))
    if kept is None or kept[0] is not shown or kept[1] != key:
        kept = (shown, key, compare(shown, guesses_of(effects) | others))
        st.session_state[_COMPARED] = kept
    found: Comparison = kept[2]
    return found


def _counted(compared: Comparison) -> str:
    """How many of which kind."""
    kinds = [one.kind for one in compared.matches]
    return ", ".join(f"{kinds.count(kind):,} {plural(kind, kinds.count(kind))}" for kind in KINDS if kind in kinds)


def _agreement(compared: Comparison) -> None:
    """The correlations as a table, and how well the measurement agrees with itself."""
    known = [one for one in compared.correlations if one.spearman is not None and one.pearson is not None]
    if not known:
        st.markdown(f"Too few for a correlation, or one of the two never changes; it needs {FEWEST_PAIRS}.")
        return
    lines = ["|  | Spearman | Pearson | n |", "| --- | --- | --- | --- |", *map(_line, known)]
    st.markdown("\n".join(lines))
    ceiling = compared.ceiling
    st.caption(
        "In brackets: 95 % intervals over resampled positions (seed 0)."
        if ceiling is None
        else f"In brackets: 95 % intervals over resampled positions (seed 0). Ceiling {text(signed(ceiling.value, 2))}: "
        f"{text(ceiling.words)}."
    )


def _line(one: Correlation) -> str:
    return f"| {text(one.kind)} | {_interval(one.spearman)} | {_interval(one.pearson)} | {one.n:,} |"


def _interval(value: Interval | None) -> str:
    if value is None:
        return "—"
    return text(f"{signed(value.value, 2)} ({signed(value.low, 2)} to {signed(value.high, 2)})")


def _parted(found: Answer, compared: Comparison, parted: Residuals, unit: str) -> None:
    """What is left along the locus, and the changes that the model explains least."""
    st.plotly_chart(measured_figure.along(compared, parted, unit), key="measured-residuals")
    st.caption(text(parted.rule, 600))
    if parted.half is not None and not parted.worst:
        st.markdown("No measured effect lies beyond the model's interval.")
        return
    many = f"{len(parted.worst):,} beyond the interval" if parted.half is not None else "the largest residuals"
    with st.expander(f"Where the model is wrong: {many}"):
        for index in parted.worst[:_LISTED]:
            one = compared.matches[index]
            link, words = st.columns([0.32, 0.68], vertical_alignment="center")
            link.page_link(
                navigation.home(),
                label=text(measured_figure.name_of(one)),
                icon=":material/arrow_forward:",
                query_params=compute_measured.with_change(found.view, one.variant).to_query(),
            )
            fitted = compared.measured[index] - parted.values[index]
            words.markdown(
                text(
                    f"measured {signed(compared.measured[index], 2)}, fitted {signed(fitted, 2)}, "
                    f"left {signed(parted.values[index], 2)} {unit}{_seen_with(one.row.barcodes)}"
                )
            )
        if len(parted.worst) > _LISTED:
            st.caption(f"{len(parted.worst) - _LISTED:,} more in the file.")


def _seen_with(barcodes: int | None) -> str:
    """How well the measurement rests, where the table says."""
    return "" if barcodes is None else f"; {barcodes:,} barcodes"


def _sentence(found: Answer, effects: Substitutions, shown: Matched, *, others: bool) -> str:
    """What the two numbers are, so that nobody compares their sizes."""
    track = found.spec.tracks[found.spec.track_index(found.view.track)]
    said = (
        f"Measured in {shown.source.cells} by reporter" if shown.source is not None else "Measured as your table says"
    )
    of = f" of {track.biosample}" if _is_news(track.biosample, track.name) else ""
    return (
        f"{said}; the model predicts {track.name}{of} ({effects.unit}): compare the pattern, not the size. "
        f"{_windows(found, effects, others=others)}"
    )


def _windows(found: Answer, effects: Substitutions, *, others: bool) -> str:
    """Where the windows of the predictions lay."""
    if not others:
        return effects.rule
    return f"Substitutions: {effects.rule} Other changes: {placement_rule(found.spec, 'each of them')}"


def _is_news(biosample: str, track: str) -> bool:
    """Whether a model says which cells it was trained on, and the track's name does not say it already."""
    named = bool(biosample) and not biosample.lower().startswith(("not ", "none", "unknown"))
    return named and biosample.split()[0].lower() not in track.lower()


def _left_out(reasons: tuple[str, ...]) -> str:
    return f"Left out: {text('; '.join(reasons), 900)}." if reasons else ""
