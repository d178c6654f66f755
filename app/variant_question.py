"""What is asked on the Variants page, as a value, and the link that carries it. Pure: no Streamlit, no model, no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from urllib.parse import urlencode

from app import view as views
from app.view import View, read_edits, write_edits
from genome.errors import UserError
from genome.locus import Variant
from interpret.alleles import window_around
from models.core import ModelSpec

MAX_ALLELES = 20
MAX_TOGETHER = 20
_ALLELES = "alleles"


@dataclass(frozen=True)
class VariantQuestion:
    """One variant, or several on one chromosome copy, asked of a model.

    Attributes:
        view: model, genome, track, method and seed; its edits are the variants, its locus is the window around them.
        alleles: where the site has several alternative alleles, all of them, the one that is asked about among them; else
            empty.
    """

    view: View
    alleles: tuple[Variant, ...] = ()

    def __post_init__(self) -> None:
        if not self.view.edits:
            raise UserError("This link names no variant; type one, such as chr22:19,710,933 C>T.")
        if len(self.view.edits) > MAX_TOGETHER:
            raise UserError(f"At most {MAX_TOGETHER} variants are asked about together; take some away.")
        if self.alleles and (len(self.view.edits) > 1 or self.view.edits[0] not in self.alleles):
            raise UserError("The alleles in this link do not go with its variant; type the variant again.")
        if len(self.alleles) > MAX_ALLELES:
            raise UserError(f"At most {MAX_ALLELES} alleles of one site can be chosen from; give one of them.")

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants, along the chromosome."""
        return self.view.edits

    @property
    def alone(self) -> Variant | None:
        """The variant, where one is asked about."""
        return self.view.edits[0] if len(self.view.edits) == 1 else None

    def to_query(self) -> dict[str, str]:
        """The parameters of the link, written in full: a later default never changes an old link."""
        return self.view.to_query() | ({_ALLELES: write_edits(self.alleles)} if self.alleles else {})

    def link(self, address: str) -> str:
        """The whole link; ``address`` is where the Variants page is served."""
        return f"{address.rstrip('/')}?{urlencode(self.to_query())}"


def asked_of(
    view: View, variants: tuple[Variant, ...], spec: ModelSpec, alleles: tuple[Variant, ...] = ()
) -> VariantQuestion:
    """The question about variants, in the window of a model around them.

    Args:
        view: genome, track, method and seed; its place and edits do not count.
        variants: the changes, REF checked, on one chromosome.
        spec: the model that is asked; the view's track is kept where it has one of that name.
        alleles: all alternative alleles of the site, where there are several.

    Raises:
        UserError: when the variants lie on several chromosomes, overlap, or span more than half of the model's window.
    """
    if len({variant.chrom for variant in variants}) > 1:
        raise UserError("These variants lie on several chromosomes; ask about those of one chromosome together.")
    ordered = sorted(set(variants))
    for one, other in pairwise(ordered):
        if other.start < max(one.end, one.start + 1):
            raise UserError(f"{other} overlaps {one}; one chromosome copy cannot carry both.")
    names = [track.name for track in spec.tracks]
    placed = replace(
        view,
        model=spec.model_id,
        locus=window_around(tuple(ordered), spec),
        edits=tuple(ordered),
        contig="" if ordered[0].chrom != view.locus.chrom else view.contig,
        track=view.track if view.track in names else names[0],
        reduce=view.reduce if view.track in names else "mean",
        beside=None,
        panel="edit",
    )
    return VariantQuestion(placed, alleles)


def asks(query: Mapping[str, str]) -> bool:
    """Whether an address carries a variant."""
    return views.is_link(query) and bool(query.get("edits"))


def from_query(query: Mapping[str, str]) -> VariantQuestion:
    """Reads a link.

    Raises:
        UserError: when it is damaged, or names no variant.
    """
    view = views.from_query(query)
    return VariantQuestion(view, read_edits(query.get(_ALLELES, ""), view.locus.chrom))
