"""Small pieces of the page: its style, chips, text that people wrote made safe, and progress that can be given up."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from interpret.checks import HOW, Check

ICON = str(Path(__file__).resolve().parent.parent / "assets" / "icon.png")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!~>|$:<&])")

# What a unit means to somebody who has never met it: on hover, and under How?
UNITS = {
    "log odds": (
        "How much more a sequence looks like the bound than like the unbound sequences that the model learned from, as a "
        "natural logarithm: 0 is undecided, 2 is about 7 to 1, 5 about 150 to 1. Bound sequences are far rarer in a "
        "genome than they were in training, so along a long locus a value just above 0 is weak evidence. It is not a "
        "measured amount of binding, and it knows nothing of the cell type."
    )
}

STYLE = """
<style>
:root { --line:#e2e8f0; --ink:#0f172a; --soft:#64748b; --accent:#0284c7; }
.stMainBlockContainer { padding: 4.3rem 1.8rem 3rem; max-width: 1500px; }
[data-testid="stSidebar"] { background:#fff; border-right:1px solid var(--line); }
[data-testid="stSidebarUserContent"] { padding-top: 0; }
[data-testid="stSidebarHeader"] { height: 1.6rem; min-height: 0; padding-bottom: 0; margin-bottom: 0; }
[data-testid="stSidebar"] [data-testid="stVerticalBlock"] { gap: .7rem; }
[data-testid="stHeader"] { background:#f8fafc; }
[class*="st-key-model-"] { background:#fff; }
[data-testid="stMain"] { background:#f8fafc; }
.cl-brand { font-size:1.35rem; font-weight:700; color:var(--ink); letter-spacing:-.01em; line-height:1.1; }
.cl-sub, .cl-note { color:var(--soft); font-size:.82rem; line-height:1.35; }
.cl-said { font-size:1.06rem; line-height:1.5; color:var(--ink); min-height:3.1em; }
.cl-whatif { min-height:0; }
.cl-rank { min-height:1.35em; }
.cl-chips { display:flex; flex-wrap:wrap; gap:.35rem; align-items:center; min-height:2.2rem; }
.cl-chip { border:1px solid; border-radius:999px; padding:.16rem .6rem; font-size:.8rem; white-space:nowrap; cursor:help;
  max-width:20rem; overflow:hidden; text-overflow:ellipsis; }
.cl-good { background:#f0fdfa; border-color:#99f6e4; color:#134e4a; }
.cl-caution { background:#fffbeb; border-color:#fcd34d; color:#713f12; }
.cl-open { background:#f8fafc; border-color:#cbd5e1; color:#475569; }
.cl-bad { background:#fff1f2; border-color:#fda4af; color:#881337; }
[data-testid="stSelectbox"] [role="group"], [data-testid="stTextInputRootElement"],
[data-testid="stTextInputRootElement"] > div, [data-testid="stTextInputRootElement"] input,
[data-testid="stTextArea"] textarea, [data-testid="stNumberInputContainer"],
[data-testid="stNumberInputContainer"] input { background:#fff; }
.st-key-search-row [data-testid="stColumn"]:has([data-testid="stPopover"]) { flex:0 0 auto; min-width:7rem; }
.st-key-search-row [data-testid="stForm"] [data-testid="stHorizontalBlock"] { flex-wrap:nowrap; }
.st-key-search-row [data-testid="stForm"] [data-testid="stColumn"] { min-width:0; }
.st-key-search-row [data-testid="stForm"] [data-testid="stColumn"]:last-child { flex:0 0 auto; min-width:4.6rem; }
.st-key-search-row button { white-space:nowrap; }
.st-key-trust > [data-testid="stHorizontalBlock"], .st-key-trust { flex-wrap:nowrap !important; }
@media (min-width:641px) {
  .st-key-search-row > div > [data-testid="stHorizontalBlock"] { flex-wrap:nowrap; }
  .st-key-search-row > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]:first-child { min-width:0; }
}
.st-key-variant-answer .cl-chips { min-height:4.3rem; align-content:center; }
.st-key-variant-letters, .st-key-variant-motif-table, .st-key-variant-other-table { overflow-x:auto; }
.st-key-variant-letters img { max-width:none !important; width:auto !important; }
@media (max-width:640px) {
  .stMainBlockContainer { padding: 4.3rem 1rem 3rem; }
  [class*="st-key-tracks-"] [data-testid="stHorizontalBlock"]:has([data-testid="stCaptionContainer"]) { display:none; }
  .st-key-search-row [data-testid="stColumn"]:has([data-testid="stPopover"]) { flex:1 1 40%; }
  .st-key-variant-letters img { width:540px !important; }
}
.cl-facts { display:flex; flex-wrap:wrap; gap:.2rem 1.4rem; color:var(--ink); font-size:.9rem; }
.cl-facts i { color:var(--soft); font-style:normal; }
.cl-edit { display:flex; justify-content:space-between; padding:.2rem 0; font-size:.95rem; color:var(--ink);
  font-variant-numeric: tabular-nums; }
.cl-up { color:#0369a1; font-weight:600; } .cl-down { color:#c2410c; font-weight:600; }
.cl-synthetic { background:#fef9c3; border:1px solid #fde047; border-radius:6px; padding:.3rem .55rem; color:#713f12;
  font-size:.8rem; line-height:1.3; }
</style>
"""


def text(value: object, limit: int = 300) -> str:
    """Anything a person may have written, as plain text inside Markdown: nothing in it is a link, HTML or a formula."""
    line = " ".join(str(value).split())
    return _MARKDOWN.sub(r"\\\1", line if len(line) <= limit else line[: limit - 1] + "…")


def chips(checks: Iterable[Check], how: Mapping[str, str] = HOW) -> str:
    """The trust strip as HTML; every word is escaped, each chip explains itself on hover by the rule in ``how``."""
    parts = [
        f'<span class="cl-chip cl-{check.level}" title="{html.escape(_explained(check, how), quote=True)}">'
        f"<b>{html.escape(check.label)}</b> {html.escape(check.value)}</span>"
        for check in checks
    ]
    return f'<div class="cl-chips" role="list" aria-label="Checks of this answer">{"".join(parts)}</div>'


def _explained(check: Check, how: Mapping[str, str]) -> str:
    """What stands behind a chip: the whole of a short value, and the rule."""
    rule = how[check.name]
    return f"{check.detail[:1].upper()}{check.detail[1:].rstrip('.')}. {rule}" if check.detail else rule


def said(first: str, rest: str, below: str = "") -> str:
    """The sentence as HTML, and a quiet line below it whose place is kept when there is nothing to say."""
    return (
        f'<div class="cl-said"><b>{html.escape(first)}</b> {html.escape(rest)}</div>'
        f'<div class="cl-note cl-rank">{html.escape(below)}</div>'
    )


def numbers_table(columns: Mapping[str, Any], formats: Mapping[str, str], *, key: str) -> None:
    """A table without row numbers, its columns of numbers written as the formats say."""
    number = st.column_config.NumberColumn
    shown = {name: number(format=written) for name, written in formats.items()}
    st.dataframe(columns, hide_index=True, width="stretch", placeholder="–", column_config=shown, key=key)


def progress_in(slot: Any, what: str) -> Callable[[float], None]:
    """Progress drawn into a place kept for it: at once a word, then a bar ten times a second.

    Drawing is also how an abandoned page gives up its work: Streamlit raises inside the call.
    """
    drawn = [0.0]

    def draw(done: float) -> None:
        now = time.perf_counter()
        if now - drawn[0] >= 0.1:
            drawn[0] = now
            slot.progress(min(max(done, 0.0), 1.0), text=f"{what} {done:.0%}")

    return draw


def problem(message: str) -> None:
    """A refusal or a mistake: one sentence, nothing lost."""
    st.error(text(message), icon=":material/info:")
