"""How good measurements are, and predicted beside measured: agreement, intervals, alarm, misses, files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode

import streamlit as st

from app import compute_measure, export_measure
from app.compute_measure import Taken
from app.figures import measure as figures
from app.screens import navigation, state
from app.widgets import problem, progress_in, text
from experiment import oracle
from experiment.measurements_beside import ALARM, Beside
from experiment.measurements_quality import Finding
from experiment.verdict import Verdict
from genome.errors import UserError
from interpret.measured import plural
from interpret.wording import signed
from models import registry
from models.core import ModelSpec

_MISSES = 10
_MARKS = {
    "good": ":material/check_circle:",
    "caution": ":material/error:",
    "bad": ":material/cancel:",
    "open": ":material/help:",
}
_COLOURS = {"good": "green", "caution": "orange", "bad": "red", "open": "gray"}


def quality(taken: Taken) -> None:
    """The quality report, and two replicates of every element."""
    found = taken.quality
    if found is None:
        return
    st.subheader("How good are the measurements?", anchor=False)
    picture = figures.replicates(found, taken.measured.unit)
    words, side = st.columns([0.58, 0.42], vertical_alignment="top") if picture is not None else (st.container(), None)
    with words:
        for one in found.findings:
            _finding(one)
        _dropped(taken)
        if found.outliers:
            with st.expander(f"The {len(found.outliers)} values that lie furthest from the other replicates"):
                lines = [
                    f"- {text(one.name, 80)}, replicate {text(one.replicate)}: {signed(one.value, 2)}, others "
                    f"{signed(one.others, 2)}"
                    for one in found.outliers
                ]
                st.markdown("\n".join(lines))
    if side is not None and picture is not None:
        side.plotly_chart(picture, key="measure-replicates")


def _finding(one: Finding) -> None:
    st.markdown(f":{_COLOURS[one.level]}[{_MARKS[one.level]}] **{text(one.what)}.** {text(one.words, 900)}")


def _dropped(taken: Taken) -> None:
    dropped, n = taken.measured.dropped, taken.measured.n_dropped
    if not n:
        return
    with st.expander(f"{n:,} {plural('row', n)} left out: which?"), st.container(height=200, border=False):
        lines = [
            f"- {f'Line {one.line:,}' if one.line else 'Element'}: {text(one.reason)}{f' ({text(one.detail)})' if one.detail else ''}"
            for one in dropped
        ]
        if n > len(dropped):
            lines.append(f"- and {n - len(dropped):,} more")
        st.markdown("\n".join(lines))


def beside(taken: Taken, judged: Sequence[Verdict]) -> None:
    """Predicted beside measured, and the files."""
    if compute_measure.without_bases(taken):
        _files(taken, None, judged, None, "")
        return
    st.subheader("Where was the model wrong?", anchor=False)
    spec, track = _pickers(taken)
    slot = st.empty()
    try:
        asker = replace(state.asker(), progress=progress_in(slot, "Predicting every element"))
        found = compute_measure.compared(taken, spec.model_id, track, asker)
    except UserError as error:
        problem(str(error))
        return
    finally:
        slot.empty()
    if taken.measured.name == oracle.NAME:
        st.caption(
            "This DNA is synthetic, and no model here was trained on such measurements: this is how a model looks that is wrong."
        )
    unit, predicted_unit = taken.measured.unit, spec.tracks[spec.track_index(track)].unit
    st.markdown(text(compute_measure.sentence(found), 900))
    picture, words = st.columns([0.6, 0.4], vertical_alignment="top")
    picture.plotly_chart(figures.scatter(found, unit, predicted_unit), key="measure-scatter")
    with words:
        _coverage(found)
        _alarm(found)
    if found.low is not None:
        st.plotly_chart(figures.left(found, unit), key="measure-left")
    st.caption(text(f"{found.rule} {found.rows.fitting} Model {spec.model_id}, track {track}.", 900))
    _misses(found, spec, track, unit)
    _files(taken, found, judged, spec, track)


def _pickers(taken: Taken) -> tuple[ModelSpec, str]:
    specs = {spec.model_id: spec for spec in registry.specs()}
    first = compute_measure.fitting_model(taken)
    left, right = st.columns(2)
    ids = list(specs)
    model = str(
        left.selectbox(
            "Model", ids, index=ids.index(first), format_func=lambda one: specs[one].title, key="measure-model"
        )
    )
    names = [track.name for track in specs[model].tracks]
    track = str(right.selectbox("Track", names, key=f"measure-track-{model}"))
    return specs[model], track


def _coverage(found: Beside) -> None:
    if found.coverage is None:
        st.caption(text(found.rule))
        return
    st.markdown("**Do the model's intervals hold here?**")
    lines = [f"- all: {text(str(found.coverage))}"]
    lines += [f"- {text(name)}: {text(str(one))}" for name, one in found.by_part.items()]
    st.markdown("\n".join(lines))


def _alarm(found: Beside) -> None:
    if found.drift is None:
        return
    picture = figures.alarm(found)
    at = found.drift.alarm_at
    said = f"Alarm after {at:,} elements" if at is not None else "No alarm"
    st.markdown(f"**Has the rule changed?** {said}.")
    if picture is not None:
        st.plotly_chart(picture, key="measure-alarm")
    st.caption(
        f"A stake that grows only when new residuals are not like those of calibration; by chance it reaches {ALARM:.0f} in at most "
        "one of 20 uploads. Another scale or another assay is such a change too."
    )


def _misses(found: Beside, spec: ModelSpec, track: str, unit: str) -> None:
    """The elements that the model explains least: the next hypotheses."""
    if found.low is not None and not found.misses:
        st.markdown("No element lies beyond the model's interval.")
        return
    many = f"{len(found.misses):,} beyond the interval" if found.low is not None else "the largest residuals first"
    st.markdown(f"**The next hypotheses: {many}**")
    for index in found.misses[:_MISSES]:
        link, words = st.columns([0.34, 0.66], vertical_alignment="center")
        link.page_link(
            navigation.home(),
            label=text(found.rows.names[index], 50),
            icon=":material/arrow_forward:",
            query_params=compute_measure.link_of(found, index, spec, track),
        )
        interval = ""
        if found.low is not None and found.high is not None:
            interval = f" ({signed(float(found.low[index]), 2)} to {signed(float(found.high[index]), 2)})"
        measured, guess = float(found.rows.measured[index]), float(found.rows.predicted[index])
        words.markdown(text(f"measured {signed(measured, 2)}, predicted {signed(guess, 2)}{interval} {unit}"))
    if len(found.misses) > _MISSES:
        st.caption(f"{len(found.misses) - _MISSES:,} more in the file.")


def _files(taken: Taken, found: Beside | None, judged: Sequence[Verdict], spec: ModelSpec | None, track: str) -> None:
    """What can be taken away; each file is made when its button is pressed."""
    with st.container(horizontal=True, key="measure-files"):
        if found is not None and spec is not None:
            st.download_button(
                "Every element (.tsv)",
                lambda: export_measure.elements_table(taken, found, spec, track, _links(found, spec, track)),
                "cislens_measured.tsv",
                key="measure-tsv",
                on_click="ignore",
            )
        if judged:
            st.download_button(
                "Verdicts (.tsv)",
                lambda: export_measure.verdicts_table(judged, taken),
                "cislens_verdicts.tsv",
                key="measure-verdicts-tsv",
                on_click="ignore",
            )
        st.download_button(
            "Report (.json)",
            lambda: export_measure.as_json(export_measure.report(taken, found, judged, spec, track)),
            "cislens_measured.json",
            key="measure-json",
            on_click="ignore",
        )


def _links(found: Beside, spec: ModelSpec, track: str) -> list[str]:
    count = range(len(found.rows.names))
    return [f"{state.locus_address()}?{urlencode(compute_measure.link_of(found, i, spec, track))}" for i in count]
