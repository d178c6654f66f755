"""What the measurements say of each hypothesis: supported, refuted or undecided, and by which numbers."""

from __future__ import annotations

from urllib.parse import parse_qsl

import streamlit as st

from app import compute_measure
from app.compute_measure import Taken
from app.figures import measure as figures
from app.screens import navigation
from app.view import is_link
from app.widgets import problem, text
from experiment.hypothesis import Hypothesis
from experiment.verdict import SMALLEST, Verdict
from genome.errors import UserError

_LISTED = 12
_COLOURS = {"supported": "green", "refuted": "orange", "undecided": "gray"}


def show(taken: Taken, claims: tuple[Hypothesis, ...]) -> tuple[Verdict, ...]:
    """Draws the verdicts and gives them back; none without hypotheses."""
    if not claims:
        return ()
    st.subheader("What became of the hypotheses?", anchor=False)
    smallest = float(
        st.number_input(
            f"Smallest effect of interest, {taken.measured.unit}",
            min_value=0.01,
            max_value=100.0,
            value=SMALLEST,
            step=0.1,
            key="measure-smallest",
            help="State it before you look: an effect smaller than this one counts as none.",
            width=320,
        )
    )
    try:
        found = compute_measure.judged(claims, taken, smallest)
    except UserError as error:
        problem(str(error))
        return ()
    counts = {word: sum(one.word == word for one in found) for word in _COLOURS}
    st.markdown(", ".join(f"**{n:,}** {word}" for word, n in counts.items()) + f", of {len(found):,} hypotheses.")
    order = {"refuted": 0, "supported": 1, "undecided": 2}
    sorted_ = sorted(found, key=lambda one: order[one.word])
    left, right = st.columns([0.5, 0.5], vertical_alignment="top")
    left.plotly_chart(figures.verdicts(sorted_, taken.measured.unit), key="measure-forest")
    with right:
        _table(sorted_)
    with st.expander("How is this decided?"):
        st.markdown(text(RULE, 1_500))
    _refuted([one for one in sorted_ if one.word == "refuted"])
    return found


RULE = (
    "The effect is the mean of the constructs in which the claimed bases are broken, minus the mean of the original and of spare "
    "controls in which as many bases elsewhere were shuffled. Supported: its 95 % interval excludes 0 on the claimed side, and it is at "
    "least the smallest effect of interest. Refuted: two one-sided tests at 5 % say that it is smaller than that either way, or "
    "its interval excludes 0 on the other side. Undecided: neither. Levels of replicates are taken away first, and the scatter of each "
    "construct is drawn towards the usual one of the experiment (limma, Smyth 2004). Each hypothesis is judged by itself."
)


def _table(found: list[Verdict]) -> None:
    """One line per hypothesis."""
    columns: dict[str, list[object]] = {
        "verdict": [],
        "claim": [],
        "predicted": [],
        "measured": [],
        "from": [],
        "to": [],
    }
    for one in found:
        low, high = one.effect.interval() if one.effect is not None else (None, None)
        columns["verdict"].append(one.word)
        columns["claim"].append(one.hypothesis.claim)
        columns["predicted"].append(one.hypothesis.predicted)
        columns["measured"].append(None if one.effect is None else one.effect.value)
        columns["from"].append(low)
        columns["to"].append(high)
    number = st.column_config.NumberColumn(format="%+.2f")
    st.dataframe(
        columns,
        hide_index=True,
        height=440,
        column_config=dict.fromkeys(("predicted", "measured", "from", "to"), number),
        key="measure-verdict-table",
    )


def _refuted(found: list[Verdict]) -> None:
    """What the model believes and the experiment does not, with links: it counts more in the next round."""
    if not found:
        return
    with st.expander(f"Refuted: {len(found):,} beliefs of the model. They count more in the next round of training"):
        for one in found[:_LISTED]:
            query = dict(parse_qsl(one.hypothesis.link.rpartition("?")[2]))
            label, words = st.columns([0.45, 0.55], vertical_alignment="center")
            if is_link(query):
                label.page_link(
                    navigation.home(),
                    label=text(one.hypothesis.claim, 80),
                    icon=":material/arrow_forward:",
                    query_params=query,
                )
            else:
                label.markdown(text(one.hypothesis.claim, 120))
            words.markdown(text(one.reason, 300))
        if len(found) > _LISTED:
            st.caption(f"{len(found) - _LISTED:,} more in the file.")
