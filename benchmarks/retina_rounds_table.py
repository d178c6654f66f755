"""What the replayed campaign shows: held-out r on every round after every round, and what each strategy gains and forgets.

Intervals are a paired bootstrap: in each resample the held-out loci are drawn anew, the same for every strategy, and the
seeds too; a figure is the mean over the drawn seeds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.retina_rounds_figure import figure_svg

STRATEGIES = ("naive", "replay", "ewc", "adapter", "distill", "scratch")
RESAMPLES = 1000
LITTLE = 0.02  # forgetting below which there is nothing to prevent
Floats = npt.NDArray[np.float64]


def write_table(
    rounds: Seq[Any], blocks: Any, finished: Seq[Mapping[str, Seq[Any]]], about: Mapping[str, Any], results: Path
) -> None:
    """Writes the JSON, the figure beside it, and prints the table.

    Args:
        rounds: the campaign's rounds.
        blocks: the building-block designs.
        finished: one entry per seed: strategy -> what it said after each round.
        about: what else the file says.
        results: the JSON file.
    """
    values = correlations(rounds, blocks, finished)
    summary = [_summary(values, index, name, finished) for index, name in enumerate(STRATEGIES)]
    said = verdict({row["strategy"]: row for row in summary})
    record = {
        **about,
        "seeds": len(finished),
        "intervals": f"95 %, {RESAMPLES:,} resamples of held-out loci and seeds, paired",
        "rounds": _rounds(values, [each.name for each in rounds], len(finished)),
        "summary": summary,
        "said": said,
    }
    results.write_text(json.dumps(record, indent=1) + "\n")
    results.with_suffix(".svg").write_text(figure_svg([each.name for each in rounds], values[:, :, :, :, 0].mean(1)))
    print(table(summary), *said, sep="\n", flush=True)


def correlations(rounds: Seq[Any], blocks: Any, finished: Seq[Mapping[str, Seq[Any]]]) -> Floats:
    """float64 (strategies, seeds, after round, held-out set, 1 + resamples) of Pearson's r; the last set is the blocks."""
    sets = [each.valid for each in rounds] + [blocks]
    found = np.empty((len(STRATEGIES), len(finished), len(rounds), len(sets), 1 + RESAMPLES))
    for index, rows in enumerate(sets):
        answers = np.array(
            [[[step.valid[index] for step in one[name]] for one in finished] for name in STRATEGIES], dtype=np.float64
        )
        counts = np.concatenate([np.ones((1, rows.n)), _draws(rows.clusters)])
        flat = _weighted(answers.reshape(-1, rows.n), rows.labels[:, 0].astype(np.float64), counts)
        found[:, :, :, index] = flat.reshape(*answers.shape[:-1], -1)
    return found


def _draws(clusters: npt.NDArray[np.int64]) -> Floats:
    """float64 (resamples, n): how often each row is drawn with its locus; a locus has the same number in every set."""
    random = np.random.default_rng(0)
    n_loci = int(clusters.max()) + 1
    drawn = np.empty((RESAMPLES, len(clusters)))
    for index in range(RESAMPLES):
        drawn[index] = random.poisson(1.0, max(n_loci, 20_000))[clusters]
    return drawn


def _weighted(answers: Floats, measured: Floats, counts: Floats) -> Floats:
    """float64 (answers, resamples) of Pearson's r, each row counted as often as it was drawn."""
    total = counts.sum(1)
    mean_y, mean_x = counts @ measured / total, counts @ answers.T / total[:, None]
    var_y = counts @ measured**2 / total - mean_y**2
    var_x = counts @ (answers**2).T / total[:, None] - mean_x**2
    both = counts @ (answers * measured).T / total[:, None] - mean_x * mean_y[:, None]
    return np.asarray((both / np.sqrt(var_x * var_y[:, None])).T)


def _summary(values: Floats, index: int, name: str, finished: Seq[Mapping[str, Seq[Any]]]) -> dict[str, Any]:
    own, naive, scratch = (_figures(values[place]) for place in (index, 0, len(STRATEGIES) - 1))
    sequences = [_sequences(one[name]) for one in finished]
    reference = [_sequences(one["scratch"]) for one in finished]
    row: dict[str, Any] = {"strategy": name}
    for figure in own:
        row[figure] = round(float(own[figure][0]), 4)
        row[f"{figure}_interval"] = _interval(own[figure])
    row["compute"] = round(float(np.mean(sequences) / np.mean(reference)), 4)
    row["sequences"] = round(float(np.mean(sequences)))
    row["against_naive"] = {figure: _difference(own[figure], naive[figure]) for figure in own}
    row["against_scratch"] = {"final": _difference(own["final"], scratch["final"])}
    return row


def _figures(values: Floats) -> dict[str, Floats]:
    """(seeds, after, sets, draws) -> each figure's (draws,), the mean over seeds, which are drawn too.

    final: mean over rounds after the last. forgetting: r on round 1 right after it minus at the end. forgetting_all: the same
    for every round but the last, their mean. gain: r on each later round right after it minus right before. new: r on the
    last round at the end. blocks: on the building blocks at the end.
    """
    n = values.shape[1]
    diagonal = np.stack([values[:, k, k] for k in range(n)], 1)  # (seeds, rounds, draws)
    before = np.stack([values[:, k - 1, k] for k in range(1, n)], 1)
    by_seed = {
        "final": values[:, -1, :n].mean(1),
        "forgetting": values[:, 0, 0] - values[:, -1, 0],
        "forgetting_all": (diagonal[:, :-1] - values[:, -1, : n - 1]).mean(1),
        "gain": (diagonal[:, 1:] - before).mean(1),
        "new": values[:, -1, n - 1],
        "blocks": values[:, -1, n],
    }
    return {name: _over_seeds(found) for name, found in by_seed.items()}


def _over_seeds(values: Floats) -> Floats:
    """(seeds, draws) -> (draws,): the mean over seeds, in each resample over seeds drawn anew; the first is no resample."""
    seeds, draws = values.shape
    picked = np.random.default_rng(1).integers(0, seeds, (seeds, draws))
    picked[:, 0] = np.arange(seeds)
    return np.asarray(np.take_along_axis(values, picked, axis=0).mean(0))


def _interval(values: Floats) -> list[float]:
    return [round(float(end), 4) for end in np.percentile(values[1:], [2.5, 97.5])]


def _difference(one: Floats, other: Floats) -> list[float]:
    """The difference and its interval."""
    return [round(float(one[0] - other[0]), 4), *_interval(one - other)]


def _sequences(done: Seq[Any]) -> int:
    return sum(step.sequences for step in done)


def _rounds(values: Floats, names: Seq[str], seeds: int) -> list[dict[str, Any]]:
    """After each round: the held-out r on every round's rows, mean over seeds, its sd between them, and the interval."""
    found = []
    for index, strategy in enumerate(STRATEGIES):
        for after, name in enumerate(names):
            cell = values[index, :, after]  # (seeds, sets, draws)
            found.append(
                {
                    "strategy": strategy,
                    "after": name,
                    "r": {s: round(float(cell[:, k, 0].mean()), 4) for k, s in enumerate([*names, "building blocks"])},
                    "interval": {s: _interval(_over_seeds(cell[:, k])) for k, s in enumerate([*names, "building blocks"])},
                    "sd_of_seeds": {
                        s: round(float(cell[:, k, 0].std(ddof=1)), 4) if seeds > 1 else None
                        for k, s in enumerate([*names, "building blocks"])
                    },
                }
            )  # fmt: skip
    return found


def verdict(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the criterion says, in sentences: whether naive fine-tuning forgets at all, and what the best remedy does."""
    naive, scratch = rows["naive"], rows["scratch"]
    low, high = naive["forgetting_interval"]
    forgot = naive["forgetting"]
    told = f"Naive fine-tuning forgets {forgot:.3f} of r on round 1 ({low:.3f} to {high:.3f}), {naive['forgetting_all']:.3f} on all earlier rounds."
    nothing = forgot < LITTLE or low <= 0
    said = [
        told
        + (" That is little, or its interval holds 0: the criterion is not to be worse than naive." if nothing else "")
    ]
    for name in STRATEGIES[1:-1]:
        row = rows[name]
        difference, lowest, highest = row["against_scratch"]["final"]
        kept = (
            row["against_naive"]["forgetting"][0] <= 0 and row["against_naive"]["new"][2] >= 0
            if nothing
            else row["forgetting"] <= forgot / 3
        )
        near, cheap = difference >= -LITTLE, row["compute"] <= 0.25
        rule = "is not worse than naive on old and new rows" if nothing else "forgets at most a third of that"
        said.append(
            f"{name}: {'' if kept else 'does not meet: '}{rule} ({row['forgetting']:.3f}); ends {difference:+.3f} "
            f"({lowest:+.3f} to {highest:+.3f}) from scratch{'' if near else ', not within 0.02'}; {row['compute']:.2f} of its "
            f"compute{'' if cheap else ', more than a quarter'}. {'Meets' if kept and near and cheap else 'Does not meet'} the criterion."
        )
    said.append(
        f"Scratch ends at {scratch['final']:.3f}; on building blocks {scratch['blocks']:.3f}, naive {naive['blocks']:.3f}."
    )
    return said


def table(summary: Seq[Mapping[str, Any]]) -> str:
    """The summary as Markdown."""
    head = (
        "| strategy | final r | forgotten (round 1) | forgotten (all) | gained | newest | building blocks | compute |"
    )
    lines = [head, "|" + "---|" * 8]
    for row in summary:
        cells = (
            f"{row[name]:.3f} ({row[f'{name}_interval'][0]:.3f} to {row[f'{name}_interval'][1]:.3f})"
            for name in ("final", "forgetting", "forgetting_all", "gain", "new", "blocks")
        )
        lines.append(f"| {row['strategy']} | {' | '.join(cells)} | {row['compute']:.2f} |")
    return "\n".join(lines)
