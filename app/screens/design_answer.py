"""A library on the Design screen: what it costs, where it lies, what it tests, its first oligos, its files."""

from __future__ import annotations

from itertools import islice
from typing import Any

import streamlit as st

from app import compute_project
from app.figures import design as pictures
from app.screens import project_picker
from app.widgets import numbers_table, said, text
from experiment import order_sheet
from experiment.design import Design
from experiment.guides import NOT_SEARCHED

_PREVIEW = 200
_LISTED = 200


def show(design: Design) -> None:
    """Draws the library."""
    with st.container(border=True, key="design-answer"):
        st.html(_headline(design))
        if design.assay == "CRISPRi":
            st.warning(NOT_SEARCHED, icon=":material/info:")
        _expected(design)
        _downloads(design)
        project_picker.keep("designing", lambda project: compute_project.keep_design(project, design))
        arms, picture = st.columns([0.36, 0.64])
        with arms:
            _arms(design)
        with picture:
            _picture(design)
    if design.hypotheses:
        _hypotheses(design)
    _left_out(design)
    _oligos(design)
    with st.expander("How it was made: the methods paragraph"):
        st.markdown(text(order_sheet.methods(design), 20_000))


def _headline(design: Design) -> str:
    costs = design.plan.costs
    budget = f" of {costs.budget:,.0f}" if costs.budget else ""
    length = design.plan.layout.oligo_length(len(design.elements[0].bases))
    facts = [
        ("elements", f"{len(design.elements):,}"),
        ("oligos", f"{design.n_oligos:,}"),
        ("bp each", f"{length:,}"),
        ("replicates", f"{design.plan.replicates}"),
    ]
    facts += [(costs.currency, f"{design.total:,.0f}{budget}")] if costs.known else []
    shown = "".join(f"<span><b>{value}</b> <i>{name}</i></span>" for name, value in facts)
    return f'<div class="cl-facts" style="font-size:1.06rem">{shown}</div>'


def _expected(design: Design) -> None:
    """What the picks are expected to tell, before anything is ordered."""
    if design.acquisition is None:
        return
    chosen, told, *how = design.acquisition.words
    st.html(said(told, f"{chosen} The candidates: {design.acquisition.among}.", " ".join(how)))


def _downloads(design: Design) -> None:
    """The four files; each is written when it is asked for."""
    stem = design.name
    files = (
        ("Order sheet (TSV)", lambda: order_sheet.tsv(design), f"{stem}.tsv", "text/tab-separated-values"),
        ("FASTA", lambda: order_sheet.fasta(design), f"{stem}.fa", "text/plain"),
        ("Manifest (JSON)", lambda: order_sheet.manifest(design), f"{stem}.json", "application/json"),
        ("Methods (text)", lambda: order_sheet.methods(design), f"{stem}.methods.txt", "text/plain"),
    )
    with st.container(horizontal=True):
        for index, (label, content, name, mime) in enumerate(files):
            st.download_button(
                label, content, name, mime, key=f"design-get-{name}", on_click="ignore", icon=":material/download:",
                type="primary" if index == 0 else "secondary",
            )  # fmt: skip


def _arms(design: Design) -> None:
    """Elements and oligos of each arm, and what they cost where somebody named prices."""
    counts, costs = design.by_arm(), design.plan.costs
    columns: dict[str, list[Any]] = {
        "arm": [*counts, "total"],
        "elements": [*(count for count, _ in counts.values()), len(design.elements)],
        "oligos": [*(oligos for _, oligos in counts.values()), design.n_oligos],
    }
    if costs.known:
        spent = [oligos * costs.per_oligo for _, oligos in counts.values()]
        columns[costs.currency] = [*spent, design.total]
        replicates = {
            "arm": "replicates",
            "elements": None,
            "oligos": None,
            costs.currency: design.plan.replicates * costs.per_replicate,
        }
        for name, cell in replicates.items():
            columns[name].insert(-1, cell)
    numbers_table(
        columns, {"elements": "localized", "oligos": "localized", costs.currency: "%.0f"}, key="designing-arms"
    )
    if costs.budget:
        st.progress(min(1.0, design.total / costs.budget), text=f"{design.total / costs.budget:.0%} of the budget")


def _picture(design: Design) -> None:
    """Where the constructs lie, one place at a time."""
    known = pictures.places(design)
    if not known:
        st.caption("These elements lie at no place of the genome.")
        return
    place = known[0]
    if len(known) > 1:
        place = st.selectbox(
            "Place", known[:_LISTED], format_func=str, key="designing-place", label_visibility="collapsed"
        )
    st.plotly_chart(pictures.figure(design, place), key="designing-picture", config={"displayModeBar": False})
    _, elsewhere = pictures.rows(design, place)
    if elsewhere:
        st.caption(f"{elsewhere:,} of the {len(design.elements):,} elements lie elsewhere and are not drawn.")


def _hypotheses(design: Design) -> None:
    """What the library can prove wrong."""
    st.markdown("**Claims that it tests**")
    unit = design.hypotheses[0].unit
    columns = {
        "claim": [one.claim for one in design.hypotheses],
        "predicted when broken": [one.predicted for one in design.hypotheses],
        "from": [one.low for one in design.hypotheses],
        "to": [one.high for one in design.hypotheses],
        "constructs": [len(one.interventions) for one in design.hypotheses],
    }
    numbers_table(columns, dict.fromkeys(("predicted when broken", "from", "to"), "%.2f"), key="designing-claims")
    st.caption(
        text(
            f"Predicted change of {design.track} ({unit}) by {design.model_id}, each element alone in the model's window; from and to: where one "
            "more network of its kind would say it lies (95 %).",
            600,
        )
    )


def _left_out(design: Design) -> None:
    if not design.left_out:
        return
    with st.expander(f"{len(design.left_out):,} left out, with reasons"):
        shown = design.left_out[:_LISTED]
        columns = {
            "name": [one.name for one in shown],
            "arm": [one.arm for one in shown],
            "reason": [one.reason for one in shown],
        }
        numbers_table(columns, {}, key="designing-left-out")
        if len(design.left_out) > _LISTED:
            st.caption(f"The first {_LISTED:,}; the manifest has them all.")


def _oligos(design: Design) -> None:
    """The first oligos as they will be ordered."""
    st.markdown("**Oligos**")
    found = list(islice(order_sheet.oligos(design), _PREVIEW))
    columns = {
        "oligo": [name for name, _, _, _ in found],
        "arm": [element.arm for _, _, element, _ in found],
        "kind": [element.kind for _, _, element, _ in found],
        "place": [element.locus for _, _, element, _ in found],
        "score": [element.score for _, _, element, _ in found],
        "changes": [element.edits for _, _, element, _ in found],
        "barcode": [barcode for _, _, _, barcode in found],
        "bases, 5' to 3'": [bases for _, bases, _, _ in found],
        "opens": [element.link or None for _, _, element, _ in found],
    }
    if all(element.score is None for _, _, element, _ in found):
        del columns["score"]
    if design.assay == "CRISPRi":
        del columns["barcode"], columns["changes"]
        columns["strand"] = [element.strand for _, _, element, _ in found]
        columns["PAM"] = [element.pam for _, _, element, _ in found]
    config = {"opens": st.column_config.LinkColumn("opens", display_text="open")}
    st.dataframe(columns, hide_index=True, width="stretch", column_config=config, key="designing-oligos", height=320)
    if design.n_oligos > len(found):
        st.caption(f"The first {len(found):,} of {design.n_oligos:,}; the order sheet has them all.")
