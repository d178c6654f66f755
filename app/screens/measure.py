"""The Measure page: take measurements back, see how good they are, where the model was wrong, and what was refuted."""

from __future__ import annotations

import io

import streamlit as st

from app import compute_measure, compute_project
from app.compute_measure import WORDS, Taken
from app.screens import measure_answer, measure_pairs, measure_verdicts, navigation, project_picker
from app.widgets import problem, text
from experiment import oracle
from experiment.hypothesis import Hypothesis
from experiment.verdict import Verdict
from genome.errors import UserError
from genome.variant_lines import encoded

_TAKEN, _CLAIMS, _UPLOAD = "measure-taken", "measure-claims", "measure-upload"


def show() -> None:
    """Draws the form, and everything that is known of the last table."""
    st.html(
        '<div class="cl-brand">Measure</div>'
        '<div class="cl-sub">what did the experiment say, how good is it, and where was the model wrong?</div>'
    )
    _form()
    taken = taken_now()
    if taken is None:
        st.caption(
            "An MPRA (counts of DNA and RNA by barcode, or activities), CRISPRi element-gene pairs, or measured effects of "
            "changes; the first line names the columns. What you give stays in this session until you keep it in a project."
        )
        return
    _recognised(taken)
    if taken.pairs is not None:
        measure_pairs.show(taken)
        _keep(taken, ())
        return
    measure_answer.quality(taken)
    judged = measure_verdicts.show(taken, claims_now())
    _keep(taken, judged)
    measure_answer.beside(taken, judged)


def _keep(taken: Taken, judged: tuple[Verdict, ...]) -> None:
    """Keeps the table with its bytes and its verdicts in a project."""
    upload: bytes = st.session_state[_UPLOAD]
    claims = claims_now()
    project_picker.keep(
        "measure", lambda project: compute_project.keep_measurements(project, taken, upload, claims, judged)
    )


def taken_now() -> Taken | None:
    """The table of this session."""
    found: Taken | None = st.session_state.get(_TAKEN)
    return found


def claims_now() -> tuple[Hypothesis, ...]:
    """The hypotheses of this session."""
    found: tuple[Hypothesis, ...] = st.session_state.get(_CLAIMS, ())
    return found


def _form() -> None:
    """What is given: a file or a paste, hypotheses perhaps, or the example."""
    with st.form("measure-form", border=False):
        upload = st.file_uploader(
            "Measurements: TSV or CSV, plain or .gz",
            key="measure-file",
            max_upload_size=compute_measure.MAX_UPLOAD >> 20,
        )
        with st.expander("Paste instead, or say more"):
            pasted = st.text_area("Rows, the names of the columns first", height=120, key="measure-pasted")
            fewest = st.number_input(
                "Leave out elements with fewer barcodes in a replicate than", 1, 1_000, 1, key="measure-fewest"
            )
            claims = st.file_uploader(
                "The design that was measured (.json): its hypotheses, controls and links",
                key="measure-claims-file",
                type="json",
            )
            kept = _kept_designs()
            design = st.selectbox(
                "Or a design that is kept in a project",
                list(kept),
                index=None,
                format_func=lambda number: kept[number],
                placeholder="None",
                key="measure-design",
            )
        read, example, forget = st.columns([0.16, 0.34, 0.5], vertical_alignment="center")
        pressed = read.form_submit_button("Read", type="primary", width="stretch")
        shown = example.form_submit_button("Try it: the sandbox measures a network's claims", type="tertiary")
        gone = forget.form_submit_button("Forget the table", type="tertiary") if taken_now() is not None else False
    if gone:
        for key in (_TAKEN, _CLAIMS, _UPLOAD):
            st.session_state.pop(key, None)
        st.rerun()
    try:
        if shown:
            st.session_state[_CLAIMS], st.session_state[_TAKEN] = compute_measure.example()
            st.session_state[_UPLOAD] = oracle.as_table(st.session_state[_TAKEN].measured.rows)
        elif pressed:
            stated = claims.getvalue() if claims is not None else None
            _read(upload, str(pasted), int(fewest), stated, design)
    except UserError as error:
        problem(str(error))


def _kept_designs() -> dict[int, str]:
    """Designs that are kept; none, with the reason, where the store cannot be opened."""
    try:
        return compute_project.designs()
    except UserError as error:
        st.caption(text(error))
        return {}


def _read(upload: object, pasted: str, fewest: int, claims: bytes | None, design: int | None) -> None:
    """Reads what was given; a table that cannot be read leaves the last one where it is."""
    hypotheses, constructs = claims_now(), tuple(oracle.ordered(claims_now()))
    if claims is not None:
        hypotheses, constructs = compute_measure.claims_of(claims)
    elif design is not None:
        hypotheses, constructs = compute_project.claims_of(design)
    last = taken_now()
    if upload is not None:
        data, name = upload.getvalue(), upload.name  # type: ignore[attr-defined]
        taken = compute_measure.take(io.BytesIO(data), name, fewest_barcodes=fewest)
    elif pasted.strip():
        data = encoded(pasted)
        taken = compute_measure.take(pasted, "pasted rows", fewest_barcodes=fewest)
    elif (claims is not None or design is not None) and last is not None:
        data, taken = st.session_state[_UPLOAD], last
    else:
        raise UserError("Choose a file or paste rows, and press Read.")
    st.session_state[_CLAIMS] = hypotheses
    st.session_state[_TAKEN] = compute_measure.with_constructs(taken, constructs)
    st.session_state[_UPLOAD] = data


def _recognised(taken: Taken) -> None:
    measured = taken.measured
    simulated = " · **simulated**" if measured.name == oracle.NAME else ""
    st.markdown(f"**{text(WORDS[taken.kind])}** · {text(measured.name)} · in {text(measured.unit)}{simulated}")
    for remark in measured.remarks:
        st.caption(text(remark, 600))
    if taken.kind == "variants":
        st.info(
            "Measured effects of changes are laid beside predicted ones on the Locus page, allele by allele: open the locus, "
            "choose Every substitution, then Add measured effects.",
            icon=":material/info:",
        )
        st.page_link(navigation.home(), label="Open the Locus page", icon=":material/search:")
