"""Questions put in words: what a model of sequences can be asked, and the refusal of what it cannot know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["change", "pair", "tiles", "everywhere", "stretch", "additive"]

# Words that speak of DNA at a place: with one of them, taking something away is an edit the model can answer.
CIS = re.compile(
    r"\b(sites?|motifs?|bases?|letters?|elements?|enhancers?|promoters?|sequences?|tiles?|stretch(es)?|region|locus|here|dna|"
    r"binding sites?|consensus|window|variants?|mutations?|mutagenesis|deletions?|bp)\b",
    re.IGNORECASE,
)

# Changes of the cell, not of the sequence: (pattern, what it is called, whether it is one whatever else is said).
TRANS: tuple[tuple[re.Pattern[str], str, bool], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), name, always)
    for pattern, name, always in (
        (r"\b(si|sh|ds|anti-?mi|mi)rnas?\b|\brnai\b|\bantisense\b|\bmorpholinos?\b|\baso\b", "silencing a gene", True),
        (r"\bknock(ed|ing|s)?[ -]?down\b|\bkd\b|\bdeplet\w*|\bsilenc\w*", "lowering a factor", False),
        (r"\bknock(ed|ing|s)?[ -]?out\b|\bko\b|\bnull (cells?|mice|mouse|mutants?)\b|-/-|−/−", "removing a factor", False),
        (r"\bover-?express\w*|\bectopic\w*|\bforced expression\b|\bup-?regulat\w*|\binduc(e|ed|ing|tion)\b", "raising a factor", False),
        (r"\bdown-?regulat\w*|\bhaplo-?insufficien\w*", "lowering a factor", False),
        (r"\bcrispr(i|a)\b.*\b(against|of the gene|targeting)\b", "changing the expression of a gene", False),
        (r"\bdegrad\w*|\bdegron\b|\bauxin\b|\bdtag\b|\bprotac\w*", "degrading a protein", True),
        (r"\binhibit\w*|\bdrugs?\b|\bcompounds?\b|\btreat(ed|ing|ment|s)?\b|\bstimulat\w*|\bagonists?\b|\bantagonists?\b|\bdexamethasone\b|\bhormones?\b|\bligands?\b", "treating the cells", True),
        (r"\b(heat[ -]?shock|hypoxi\w*|starv\w*|infect\w*|stress(ed)?)\b", "changing the state of the cells", True),
        (r"\b(without|lack(s|ing)?|absence of|loss of|lost|no more|more|less|excess)\b.*\b(protein|factor|tf|expression)\b", "changing how much of a protein there is", True),
        (r"\b(protein|transcription factor)\b.*\b(absent|missing|gone|lost|removed)\b", "removing a protein", True),
        (r"\bdifferentiat\w*|\breprogram\w*|\bcell type (changes?|switch)\b", "turning the cells into others", True),
    )
)  # fmt: skip

# What the screen can do, by the words that ask for it; the first that fits.
_ASKED: tuple[tuple[str, Kind], ...] = (
    (r"\b(spacing|distance between|cooperat\w*|together|interact\w*|pair|apart|synerg\w*)\b", "pair"),
    (r"\b(tiles?|crispri|scan|shuffl\w*)\b", "tiles"),
    (r"\b(everywhere|backgrounds?|global\w*|in general|importance)\b", "everywhere"),
    (r"\b(need(ed|s)?|necess\w*|suffic\w*|enough|require[ds]?|context)\b", "stretch"),
    (r"\b(additiv\w*|surrogate|epista\w*|linear)\b", "additive"),
    (
        r"\b(put|insert\w*|add\w*|remov\w*|take out|delet\w*|mov(e|ed|ing)|flip\w*|turn\w*|invert\w*|break\w*|mutat\w*|"
        r"knock\w*|without|replac\w*)\b",
        "change",
    ),
)
ASKED = tuple((re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in _ASKED)


@dataclass(frozen=True)
class Asked:
    """A question put in words, understood or refused.

    Attributes:
        kind: which of the screen's questions it is; None when it is refused or not understood.
        refusal: why it cannot be answered, in sentences; empty when it can.
    """

    kind: Kind | None
    refusal: str = ""


def asked(text: str) -> Asked:
    """Which question somebody asks; a question about the cell is refused with the reason."""
    change = trans_change(text)
    if change:
        return Asked(None, refusal(change))
    kind = next((kind for pattern, kind in ASKED if pattern.search(text)), None)
    return Asked(kind) if kind else Asked(None)


def trans_change(text: str) -> str:
    """What change outside the DNA a question is about, in words; empty when it is about the sequence."""
    cis = bool(CIS.search(text))
    return next((name for pattern, name, always in TRANS if pattern.search(text) and (always or not cis)), "")


def refusal(change: str) -> str:
    """Why a change outside the DNA cannot be answered, and what can be asked instead."""
    return (
        f"This asks about {change}, and this model sees only the DNA. Whatever is done to the cell, its input stays the same, so "
        "it would answer with a change of exactly zero: that would be no result. Ask what it can answer: take out the factor's "
        "sites here and see what is lost, or compare the tracks of different cell types on the same sequence."
    )
