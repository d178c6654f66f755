"""What the acquisition benchmark found: curves, areas against random, a table and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ON = ("valid", "building blocks")
_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # Student's t, 97.5 %, by the number of seeds
COLOURS = {"random": "#64748b", "variance": "#0284c7", "margin": "#d97706", "core-set": "#059669", "lcmd": "#be185d"}


def summary(done: list[dict[str, Any]]) -> dict[str, Any]:
    """Curves with 95 % intervals over seeds, areas under them, and areas against random paired by seed.

    Args:
        done: steps as ``active_learning.play`` gives them; seeds whose last step is missing are left out.
    """
    last = max(one["step"] for one in done)
    strategies = list(dict.fromkeys(one["strategy"] for one in done))
    values = {(one["seed"], one["strategy"], one["step"]): one for one in done}
    seeds = [
        seed
        for seed in sorted({one["seed"] for one in done})
        if all((seed, name, last) in values for name in strategies)
    ]
    steps = range(last + 1)
    rows = np.array([values[seeds[0], strategies[0], step]["rows"] for step in steps], dtype=np.float64)
    curves, areas = [], {}
    for name in strategies:
        for on in ON:
            of = np.array([[values[seed, name, step][f"{on} pearson"] for step in steps] for seed in seeds])
            areas[name, on] = np.trapezoid(of, rows, axis=1) / (rows[-1] - rows[0])  # (seeds,)
            curves.append(
                {"strategy": name, "on": on, "points": [_point(*pair) for pair in zip(rows, of.T, strict=True)]}
            )
    table = [
        {
            "strategy": name,
            "on": on,
            "area": mean_interval(area),
            "against_random": None if name == "random" else mean_interval(area - areas["random", on]),
        }
        for (name, on), area in areas.items()
    ]
    return {
        "seeds": seeds,
        "curves": curves,
        "areas": table,
        "expected": [_expected(name, seeds, values) for name in strategies],
        "conclusion": conclusion(table),
        "seconds": round(sum(one["seconds"] for one in done if one["step"] or one["strategy"] == strategies[0])),
    }


def mean_interval(values: npt.NDArray[np.float64]) -> dict[str, float]:
    """Mean over seeds (seeds,) with its 95 % interval (Student's t)."""
    half = float(_T[len(values)] * values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("nan")
    mean = float(values.mean())
    return {"value": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}


def conclusion(table: list[dict[str, Any]]) -> str:
    """Which strategies lie above random beyond the interval on the rows held out, the best first."""
    said = []
    for on in ON:
        against = [one for one in table if one["on"] == on and one["against_random"]]
        better = [one for one in against if one["against_random"]["low"] > 0]
        better.sort(key=lambda one: -one["against_random"]["value"])
        worse = [one["strategy"] for one in against if one["against_random"]["high"] < 0]
        said.append(
            f"On {on} "
            + (
                "no strategy lies above random beyond its interval"
                if not better
                else f"{', '.join(one['strategy'] for one in better)} {'lies' if len(better) == 1 else 'lie'} above random beyond the interval"
            )
            + (f", and {', '.join(worse)} below it." if worse else ".")
        )
    return " ".join(said)


def _point(rows: float, values: npt.NDArray[np.float64]) -> dict[str, float]:
    return {"rows": int(rows), **mean_interval(values)}


def _expected(name: str, seeds: list[int], values: dict[tuple[int, str, int], dict[str, Any]]) -> dict[str, Any]:
    """The share of the variance that the first batch was expected to remove, and that was gone after it."""
    first = [values[seed, name, 0] for seed in seeds]
    expected = [one["next"][name]["expected"] for one in first]
    told = np.array([1 - one["after"] / one["before"] for one in expected])
    gone = np.array([1 - values[seed, name, 1]["variance"] / values[seed, name, 0]["variance"] for seed in seeds])
    return {"strategy": name, "expected": mean_interval(told), "happened": mean_interval(gone)}


def markdown(found: dict[str, Any]) -> str:
    """The table of the read-me file: r at the end, area, area against random, on both sets."""
    ends = {(one["strategy"], one["on"]): one["points"][-1] for one in found["curves"]}
    lines = [
        "| strategy | rows | r at the end | area under r | area above random | building blocks: area | above random |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    areas = {(one["strategy"], one["on"]): one for one in found["areas"]}
    for name in dict.fromkeys(one["strategy"] for one in found["areas"]):
        valid, blocks = (areas[name, on] for on in ON)
        cells = [
            name,
            f"{ends[name, 'valid']['rows']:,}",
            _cell(ends[name, "valid"]),
            _cell(valid["area"]),
            _cell(valid["against_random"]),
            _cell(blocks["area"]),
            _cell(blocks["against_random"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: dict[str, float] | None) -> str:
    return "" if value is None else f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def draw(found: dict[str, Any], path: Path) -> None:
    """Learning curves with their intervals over seeds, as SVG; the same figures give the same file."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "cislens", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        for axes, on in zip(figure.subplots(1, 2), ON, strict=True):
            for curve in found["curves"]:
                if curve["on"] != on:
                    continue
                points = {key: [point[key] for point in curve["points"]] for key in ("rows", "value", "low", "high")}
                colour = COLOURS[curve["strategy"]]
                axes.plot(points["rows"], points["value"], color=colour, marker=".", label=curve["strategy"])
                axes.fill_between(points["rows"], points["low"], points["high"], color=colour, alpha=0.1, linewidth=0)
            axes.set_title(f"{on}, mean of {len(found['seeds'])} seeds with 95 % interval", fontsize=9)
            axes.set_xlabel("measured elements")
            axes.set_ylabel("Pearson r")
            axes.spines[["top", "right"]].set_visible(False)
        figure.axes[0].legend(frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
