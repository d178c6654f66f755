"""What a link shows today: the same view with the model that answers to the name now. No Streamlit here."""

from __future__ import annotations

from dataclasses import replace

from app.view import View
from models import registry


def of(view: View) -> View | None:
    """The view with the model that its model's name answers to now; None where that is the view's own, or nothing does.

    The track stays where that model has it, else it is that model's first.
    """
    try:
        now = registry.spec(registry.spec(view.model).name)
    except registry.UnknownModel:
        return None  # an archived model whose name nobody answers to any more
    if now.model_id == view.model:
        return None
    names = [track.name for track in now.tracks]
    track = now.tracks[names.index(view.track) if view.track in names else 0]
    reduce = view.reduce if view.reduce in track.reductions else track.reductions[0]
    return replace(view, model=now.model_id, track=track.name, reduce=reduce)
