"""CRISPRi element-gene pairs: how good the table is, and what a model that never sees the gene can and cannot say."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import compute_measure, export_measure
from app.compute_measure import Taken
from app.screens import state
from app.widgets import problem, progress_in, text
from experiment.measurements_crispri import Ranking, by_distance, quality, what_a_model_can_say
from genome import catalog
from genome.errors import UserError
from models import registry


def show(taken: Taken) -> None:
    """Draws the report, and the two rankings where they can be made."""
    pairs = taken.pairs
    if pairs is None:
        raise ValueError("no element-gene pairs")
    st.subheader("How good is the table?", anchor=False)
    for what, words in quality(pairs):
        st.markdown(f"**{text(what)}.** {text(words, 900)}")
    st.subheader("What can a model say of these pairs?", anchor=False)
    model, track, genome = _pickers()
    spec = registry.spec(model)
    ranking, inside = _ranked(taken, genome, model, track)
    st.markdown(text(what_a_model_can_say(spec, pairs, inside), 900))
    baseline = by_distance(pairs)
    for one in (baseline, ranking):
        if one is not None:
            st.markdown(f"- {text(compute_measure.ranking_words(one), 600)}")
    if ranking is not None:
        st.caption("An element's own activity is the same for each of its genes: it cannot choose among them.")
    st.download_button(
        "Report (.json)",
        lambda: export_measure.as_json(export_measure.report(taken, None, (), spec, track, ranking)),
        "cislens_pairs.json",
        key="measure-json",
        on_click="ignore",
    )


def _pickers() -> tuple[str, str, str]:
    specs = {spec.model_id: spec for spec in registry.specs()}
    one, two, three = st.columns(3)
    ids = list(specs)
    first = next((name for name in ids if specs[name].name == "lentimpra"), ids[0])
    model = str(
        one.selectbox(
            "Model", ids, index=ids.index(first), format_func=lambda name: specs[name].title, key="measure-model"
        )
    )
    names = [track.name for track in specs[model].tracks]
    likely = next((index for index, name in enumerate(names) if "K562" in name), 0)
    track = str(two.selectbox("Track", names, index=likely, key=f"measure-track-{model}"))
    places = {entry.name: entry.title for entry in catalog.genomes() if entry.is_local}
    genome = str(
        three.selectbox(
            "Genome of the elements",
            list(places),
            index=list(places).index("hg38") if "hg38" in places else 0,
            format_func=places.__getitem__,
            key="measure-genome",
        )
    )
    return model, track, genome


def _ranked(taken: Taken, genome: str, model: str, track: str) -> tuple[Ranking | None, int]:
    slot = st.empty()
    try:
        asker = replace(state.asker(), progress=progress_in(slot, "Predicting every element"))
        return compute_measure.ranked_elements(taken, genome, model, track, asker)
    except UserError as error:
        problem(str(error))
        return None, 0
    finally:
        slot.empty()
