"""The lineage of models: who was refined from whom, what each gained and forgot, and which one answers to the name."""

from __future__ import annotations

import html
from collections.abc import Callable

import streamlit as st

from app import lineage_table, project_table
from app.lineage_table import Change, Row
from app.screens import navigation, state
from app.screens.models import opened
from app.widgets import problem, text
from experiment.store import Store, open_store
from genome.errors import UserError
from models import registry

_INDENT = 0.04
_DEEPEST = 8  # refinements beyond which the tree is indented no further
_ALL = "every model"
_WHOLE = "max-width:none;white-space:normal"  # a chip whose numbers are never cut off


def show(name: str | None = None) -> None:
    """Draws the lineage tree with its buttons.

    Args:
        name: name of the models to draw; without it people choose.
    """
    try:
        kept = open_store()
        rows = lineage_table.rows(kept.lineage())
    except UserError as error:
        problem(str(error))
        return
    if not rows:
        st.caption("No model was refined yet: a refinement adds its model here, beside the one it came from.")
        return
    names = sorted({row.node.name for row in rows})
    if name is None and len(names) > 1:
        name = st.selectbox("Lineage of", [_ALL, *names], key="lineage-name")
    rows = tuple(row for row in rows if name in (None, _ALL, row.node.name))
    for row in rows:
        _card(kept, row)
    st.caption(
        "Promoting lets a model answer to its name; links pin the full id, so every old link keeps its numbers. "
        "r is Pearson's correlation with held-out rows; the interval of its change is 95 %."
    )
    _history(kept, None if name == _ALL else name)


def _card(kept: Store, row: Row) -> None:
    node = row.node
    indent = _INDENT * min(node.depth, _DEEPEST)
    place = st.columns([indent, 1 - indent], gap=None)[1] if node.depth else st.container()
    with place, st.container(border=True, key=f"lineage-{node.model_id}"):
        title, buttons = st.columns([0.66, 0.34], vertical_alignment="center")
        mark = "└ " if node.depth else ""
        title.markdown(f"{mark}**{text(node.model_id)}**  \n{text(row.words, 500)}")
        with buttons.container(horizontal=True, horizontal_alignment="right"):
            _buttons(kept, row)
        if row.changes:
            st.html(_chips(row.changes))
        said = [*row.gate]
        if node.data:
            said.append(f"Learned from {', '.join(digest[:12] for digest in node.data)} (SHA-256).")
        if said:
            st.caption("  \n".join(text(sentence, 600) for sentence in said))


def _buttons(kept: Store, row: Row) -> None:
    node = row.node
    try:
        spec = registry.spec(node.model_id)
    except UserError as error:
        st.caption(text(error))
        return
    view = state.looked_at()
    names = [track.name for track in spec.tracks]
    track = spec.tracks[names.index(view.track)] if view.track in names else spec.tracks[0]
    st.page_link(
        navigation.home(),
        label="Locus",
        icon=":material/arrow_forward:",
        query_params=opened(view, spec, track).to_query(),
    )
    if row.can_be_rolled_back:
        told = _told(kept.roll_back, node.model_id, f"What answered before {node.model_id} answers again.")
        st.button("Roll back", key=f"roll-back-{node.model_id}", on_click=told)
    if row.can_be_promoted and node.accepted is False:
        _promote_all_the_same(kept, row)
    elif row.can_be_promoted:
        told = _told(kept.promote, node.model_id, f"{node.model_id} answers to {node.name} now.")
        st.button("Promote", key=f"promote-{node.model_id}", on_click=told, type="primary")


def _promote_all_the_same(kept: Store, row: Row) -> None:
    """A model that its gate did not accept answers to the name only with a reason, which is recorded."""
    node = row.node
    with st.popover("Promote all the same"):
        st.caption("The acceptance gate did not accept this model. Say why it should answer to the name all the same.")
        key = f"why-{node.model_id}"
        st.text_input("Reason", key=key, max_chars=300)

        def promote(model_id: str) -> None:
            kept.promote(model_id, str(st.session_state.get(key, "")))

        told = _told(promote, node.model_id, f"{node.model_id} answers to {node.name} now.")
        st.button("Promote all the same", key=f"promote-{node.model_id}", on_click=told)


def _told(act: Callable[[str], None], model_id: str, done: str) -> Callable[[], None]:
    """A button's action, whose outcome or refusal is said on the page."""

    def call() -> None:
        try:
            act(model_id)
        except UserError as error:
            st.toast(text(error), icon=":material/info:")
        else:
            st.toast(text(done), icon=":material/check:")

    return call


def _chips(changes: tuple[Change, ...]) -> str:
    """What was gained and forgotten, as HTML; every word is escaped."""
    parts = []
    for change in changes:
        level = "good" if change.low > 0 else "bad" if change.high < 0 else "open"
        title = f"{change.rows:,} held-out rows" if change.rows else "held-out rows"
        parts.append(
            f'<span class="cl-chip cl-{level}" style="{_WHOLE}" title="{title}">{html.escape(change.words)}</span>'
        )
    return f'<div class="cl-chips" role="list" aria-label="Gained and forgotten">{"".join(parts)}</div>'


def _history(kept: Store, name: str | None) -> None:
    changes = kept.promotions(name)
    if not changes:
        return
    count = f"{len(changes):,} changes" if len(changes) > 1 else "1 change"
    with st.expander(f"What answered when ({count})"):
        for change in changes:
            now = change.model_id or f"the {change.name} that was here before"
            line = f"{project_table.day(change.created)}: {change.action}, from {change.before or 'nothing'} to {now}."
            st.caption(text(f"{line} {change.why}", 400))
