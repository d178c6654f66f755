"""Motif matches of letters alone, beside what the model makes of them: names in, values out, cached. No Streamlit here."""

from __future__ import annotations

import hashlib

from app import compute
from app.compute import Asker
from app.limits import has_letters
from app.view import View
from genome.errors import UserError
from interpret import matches
from interpret.matches import Scan, Shown
from models import registry

MAX_SCANNED = 20_000  # bp


def scanned(view: View, asker: Asker) -> Scan:
    """Every match of the view's bases (its edits applied), with p- and q-values; positions count from the first base shown.

    Raises:
        UserError: when the locus is too long.
    """
    if view.locus.length > MAX_SCANNED:
        raise UserError(
            f"Motif matches are looked for in up to {MAX_SCANNED:,} bp, and this locus has {view.locus.length:,}; zoom in."
        )
    bases = compute.shown_sequence(view, asker).bases
    digest = hashlib.sha256(bases.encode()).hexdigest()
    return compute.cache().get(("motif matches", digest), lambda: matches.matches(bases), wait=asker.wait)


def motif_matches(view: View, asker: Asker) -> Shown:
    """The matches worth showing, each with what the contributions to the view's track say about it, where there are any.

    Raises:
        UserError: when the locus is too long.
    """
    found = scanned(view, asker)
    if not has_letters(registry.spec(view.model), view.locus):
        return matches.shown(found)
    explained = compute.attribution(view, asker)
    spec = registry.spec(view.model)
    values = explained.values[slice(*explained.core)]
    return matches.shown(found, values, spec.tracks[spec.track_index(view.track)].sd)
