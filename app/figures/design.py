"""Where the constructs of a library lie at one place: a lane for each arm, changed bases marked."""

from __future__ import annotations

import re
from collections.abc import Sequence as Seq
from dataclasses import dataclass

import plotly.graph_objects as go

from experiment.design import ARMS, Arm, Design, Element
from genome.locus import Locus, parse_locus

# Okabe and Ito's colours, which colour-blind people tell apart.
COLORS: dict[Arm, str] = {
    "hypothesis": "#0072b2", "saturation": "#56b4e9", "tiling": "#009e73", "variant": "#d55e00", "acquired": "#cc79a7",
    "random": "#64748b", "positive control": "#e69f00", "negative control": "#334155",
}  # fmt: skip
_MOST_ROWS = 26
_GAP = 20  # elements that fit between two picks of one picture
_PACKED = 8  # rows of an arm whose windows are drawn packed
_POSITION = re.compile(r":(\d[\d,]*) ")


@dataclass(frozen=True)
class Row:
    """One row of the picture.

    Attributes:
        arm: whose colour it has.
        label: on the left.
        windows: stretches drawn, 0-based half-open.
        marks: 0-based positions that are changed.
        hover: what it says when pointed at, one for each window.
    """

    arm: Arm
    label: str
    windows: tuple[Locus, ...]
    marks: tuple[int, ...]
    hover: tuple[str, ...]


def places(design: Design) -> tuple[Locus, ...]:
    """The stretches worth a picture, most elements first: joined windows of the arms that lie at places.

    Picks lie scattered over what they are chosen from, so that gaps between them are crossed.
    """
    drawn = sorted(
        {
            parse_locus(one.locus)
            for one in design.elements
            if one.locus and one.arm not in ("random", "positive control")
        }
    )
    gap = _GAP * design.plan.length if "acquired" in design.by_arm() else 0
    joined: list[tuple[Locus, int]] = []
    for locus in drawn:
        if joined and joined[-1][0].chrom == locus.chrom and locus.start <= joined[-1][0].end + gap:
            last, count = joined[-1]
            joined[-1] = (Locus(last.chrom, last.start, max(last.end, locus.end)), count + 1)
        else:
            joined.append((locus, 1))
    return tuple(locus for locus, _ in sorted(joined, key=lambda pair: -pair[1]))


def rows(design: Design, place: Locus) -> tuple[tuple[Row, ...], int]:
    """The rows of a place, and how many elements lie elsewhere."""
    here: dict[Arm, list[tuple[Element, Locus]]] = {}
    elsewhere = 0
    for element in design.elements:
        locus = parse_locus(element.locus) if element.locus else None
        if locus is None or locus.chrom != place.chrom or locus.end <= place.start or locus.start >= place.end:
            elsewhere += 1
        else:
            here.setdefault(element.arm, []).append((element, locus))
    found: list[Row] = []
    for arm in ARMS:
        inside = here.get(arm, [])
        if arm in ("hypothesis", "variant") and len(inside) <= _MOST_ROWS // 2:
            found += [Row(arm, one.kind, (locus,), changed(one), (one.name,)) for one, locus in inside]
        elif inside:
            found += _packed(arm, inside)
    return tuple(found[:_MOST_ROWS]), elsewhere


def figure(design: Design, place: Locus) -> go.Figure:
    """The picture of one place."""
    found, _ = rows(design, place)
    drawn = go.Figure()
    for index, row in enumerate(found):
        y = len(found) - index
        ends: list[int | None] = []  # of all windows in turn, with a gap after each
        for window in row.windows:
            ends += [window.start + 1, window.end, None]
        said = [f"{row.arm}: {hover}" for hover in row.hover for _ in range(3)]
        drawn.add_trace(
            go.Scatter(
                x=ends, y=[y] * len(ends), mode="lines", line={"color": COLORS[row.arm], "width": 9}, opacity=0.45,
                hoverinfo="text", text=said, showlegend=False,
            )
        )  # fmt: skip
        if row.marks:
            drawn.add_trace(
                go.Scatter(
                    x=[mark + 1 for mark in row.marks], y=[y] * len(row.marks), mode="markers", hoverinfo="x",
                    marker={"symbol": "line-ns", "size": 9, "line": {"width": 2, "color": COLORS[row.arm]}}, showlegend=False,
                )
            )  # fmt: skip
    ticks = [len(found) - index for index in range(len(found))]
    labels = [
        f"{row.label if row.label != row.arm else ''}  <b>{row.arm}</b>" if _first(found, i) else row.label
        for i, row in enumerate(found)
    ]
    drawn.update_yaxes(
        tickvals=ticks, ticktext=labels, showgrid=False, zeroline=False, range=[0.3, len(found) + 0.7], fixedrange=True
    )
    drawn.update_xaxes(title_text=f"{place.chrom} (position)", tickformat=",d", showgrid=True, gridcolor="#e2e8f0")
    margin = {"l": 10, "r": 10, "t": 6, "b": 40}
    drawn.update_layout(
        height=70 + 21 * max(len(found), 3), margin=margin, plot_bgcolor="#fff", hoverlabel={"namelength": -1}
    )
    return drawn


def changed(element: Element) -> tuple[int, ...]:
    """0-based positions of the bases that the edits of an element change."""
    found: list[int] = []
    for edit in element.edits.split("; ") if element.edits else []:
        at = _POSITION.search(edit)
        ref, _, alt = edit.rpartition(" ")[2].partition(">")
        if at:
            start = int(at[1].replace(",", "")) - 1
            same = len(ref) == len(alt) and "-" not in (ref, alt)
            found += [start + i for i, base in enumerate(ref) if not same or base != alt[i]]
    return tuple(found)


def _packed(arm: Arm, inside: Seq[tuple[Element, Locus]]) -> list[Row]:
    """Each window once, put into the first row that has room for it; their changes in the row of the window."""
    by_window: dict[Locus, list[Element]] = {}
    for element, locus in inside:
        by_window.setdefault(locus, []).append(element)
    lanes: list[list[Locus]] = []
    for window in sorted(by_window):
        lane = next((lane for lane in lanes if lane[-1].end <= window.start), None)
        if lane is None:
            lanes.append([window])
        else:
            lane.append(window)
    made = []
    for lane in lanes[:_PACKED]:
        one = [element for window in lane for element in by_window[window]]
        kinds = dict.fromkeys(element.kind for element in one if element.kind != "wild type")
        label = f"{len(one)} × {next(iter(kinds), 'wild type')}" if len(one) > 1 else one[0].kind
        whole = arm == "negative control"
        marks = () if whole else tuple(sorted({mark for element in one for mark in changed(element)}))
        hover = tuple(
            f"{len(by_window[window])} element{'s' if len(by_window[window]) > 1 else ''}, {window}" for window in lane
        )
        made.append(Row(arm, label, tuple(lane), marks, hover))
    return made


def _first(found: Seq[Row], index: int) -> bool:
    return index == 0 or found[index - 1].arm != found[index].arm
