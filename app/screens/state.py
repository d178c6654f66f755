"""What is looked at lives in the URL. This module reads it, writes it, and turns typed text into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import streamlit as st

from app import compute
from app.compute import Asker
from app.examples import EXAMPLES, Example
from app.settings import remote_policy
from app.view import MAX_LINKED_BASES, PASTED, View, from_query, is_link
from genome import catalog
from genome.errors import UserError
from genome.resolve import Place, resolve
from models import registry

_RECORDS = "pasted_records"
_LOOKED_AT, _LEFT = "looked_at", "left_the_locus"


def current() -> tuple[View, str]:
    """The view of the address, or the first example, and a sentence about what is wrong with the address, if anything."""
    query = st.query_params.to_dict()
    if st.session_state.pop(_LEFT, False) and not is_link(query) and _LOOKED_AT in st.session_state:
        query = st.session_state[_LOOKED_AT]  # somebody comes back from another screen by the menu
        st.query_params.from_dict(query)
    if not is_link(query):
        return of_example(EXAMPLES[0]), ""
    try:
        return of_link(query)
    except UserError as error:
        return of_example(EXAMPLES[0]), str(error)


def of_link(query: Mapping[str, str]) -> tuple[View, str]:
    """The view of a link with a model that is on this server, and a sentence where that is not the link's own.

    Raises:
        UserError: when the link is damaged.
    """
    view, wrong = _with_todays_beside(from_query(query if "v" in query else _written_by_hand(query)))
    try:
        return replace(view, model=registry.spec(view.model).model_id), wrong
    except registry.UnknownModel as error:
        if error.today is None:
            return replace(view, model=registry.spec(registry.DEFAULT_MODEL).model_id), str(error)
        return replace(view, model=error.today), (
            f"This link was made with {view.model}, which is not on this server; here is today's version, "
            f"{error.today}, and its numbers may differ."
        )


def _written_by_hand(query: Mapping[str, str]) -> dict[str, str]:
    """A link as a person or another program writes it: genome and locus, perhaps model and track; the rest is as usual.

    Raises:
        UserError: when there is no such model.
    """
    usual = of_example(EXAMPLES[0])
    spec = registry.spec(query.get("model", usual.model))
    names = [track.name for track in spec.tracks]
    track = usual.track if usual.track in names else names[0]
    given = {name: query[name] for name in ("genome", "locus", "track") if name in query}
    given |= {"locus": given["locus"].replace(",", "")} if "locus" in given else {}
    return replace(usual, model=spec.model_id, track=track).to_query() | given


def _with_todays_beside(view: View) -> tuple[View, str]:
    """The view with what is drawn beside as far as it is here, and a sentence where it is not."""
    if view.beside is None:
        return view, ""
    try:
        return replace(view, beside=replace(view.beside, model=registry.spec(view.beside.model).model_id)), ""
    except registry.UnknownModel as error:
        if error.today is None:
            return replace(view, beside=None), f"Nothing is drawn beside: {error}"
        return replace(view, beside=replace(view.beside, model=error.today)), (
            f"This link drew {view.beside.model} beside, which is not on this server; here is today's version, "
            f"{error.today}, and its numbers may differ."
        )
    except UserError as error:
        return replace(view, beside=None), f"Nothing is drawn beside: {error}"


def go(view: View) -> None:
    """Makes a view the one that is looked at."""
    query = view.to_query()
    st.session_state[_LOOKED_AT] = query
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def look_at(view: View) -> None:
    """Makes a view the one that is looked at, from another screen than the Locus screen: the address stays."""
    st.session_state[_LOOKED_AT] = view.to_query()


def leave() -> None:
    """Notes that another screen is open."""
    st.session_state[_LEFT] = True


def looked_at() -> View:
    """The view that was open last in this session, or the first example."""
    try:
        return from_query(st.session_state[_LOOKED_AT]) if _LOOKED_AT in st.session_state else of_example(EXAMPLES[0])
    except UserError:
        return of_example(EXAMPLES[0])


def of_example(example: Example) -> View:
    """The view of an example, with the default model."""
    from genome.locus import parse_locus

    spec = registry.spec(registry.DEFAULT_MODEL)
    return View(spec.model_id, example.genome, parse_locus(example.typed), example.track)


def asker() -> Asker:
    """Who asks in this session, and whether places may be sent to a server."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    session = context.session_id if context else None
    return Asker(session=session, remote_allowed=remote_allowed())


def remote_allowed() -> bool:
    """Whether the administrator, or else this visitor, allowed reading from servers."""
    policy = remote_policy()
    return policy == "allow" or (policy == "ask" and bool(st.session_state.get("remote_allowed")))


def find(typed: str, view: View) -> None:
    """Goes to what was typed or pasted.

    Raises:
        UserError: when it cannot be found; the view stays as it was.
    """
    place = place_of(typed, view)
    st.session_state["notices"] = place.notices
    if place.kind == "sequence":
        paste(place, view)
    else:
        known = compute.known_contig(view.genome, place.locus.chrom)
        go(replace(view, locus=place.locus, edits=place.edits, contig=known))


def place_of(typed: str, view: View) -> Place:
    """What was typed, as a place in the view's genome.

    Raises:
        UserError: when it cannot be found.
    """
    allowed = remote_allowed()
    if view.genome == PASTED:
        return resolve(typed, compute.genome(view, asker()), None)
    source = catalog.open_genome(view.genome, remote_allowed=allowed)
    genes = catalog.open_genes(view.genome)
    return resolve(typed, source, genes, remote=catalog.open_ensembl(view.genome, remote_allowed=allowed))


def paste(place: Place, view: View) -> None:
    """Goes to the first of the pasted sequences and keeps the others at hand."""
    records = [(record.name, record.bases) for record in place.records]
    st.session_state[_RECORDS] = records
    open_record(records[0], view)


def open_record(record: tuple[str, str], view: View) -> None:
    """Goes to one pasted sequence."""
    go(compute.pasted_view(view.model, view.track, *record))


def records() -> list[tuple[str, str]]:
    """The sequences that were pasted last: (name, bases)."""
    found: list[tuple[str, str]] = st.session_state.get(_RECORDS, [])
    return found


def address() -> str:
    """Where this page is served, for links."""
    parts = urlsplit(st.context.url or "")
    return f"{parts.scheme}://{parts.netloc}{parts.path}" if parts.netloc else ""


def locus_address() -> str:
    """Where the Locus screen is served, from any screen; relative when the address is not known."""
    found = address()
    for page in ("sequence-set", "variants", "design"):
        found = found.rstrip("/").removesuffix(page)
    return found.rstrip("/") or "."


def link_notice(view: View) -> str:
    """What somebody should know before sending the link."""
    if view.stored:
        return f"The sequence is longer than {MAX_LINKED_BASES:,} bp, so this link opens only on this server."
    if view.bases:
        return "This link holds your sequence."
    return "This link holds the place, the edits and how they were explained; it opens to the same numbers."
