"""What is asked on the Design page, as a value, and the link that carries it. Pure: no Streamlit, no model, no files."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app import view as views
from app.view import View
from experiment.design import BOUNDS, NAME, Costs, Plan
from experiment.design_layout import Layout
from experiment.design_picks import PICK_BOUNDS, Picks
from genome.errors import UserError

KEY = "design"
MAX_TEXT = 5_000_000  # letters of a list
MAX_LINKED_TEXT = 20_000  # letters of a list that a link may unfold to
MAX_LINK = 8_000  # letters of a link, which every server and browser takes
_TEXTS = ("places", "acquired", "positives", "candidates")
_PICKS = {"pick": "n", "strategy": "strategy", "pick_step": "step", "around": "around"}
_BOUNDS = ("low", "high")
_LAYOUT = ("left", "middle", "right", "barcode_length", "gc_low", "gc_high", "longest_run", "sites", "longest_oligo")
_COSTS = ("per_oligo", "per_replicate", "budget", "currency")
_LAYOUT_NAME = re.compile(r"[A-Za-z0-9 ,()._:+-]{1,80}")


@dataclass(frozen=True)
class DesignQuestion:
    """One design that is asked for.

    Attributes:
        view: model, genome, track, method and seed of the contributions; its locus (with its edits as variants) is what is
            designed around where ``places`` is empty.
        plan: arms, numbers, oligo and prices.
        name: of the library.
        places: loci, variants, genes or rows of a BED, one a line; empty for the view's own locus.
        acquired: picks of active learning: rows of ``places`` by number, places, or a FASTA; empty for none.
        candidates: among which picks are chosen, where the plan asks for some: a FASTA, a table with a column ``sequence``, or
            places (the window in the middle of each); empty for all windows tiled over the places.
        positives: positive controls as places or a FASTA (guides: letters); empty to draw them.
    """

    view: View
    plan: Plan
    name: str = "library"
    places: str = ""
    acquired: str = ""
    positives: str = ""
    candidates: str = ""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise UserError("The name of a library has up to 120 letters, digits and _ . : + -; write another.")
        for part in _TEXTS:
            if len(getattr(self, part)) > MAX_TEXT:
                raise UserError(f"A list can have at most {MAX_TEXT:,} letters; give a part of it.")
        if self.plan.picks and self.acquired:
            raise UserError("Picks are given, and others are to be chosen: leave out the one or the other.")
        if self.candidates and not self.plan.picks:
            raise UserError("Candidates are given, and no number of picks to choose among them; say how many.")

    @property
    def in_a_link(self) -> bool:
        """Whether a link can hold it."""
        texts = [getattr(self, part) for part in _TEXTS]
        return (
            all(len(text) <= MAX_LINKED_TEXT and text.isascii() for text in texts)
            and len(urlencode(self.to_query())) <= MAX_LINK
        )

    def to_query(self) -> dict[str, str]:
        """The parameters of the link, written in full: a later default never changes an old link."""
        plan = self.plan
        query = self.view.to_query() | {KEY: plan.assay, f"{KEY}.name": self.name, f"{KEY}.arms": ",".join(plan.arms)}
        query |= {f"{KEY}.{name}": str(getattr(plan, name)) for name in BOUNDS}
        query[f"{KEY}.deletions"] = str(int(plan.deletions))
        query[f"{KEY}.leave_out"] = str(int(plan.leave_out))
        query[f"{KEY}.layout"] = plan.layout.name
        for name in _LAYOUT:
            value = getattr(plan.layout, name)
            query[f"{KEY}.{name}"] = ",".join(value) if name == "sites" else str(value)
        query |= {f"{KEY}.{name}": str(getattr(plan.costs, name)) for name in _COSTS}
        if plan.picks:
            query |= {f"{KEY}.{name}": str(getattr(plan.picks, part)) for name, part in _PICKS.items()}
            query |= {
                f"{KEY}.{name}": str(value) for name, value in zip(_BOUNDS, plan.picks.bounds or (), strict=False)
            }
        return query | {f"{KEY}.{name}": _packed(getattr(self, name)) for name in _TEXTS if getattr(self, name)}

    def link(self, address: str) -> str:
        """The whole link; ``address`` is where the Design page is served. Empty where a link cannot hold the lists."""
        return f"{address.rstrip('/')}?{urlencode(self.to_query())}" if self.in_a_link else ""


def asks(query: Mapping[str, str]) -> bool:
    """Whether an address carries a design."""
    return KEY in query


def from_query(query: Mapping[str, str]) -> DesignQuestion:
    """Reads a link.

    Raises:
        UserError: when it is cut short or damaged.
    """
    known = {
        f"{KEY}.{name}" for name in (*BOUNDS, *_LAYOUT, *_COSTS, "deletions", "leave_out", "layout", "name", "arms")
    }
    if any(f"{KEY}.{name}" in query for name in (*_PICKS, *_BOUNDS)):
        known |= {f"{KEY}.{name}" for name in _PICKS}
    if any(f"{KEY}.{name}" in query for name in _BOUNDS):
        known |= {f"{KEY}.{name}" for name in _BOUNDS}
    missing = sorted(known - set(query))
    if missing:
        raise UserError(
            f"The design in this link is cut short: it lacks {missing[0].removeprefix(f'{KEY}.')}; ask for it again."
        )
    strange = {name for name in query if name.startswith(f"{KEY}.")} - known - {f"{KEY}.{name}" for name in _TEXTS}
    if strange:
        raise UserError("The design in this link has a field that no design has; ask for the link again.")
    plan = Plan(
        assay=query[KEY],  # type: ignore[arg-type]  # checked by Plan
        arms=tuple(part for part in query[f"{KEY}.arms"].split(",") if part),  # type: ignore[arg-type]
        layout=_read_layout(query),
        costs=Costs(*(_number(query, name, float) for name in _COSTS[:3]), query[f"{KEY}.currency"]),
        deletions=query[f"{KEY}.deletions"] == "1",
        leave_out=query[f"{KEY}.leave_out"] == "1",
        picks=_read_picks(query),
        **{name: _number(query, name, int) for name in BOUNDS},
    )
    texts = {name: _unpacked(query[f"{KEY}.{name}"]) for name in _TEXTS if query.get(f"{KEY}.{name}")}
    return DesignQuestion(views.from_query(query), plan, query[f"{KEY}.name"], **texts)


def _read_picks(query: Mapping[str, str]) -> Picks | None:
    if f"{KEY}.pick" not in query:
        return None
    numbers = {part: _number(query, name, int) for name, part in _PICKS.items() if name != "strategy"}
    bounds = tuple(_number(query, name, float) for name in _BOUNDS if f"{KEY}.{name}" in query)
    return Picks(strategy=query[f"{KEY}.strategy"], bounds=bounds or None, **numbers)  # type: ignore[arg-type]  # none or both


def _read_layout(query: Mapping[str, str]) -> Layout:
    name = query[f"{KEY}.layout"]
    if not _LAYOUT_NAME.fullmatch(name):
        raise UserError("The name of the oligo layout in this link is damaged; ask for the link again.")
    numbers: dict[str, Any] = {
        part: _number(query, part, float if part.startswith("gc") else int)
        for part in ("barcode_length", "gc_low", "gc_high", "longest_run", "longest_oligo")
    }
    sites = tuple(site for site in query[f"{KEY}.sites"].split(",") if site)
    bases = {part: query[f"{KEY}.{part}"] for part in ("left", "middle", "right")}
    return Layout(name, **bases, sites=sites, **numbers)


def _number(query: Mapping[str, str], name: str, kind: Callable[[str], Any]) -> Any:
    text = query[f"{KEY}.{name}"]
    sign = "-?" if name in _BOUNDS else ""
    form = r"\d{1,15}" if kind is int else sign + r"\d{1,15}(\.\d{1,25})?(e[+-]?\d{1,3})?"
    if not re.fullmatch(form, text, re.ASCII):
        bounds = {**BOUNDS, **{link: PICK_BOUNDS[part] for link, part in _PICKS.items() if part in PICK_BOUNDS}}
        words = bounds[name][2] if name in bounds else name.replace("_", " ")
        raise UserError(f"The {words} in this link is not a number; ask for the link again.")
    return kind(text)


def _packed(text: str) -> str:
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def _unpacked(text: str) -> str:
    """Reads a packed list, never more than fits a link."""
    try:
        packed = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = zlib.decompressobj().decompress(packed, MAX_LINKED_TEXT + 1).decode("ascii")
    except (ValueError, zlib.error) as error:
        raise UserError("A list in this link is damaged; ask for the link again.") from error
    if len(found) > MAX_LINKED_TEXT:
        raise UserError("A list in this link is longer than a link can hold; ask for the list itself.")
    return found
