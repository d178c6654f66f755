"""What is looked at, as a value, and the link that carries it. Pure: no Streamlit, no files, no model."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.resolve import MAX_LOCUS
from interpret.methods import METHODS
from models.core import Reduce

VERSION = 1
MAX_LINKED_BASES = 2_000
MAX_EDITS = 50
MAX_SEED = 2**31 - 1
PASTED = "pasted"
# How the bins of a window become the one number that is explained; "mean" stands for a track's usual one.
REDUCTIONS: dict[Reduce, str] = {
    "mean": "mean over the window",
    "counts": "total reads (log)",
    "profile": "shape of the profile",
}
# What can be open under the genome browser, in the order of its tabs.
PANELS = {
    "edit": "Edit",
    "checks": "Checks",
    "mutagenesis": "Mutagenesis",
    "methods": "Methods",
    "motifs": "Motifs",
    "beside": "Side by side",
    "tracks": "Your tracks",
    "provenance": "Provenance",
}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_TRACK = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.,:()+-]{0,79}")
_CONTIG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.|*-]{0,79}")
_DIGEST = re.compile(r"[0-9a-f]{12,64}")
_EDIT = re.compile(r"(\d{1,12})\.([ACGTN]*|-)\.([ACGTN]*|-)")


@dataclass(frozen=True)
class Beside:
    """What is drawn under the first answer on the same locus: another track, of this model or of another.

    Attributes:
        model: full model_id.
        track: name of the track.
    """

    model: str
    track: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.model) or not _TRACK.fullmatch(self.track):
            raise UserError("What to draw beside in this link is not a model and a track; choose it again.")


@dataclass(frozen=True)
class View:
    """One picture: everything that decides what is shown, and nothing that does not.

    Attributes:
        model: full model_id.
        genome: name in the table of genomes, or ``pasted``.
        contig: digest of the chromosome's bases (12 hex), empty until it is known.
        locus: the stretch shown, 0-based half-open.
        track: the track that is explained.
        edits: changes to the bases, sorted.
        method: key of METHODS.
        baseline: what the method compares the sequence with, one of its own.
        seed: of the shuffles.
        bases: a pasted sequence of at most 2,000 letters; empty otherwise.
        stored: digest of a longer pasted sequence kept on this server; empty otherwise.
        reduce: key of REDUCTIONS, the scalar of the track that is explained.
        beside: what is drawn under it, if anything.
        panel: key of PANELS, what is open under the genome browser.
    """

    model: str
    genome: str
    locus: Locus
    track: str
    contig: str = ""
    edits: tuple[Variant, ...] = ()
    method: str = "ig"
    baseline: str = "uniform"
    seed: int = 0
    bases: str = field(default="", repr=False)
    stored: str = ""
    reduce: Reduce = "mean"
    beside: Beside | None = None
    panel: str = "edit"

    def __post_init__(self) -> None:
        checks = [
            (self.model, _NAME, "model"),
            (self.genome, _NAME, "genome"),
            (self.locus.chrom, _CONTIG, "chromosome"),
            (self.track, _TRACK, "track"),
        ]
        for text, form, name in checks:
            if not form.fullmatch(text):
                raise UserError(f"The {name} in this link is not a name; open the page again and choose the {name}.")
        for text, name in ((self.contig, "chromosome digest"), (self.stored, "stored sequence")):
            if text and not _DIGEST.fullmatch(text):
                raise UserError(f"The {name} in this link is damaged; ask for the link again.")
        if self.locus.length > MAX_LOCUS:
            raise UserError(
                f"{self.locus} is {self.locus.length:,} bp long; at most {MAX_LOCUS:,} bp can be shown at once."
            )
        if self.method not in METHODS:
            raise UserError(f"The method in this link is unknown; it can be {', '.join(METHODS)}.")
        known = METHODS[self.method].baselines
        if self.baseline not in known:
            raise UserError(
                f"The reference in this link does not go with {METHODS[self.method].words}; it can be {', '.join(known)}."
            )
        if self.reduce not in REDUCTIONS:
            raise UserError(f"What this link explains is unknown; it can be {', '.join(REDUCTIONS)}.")
        if self.panel not in PANELS:
            raise UserError(f"The panel in this link is unknown; it can be {', '.join(PANELS)}.")
        if not 0 <= self.seed <= MAX_SEED:
            raise UserError(f"The seed must be a whole number from 0 to {MAX_SEED:,}.")
        if len(self.edits) > MAX_EDITS:
            raise UserError(f"At most {MAX_EDITS} edits fit one view; reset some of them.")
        if any(edit.chrom != self.locus.chrom for edit in self.edits):
            raise UserError("The edits in this link lie on another chromosome than the locus; reset them.")
        if (self.genome == PASTED) != bool(self.bases or self.stored):
            raise UserError("This link lacks its pasted sequence; ask for the link again.")
        if len(self.bases) > MAX_LINKED_BASES or not set(self.bases) <= set("ACGTN"):
            raise UserError("The pasted sequence in this link is damaged; ask for the link again.")
        object.__setattr__(self, "edits", tuple(sorted(set(self.edits))))

    def with_edit(self, edit: Variant) -> View:
        """The view with one more edit."""
        return replace(self, edits=(*self.edits, edit))

    def without_edit(self, edit: Variant) -> View:
        """The view with one edit undone."""
        return replace(self, edits=tuple(e for e in self.edits if e != edit))

    @property
    def question(self) -> View:
        """The view without what is drawn beside and below: two views that ask the same are equal here."""
        return replace(self, beside=None, panel="edit")

    def with_method(self, method: str) -> View:
        """The view explained by another method, with the same reference where that method knows it."""
        known = METHODS[method].baselines
        return replace(self, method=method, baseline=self.baseline if self.baseline in known else known[0])

    def to_query(self) -> dict[str, str]:
        """The parameters of the link, written in full: a later default never changes an old link."""
        query = {
            "v": str(VERSION),
            "model": self.model,
            "genome": self.genome,
            "locus": f"{self.locus.chrom}:{self.locus.start + 1}-{self.locus.end}",
            "track": self.track,
            "method": self.method,
            "baseline": self.baseline,
            "seed": str(self.seed),
            "reduce": self.reduce,
            "panel": self.panel,
        }
        if self.contig:
            query["contig"] = self.contig
        if self.edits:
            query["edits"] = write_edits(self.edits)
        if self.bases:
            query["bases"] = _packed(self.bases)
        if self.stored:
            query["stored"] = self.stored
        if self.beside is not None:
            query["beside"] = f"{self.beside.model}|{self.beside.track}"
        return query

    def link(self, address: str) -> str:
        """The whole link; ``address`` is where the page is served."""
        return f"{address.rstrip('/')}/?{urlencode(self.to_query())}"


def from_query(query: Mapping[str, str]) -> View:
    """Reads a link.

    Raises:
        UserError: when it is damaged, made by a newer version, or holds something that is not a name.
    """
    if query.get("v", "") != str(VERSION):
        raise UserError("This link was not made by this version of Cislens; ask for it again.")
    missing = [key for key in ("model", "genome", "locus", "track", "method", "baseline", "seed") if key not in query]
    if missing:
        raise UserError(f"This link is cut short: it lacks {', '.join(missing)}; ask for it again.")
    if not re.fullmatch(r"\d{1,10}", query["seed"]):
        raise UserError(f"The seed in this link must be a whole number from 0 to {MAX_SEED:,}.")
    locus = _linked_locus(query["locus"])
    return View(
        model=query["model"],
        genome=query["genome"],
        contig=query.get("contig", ""),
        locus=locus,
        track=query["track"],
        edits=read_edits(query.get("edits", ""), locus.chrom),
        method=query["method"],
        baseline=query["baseline"],
        seed=int(query["seed"]),
        bases=_unpacked(query["bases"]) if query.get("bases") else "",
        stored=query.get("stored", ""),
        reduce=query.get("reduce", "mean"),  # type: ignore[arg-type]  # older links have none; checked by View
        beside=_beside(query.get("beside", "")),
        panel=query.get("panel", "edit"),  # older links have none
    )


def is_link(query: Mapping[str, str]) -> bool:
    """Whether the address carries a view at all."""
    return bool({"v", "locus", "model"} & set(query))


def _linked_locus(text: str) -> Locus:
    """A locus as a link writes it, 1-based inclusive: it may hang off the left end of a chromosome."""
    match = re.fullmatch(r"([^\s:]{1,80}):(-?\d{1,12})-(-?\d{1,12})", text)
    if not match:
        raise UserError("The locus in this link is damaged; ask for the link again.")
    start, end = int(match[2]) - 1, int(match[3])
    if end <= start:
        raise UserError("The locus in this link ends before it starts; ask for the link again.")
    return Locus(match[1], start, end)


def write_edits(edits: tuple[Variant, ...]) -> str:
    """Changes of one chromosome as a link writes them."""
    return ",".join(f"{edit.position}.{edit.ref or '-'}.{edit.alt or '-'}" for edit in edits)


def read_edits(text: str, chrom: str) -> tuple[Variant, ...]:
    """Changes as a link writes them.

    Raises:
        UserError: when they are damaged.
    """
    edits = []
    for part in text.split(",") if text else []:
        match = _EDIT.fullmatch(part)
        ref, alt = (match[2].replace("-", ""), match[3].replace("-", "")) if match else ("", "")
        if not match or ref == alt or int(match[1]) < 1 or len(edits) >= MAX_EDITS:
            raise UserError("The edits in this link are damaged; ask for the link again.")
        edits.append(Variant(chrom, int(match[1]), ref, alt))
    return tuple(edits)


def _beside(text: str) -> Beside | None:
    if not text:
        return None
    model, _, track = text.partition("|")
    return Beside(model, track)


def _packed(bases: str) -> str:
    return base64.urlsafe_b64encode(zlib.compress(bases.encode(), 9)).decode().rstrip("=")


def _unpacked(text: str) -> str:
    """Reads packed bases, never more than fit a link (a small text could otherwise unfold to gigabytes)."""
    try:
        packed = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return zlib.decompressobj().decompress(packed, MAX_LINKED_BASES + 1).decode("ascii")
    except (ValueError, zlib.error) as error:
        raise UserError("The pasted sequence in this link is damaged; ask for the link again.") from error
