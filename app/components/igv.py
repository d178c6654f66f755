"""The genome browser in the page: igv.js behind one function. Python sends tracks and hears where the user went.

The bundle igv.esm.min.js is put into igv_assets/vendor by ``app/components/install.py`` (``make setup``). Streamlit
itself serves it beside our own files, so nothing is loaded from anywhere else, whatever path the app is served under.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from app.components.igv_tracks import Track, clean_text, natural_height, wire_tracks
from app.components.install import BUNDLE, installed_version
from genome.locus import Locus

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

_PROJECT, _COMPONENT = "cislens", "igv"
_ASSETS = Path(__file__).with_name("igv_assets")
_HTML = '<div class="cislens-igv"></div>\n<!-- filled by browser.js -->'
_LONGEST_TEXT = 4000


@dataclass(frozen=True)
class BrowserState:
    """What the user did in the browser since it was last asked.

    Attributes:
        locus: where the user panned or zoomed to (``chr22:19,710,790-19,710,876``), or what was typed into its box (a
            gene, a variant: anything the search box takes); None when nothing changed.
        clicked: 0-based position of a clicked letter or base; None when none was clicked.
    """

    locus: str | None = None
    clicked: int | None = None


def bundle_available() -> bool:
    """Whether igv.js is installed; where it is not, the page draws its letters another way and says so."""
    return BUNDLE.is_file()


def browser(
    *,
    key: str,
    reference: Mapping[str, Any],
    locus: Locus,
    tracks: Sequence[Track],
    height: int | None = None,
    marks: Sequence[tuple[int, int]] = (),
    palette: str = "safe",
    label: str = "Genome browser",
    max_length: int = 1_000_000,
    on_change: Callable[[], None] | None = None,
) -> BrowserState:
    """Shows tracks along a place in the genome and tells where the user went from there.

    Calling it again with the same key updates the browser in place: tracks with the same id and kind keep their row,
    unchanged ones are not redrawn, and the view moves only when ``locus`` does and the user did not go there already.

    Args:
        key: one browser of the page; also the name its state goes by.
        reference: the fetched window: chrom, start and end (0-based half-open), bases (may be empty), contig_length.
            Outside it the tracks are shaded as not fetched.
        locus: what to show, at most ``max_length`` bp.
        tracks: plain dictionaries as ``app.components.igv_tracks`` describes them.
        height: pixels of the whole browser; by default as much as the tracks need.
        marks: stretches (0-based start, end) behind which every track is tinted, such as edited bases.
        palette: "safe" (colour-blind safe) or "classic" letter colours.
        label: what a screen reader calls it, and the title of the exported picture.
        max_length: the longest stretch, in bp, that zooming out may ask for.
        on_change: called before the page runs when the user moved or clicked; read ``browser_state(key)`` in it.

    Returns:
        What the user did; each move and click is reported once.
    """
    wired = wire_tracks(tracks, reference=reference, shown=(locus.start, locus.end))
    data = {
        "version": installed_version() or "none",
        "locus": {"chrom": locus.chrom, "start": locus.start, "end": locus.end},
        "chrom_length": int(reference["contig_length"]),
        "window": {"start": int(reference["start"]), "end": int(reference["end"])},
        "marks": [{"start": int(start), "end": int(end)} for start, end in marks],
        "tracks": wired,
        "palette": "classic" if palette == "classic" else "safe",
        "label": clean_text(label),
        "max_length": max_length,
    }
    changed = on_change or _nothing
    _component()(
        key=key, data=data, height=height or natural_height(wired), on_locus_change=changed, on_clicked_change=changed
    )
    return browser_state(key)


def browser_state(key: str) -> BrowserState:
    """What the user did in the browser ``key`` since this (or ``browser``) was last asked; each move is told once."""
    state: Mapping[str, Any] = st.session_state.get(key) or {}
    seen: dict[str, int] = st.session_state.setdefault(f"{key}_seen", {})
    locus, clicked = _message(state.get("locus"), "text", str), _message(state.get("clicked"), "position", int)
    fresh = BrowserState(
        locus=locus[1][:_LONGEST_TEXT] if locus and seen.get("locus") != locus[0] else None,
        clicked=clicked[1] if clicked and seen.get("clicked") != clicked[0] else None,
    )
    seen |= {name: message[0] for name, message in (("locus", locus), ("clicked", clicked)) if message}
    return fresh


def _message(value: object, field: str, kind: type) -> Any:
    """(number of the message, its content), or None: what a page sends is data to be checked."""
    if not isinstance(value, Mapping):
        return None
    number, content = value.get("n"), value.get(field)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if kind is int and isinstance(content, float) and content.is_integer():
        content = int(content)
    return (number, content) if isinstance(number, int) and type(content) is kind else None


def _nothing() -> None:
    """Stands in for a callback: Streamlit keeps only the states that have one."""


def _component() -> ComponentRenderer:
    """The component; its files are declared to the running server here, so that it works without being installed."""
    from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
    from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

    manager = get_bidi_component_manager()
    if manager.get_component_asset_root(f"{_PROJECT}.{_COMPONENT}") is None:
        manifest = ComponentManifest(_PROJECT, "0", [ComponentConfig(_COMPONENT, asset_dir=_ASSETS.name)])
        manager.register_from_manifest(manifest, _ASSETS.parent)
    return _registered()


@functools.cache
def _registered() -> ComponentRenderer:
    """Registers once per process; Streamlit repeats it where it starts another server in the same process."""
    return st.components.v2.component(
        f"{_PROJECT}.{_COMPONENT}", html=_HTML, css="style.css", js="browser.js", isolate_styles=True
    )
