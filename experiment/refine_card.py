"""The card of a refined model: where it comes from, what it gained, what it forgot, and what the gate said."""

from __future__ import annotations

from experiment.refine import SAID, Refinement, strength
from models.core import ModelSpec

_STATED = "The table says which rows are kept from learning."
_DRAWN = "Places were drawn: the parent may have learned from some of those that choose, calibrate and judge."


def card(spec: ModelSpec, made: Refinement) -> str:
    """Markdown in sections, as the Models page shows it."""
    return (
        "\n\n".join([f"# {spec.title}", _first(made), _data(made), _scores(made), _searched(made), _limits(made)])
        + "\n"
    )


def _first(made: Refinement) -> str:
    return (
        f"Refined from `{made.parent}` by {made.strategy}. {SAID[made.plan.strategy]} The parent is unchanged and goes on "
        f"answering to its model_id. Gate: {'accepted' if made.verdict.accepted else 'not accepted'}."
    )


def _data(made: Refinement) -> str:
    lines = ["## Data", ""]
    for index, table in enumerate(made.metrics["tables"]):
        lost = "; ".join(f"{count:,} {reason}" for reason, count in table["dropped"].items())
        lines.append(
            f"- {'New' if index == 0 else 'Old'}: {_plain(table['name'])} (SHA-256 {table['digest'][:12]}…): {table['train']:,} rows "
            f"train, {table['early']:,} choose, {table['calibration']:,} calibrate, {table['valid']:,} judge"
            f"{f'; left out: {lost}' if lost else ''}. {_STATED if table['stated'] else _DRAWN}"
        )
    lines.append(
        f"- {made.metrics['sequences']:,} sequences were shown to the networks; seed {made.seed}; code {made.code_version}."
    )
    return "\n".join(lines)


def _scores(made: Refinement) -> str:
    head = "| held-out rows | n | before | after | naive control | change (95 % interval) |\n|---|---|---|---|---|---|"
    rows = [
        f"| {'new' if one.new else 'old'}: {_plain(one.name)} | {one.rows:,} | {one.before:.3f} | {one.after:.3f} | {one.naive:.3f} | "
        f"{one.change:+.3f} ({one.low:+.3f} to {one.high:+.3f}) |"
        for one in made.verdict.changes
    ]
    words = "\n".join(f"- {sentence}" for sentence in made.verdict.words)
    rule = "Pearson's r on rows that no step and no choice has seen; paired bootstrap over clusters."
    return "\n".join(["## Held-out scores", "", rule, "", head, *rows, "", words])


def _searched(made: Refinement) -> str:
    lines = [f"- {strength(one)}: r {one['early']:.3f}" for one in made.metrics["searched"]]
    return "\n".join(
        ["## Strength", "", "Searched on early-stopping rows (first network, mean over tables):", "", *lines]
    )


def _limits(made: Refinement) -> str:
    lines = [
        "## Limits",
        "",
        "- Scores hold for rows like the held-out ones; percentiles of the parent do not carry over: they are made for each model_id.",
        "- Whether a sequence is like the training data is judged by the rows of the tables above."
        if made.metrics["reference"]
        else "- Whether a sequence is like the training data is not known: that takes the tables that the parent learned from, and at "
        "least 200 rows kept for calibration.",
        "- Intervals are calibrated on rows of all tables that neither a step nor a choice has seen."
        if made.metrics["intervals"]
        else "- There were too few rows to calibrate intervals, so it gives none.",
        "- For research only, not for diagnosis.",
    ]
    return "\n".join(lines)


def _plain(name: str) -> str:
    """A file's name that cannot be read as Markdown."""
    return "".join(letter if letter.isalnum() or letter in " .-_" else "_" for letter in name)
