"""What was found of measurements as files: every element, every verdict, and a report that holds it all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from app.compute_measure import WORDS, Taken
from app.export import comments
from experiment.measurements_beside import ALARM, Beside
from experiment.measurements_crispri import Ranking, by_distance
from experiment.measurements_crispri import quality as of_pairs
from experiment.verdict import Verdict
from models.core import ModelSpec


def elements_table(taken: Taken, found: Beside, spec: ModelSpec, track: str, links: Sequence[str]) -> str:
    """One line per element: measured, predicted, interval, residual, whether beyond it, and its link.

    Args:
        taken: the table.
        found: predicted beside measured.
        spec: the model.
        track: name of the track.
        links: of each element, after the ``?``.
    """
    record = {
        "model": spec.model_id, "track": track, "unit": spec.tracks[spec.track_index(track)].unit,
        "measured": f"{taken.measured.name}, {taken.measured.unit}", "digest": taken.measured.digest,
        "interval": found.rule, "windows": found.rows.fitting, "strands": " ".join(spec.strands), "members": spec.n_members,
    }  # fmt: skip
    lines = comments(record)
    lines.append("\t".join(["name", "control", "measured", "predicted", "low", "high", "residual", "beyond", "link"]))
    beyond = set(found.misses) if found.low is not None else set()
    for index, name in enumerate(found.rows.names):
        low = "" if found.low is None else f"{found.low[index]:.6g}"
        high = "" if found.high is None else f"{found.high[index]:.6g}"
        flag = "" if found.low is None else "yes" if index in beyond else "no"
        numbers = (f"{found.rows.measured[index]:.6g}", f"{found.rows.predicted[index]:.6g}", low, high)
        cells = (" ".join(name.split()), found.rows.controls[index], *numbers, f"{found.residuals[index]:.6g}", flag)
        lines.append("\t".join((*cells, links[index])))
    return "\n".join(lines) + "\n"


def verdicts_table(found: Sequence[Verdict], taken: Taken) -> str:
    """One line per hypothesis: the verdict and its statistic."""
    lines = comments({"measured": taken.measured.name, "digest": taken.measured.digest, "unit": taken.measured.unit})
    columns = [
        "verdict",
        "claim",
        "predicted",
        "effect",
        "low",
        "high",
        "p",
        "p_equivalence",
        "smallest",
        "replicates",
        "reason",
        "link",
    ]
    lines.append("\t".join(columns))
    for one in found:
        told = one.to_json()
        lines.append("\t".join(_cell(told.get(column, "")) for column in columns))
    return "\n".join(lines) + "\n"


def report(
    taken: Taken,
    found: Beside | None,
    judged: Sequence[Verdict],
    spec: ModelSpec | None,
    track: str,
    ranking: Ranking | None = None,
) -> dict[str, Any]:
    """Everything that was found, as plain values."""
    measured = taken.measured
    record: dict[str, Any] = {
        "name": measured.name, "digest": measured.digest, "assay": measured.assay, "recognised as": WORDS[taken.kind],
        "unit": measured.unit, "elements": len(measured.names), "replicates": list(measured.replicates),
        "dropped": measured.dropped_counts, "first_dropped": [asdict(one) for one in measured.dropped[:100]],
        "remarks": list(measured.remarks),
    }  # fmt: skip
    if taken.quality is not None:
        record["quality"] = [asdict(one) for one in taken.quality.findings]
        record["outliers"] = [asdict(one) for one in taken.quality.outliers]
    if taken.pairs is not None:
        record["quality"] = [{"what": what, "words": words} for what, words in of_pairs(taken.pairs)]
        rankings = [one for one in (by_distance(taken.pairs), ranking) if one is not None]
        record["rankings"] = [asdict(one) for one in rankings]
    if found is not None and spec is not None:
        record["model"], record["track"] = spec.model_id, track
        record["beside"] = _beside(found)
    if judged:
        record["verdicts"] = [one.to_json() for one in judged]
    return record


def as_json(record: dict[str, Any]) -> str:
    """A report as text."""
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def _beside(found: Beside) -> dict[str, Any]:
    correlation = (
        None if found.correlation is None else {"pearson": found.correlation[0], "spearman": found.correlation[1]}
    )
    drift = found.drift
    return {
        "elements": len(found.rows.names),
        "correlation": correlation,
        "line": None if found.line is None else {"slope": found.line[0], "intercept": found.line[1]},
        "coverage": None if found.coverage is None else asdict(found.coverage),
        "coverage_by_part": {name: asdict(one) for name, one in found.by_part.items()},
        "alarm": None
        if drift is None
        else {"at": drift.alarm_at, "threshold": ALARM, "highest": float(drift.wealth.max())},
        "misses": [found.rows.names[index] for index in found.misses] if found.low is not None else None,
        "rule": found.rule,
        "windows": found.rows.fitting,
    }


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
