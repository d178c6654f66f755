"""The checks in full: what each found, what was left out and why, and what deleting and inserting bases does."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import compute_trust
from app.answer import Answer
from app.compute import Asker
from app.compute_trust import ASK
from app.figures import curves
from app.view import View
from app.widgets import problem, progress_in, text
from genome.errors import UserError
from interpret.faithfulness import Curves
from interpret.methods import in_words

MARKS = {"good": "good", "caution": "with care", "bad": "bad", "open": "open"}
_ASKED, _CURVES = "checks_asked", "curves_asked"


def asked(view: View) -> bool:
    """Whether this visitor asked for the checks of this view that take long."""
    return bool(st.session_state.get(_ASKED) == _same(view))


def show(found: Answer, asker: Asker) -> None:
    """Draws the checks as a table, then the curves when they are asked for."""
    lines = [
        f"| **{text(check.label)}** | {text(check.value)} | {MARKS[check.level]} | {text(check.detail, 900) or '—'} |"
        for check in found.checks
    ]
    st.markdown("\n".join(["| Check | Found | Verdict | In full |", "|---|---|---|---|", *lines]))
    if found.agreement is not None and len(found.agreement.places):
        st.caption(text(f"Most methods see these bases otherwise: {_places(found)}.", 900))
    if any(ASK in check.detail for check in found.checks):
        st.button(
            "Make the checks that were left out",
            key="make-checks",
            on_click=lambda: st.session_state.update({_ASKED: _same(found.view)}),
        )
    if found.attribution is not None:
        _curves(found, asker)


def _curves(found: Answer, asker: Asker) -> None:
    """Deletion and insertion, computed under a bar when they are asked for."""
    if st.session_state.get(_CURVES) != _same(found.view):
        seconds = compute_trust.curve_seconds(found.spec)
        st.button(
            f"Delete and insert every base, strongest first (about {max(1, round(seconds))} s)",
            key="draw-curves",
            on_click=lambda: st.session_state.update({_CURVES: _same(found.view)}),
        )
        return
    slot = st.empty()
    waiting = Asker(asker.session, asker.remote_allowed, progress_in(slot, "Deleting and inserting"))
    try:
        drawn = compute_trust.curves(found.view, waiting)
    except UserError as reason:
        problem(str(reason))
        return
    finally:
        slot.empty()
    st.plotly_chart(curves.figure(drawn), key="faithfulness-curves")
    st.caption(text(_caption(found, drawn), 900))


def _caption(found: Answer, drawn: Curves) -> str:
    """What decides the curves, and the areas under them."""
    if found.attribution is None:
        raise ValueError("curves need contributions")
    areas, strands = drawn.areas(), " and ".join(found.spec.strands)
    return (
        f"{found.spec.model_id}, {found.view.track}, strands {strands}; ranked by {in_words(found.attribution)}; shuffles by "
        f"seed {found.view.seed}. Area under deletion {areas['deletion']:.2f} (random bases {areas['random deletion']:.2f}; low "
        f"is good), under insertion {areas['insertion']:.2f} (random {areas['random insertion']:.2f}; high is good). Random "
        "bases are of the same letters and about as far from the centre of the window; the pale bands hold 90 % of their draws."
    )


def _places(found: Answer) -> str:
    """The bases that the methods disagree at, as 1-based positions."""
    if found.agreement is None or found.attribution is None:
        return ""
    sequence, first = found.attribution.sequence, found.attribution.core[0]
    named = [
        f"{sequence.positions[first + place] + 1:,} {sequence.bases[first + place]}" for place in found.agreement.places
    ]
    return ", ".join(named[:40]) + (f" and {len(named) - 40} more" if len(named) > 40 else "")


def _same(view: View) -> View:
    """What the checks depend on."""
    return replace(view.question, contig="")
