"""A real campaign of active learning replayed round by round: what each way of refining gains, and what it forgets.

    CISLENS_DATA=... python -m benchmarks.retina_rounds     into benchmarks/retina_rounds.json and .svg

A small network learns the first round of the mouse retina campaign and is refined by each later one: naively (the control),
with replay, with EWC, through low-rank adapters, by distilling its parent; and trained from scratch on all rounds so far.
Strengths, passes, the share of replay and the step size are searched on early rows, cut from training (a seed of its own).
What was looked at before: the validation rows under seeds 0 to 4, while the network was chosen and after a first, narrower
search (see ``SEEN``). The table is of seeds that nobody had looked at. Every finished fit is one file in
``build/retina_rounds``: a run that was stopped goes on there, and the table is written anew after each seed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence as Seq
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks.retina_rounds_data import Round, read_campaign
from benchmarks.retina_rounds_network import WordNetwork
from benchmarks.retina_rounds_table import write_table
from experiment.refine_fit import correlation, fit_refined, together
from experiment.refine_strategy import NAIVE, Strategy
from models import loop
from models.loop import progress_of
from models.reporter_data import Elements
from models.reporter_task import ReporterRecipe, ReporterTask, answers_of, standardised
from models.train import data_folder

OPTIONS: dict[str, Any] = {"n_tracks": 1}
SCRATCH = ReporterRecipe("words", OPTIONS, epochs=6, learning_rate=6e-3, weight_decay=0.05, averaging=0.0, seed=0)
REFINED = replace(SCRATCH, weight_decay=0.0)
SEARCH_SEED, FIRST_SEED = 900, 10
MOST_COMPUTE = 0.25  # of scratch's, in sequences
SEEN = (
    "Validation rows under seeds 0 to 4 were read before: while the network was chosen, and for a table after a narrower search "
    "(two passes, at most 0.7 old rows per new row, step sizes up to 0.002), in which replay forgot 0.020 of r on round 1 (naive "
    "0.057) and ended 0.032 under scratch. The wider search read early rows under the search seed alone, and the seeds of this "
    "table are fresh; its held-out rows are the same ones."
)
SEARCHED_BEFORE = (
    "Also on early rows, with the first round trained at a step of 0.002: a running average of the weights (0.98) and half the "
    "batch, neither better; and the step of training from scratch, which round 1 shares: 0.006 (r 0.429 at the end) rather than "
    "0.002 (0.417)."
)


@dataclass(frozen=True)
class Way:
    """One way of refining.

    Attributes:
        strategy: what changes and what holds it.
        rate: largest step size.
        passes: over the new rows.
    """

    strategy: Strategy
    rate: float = 2e-3
    passes: int = 2


NAIVE_WAYS = tuple(Way(NAIVE, rate) for rate in (2e-3, 4e-3, 6e-3))
EVERY = Strategy("replay", replay=5.0)  # there never are five: every old row once per pass
TRIED: dict[str, tuple[Way, ...]] = {
    "replay": (
        *(Way(Strategy("replay", replay=0.7), rate) for rate in (2e-3, 4e-3)),
        *(Way(EVERY, rate, 1) for rate in (4e-3, 6e-3, 8e-3, 12e-3)),
    ),
    "ewc": tuple(Way(Strategy("ewc", ewc=strength), 6e-3) for strength in (30.0, 300.0)),
    "adapter": tuple(Way(Strategy("adapter", "adapters", rank=rank), 6e-3) for rank in (8, 32)),
    "distill": tuple(
        Way(Strategy("distill", distill=share), rate) for share, rate in ((0.3, 2e-3), (0.6, 2e-3), (0.6, 6e-3))
    ),
}


@dataclass(frozen=True)
class Campaign:
    """What is replayed, and where finished fits are kept.

    Attributes:
        rounds: in order.
        blocks: designs that nobody trains on.
        work: folder of the finished fits.
        scratch: recipe of a training from scratch.
        refined: recipe of a refinement, but for passes and step size, which are searched.
    """

    rounds: list[Round]
    blocks: Elements
    work: Path
    scratch: ReporterRecipe = SCRATCH
    refined: ReporterRecipe = REFINED


@dataclass(frozen=True)
class Done:
    """A finished fit.

    Attributes:
        network: the network.
        sequences: shown to it in this fit.
        valid: answers for each round's validation rows, then for the building blocks.
    """

    network: nn.Module
    sequences: int
    valid: list[np.ndarray]


def replay(campaign: Campaign, seeds: Seq[int], results: Path) -> None:
    """Searches, fits what is missing, and writes the table after each seed."""
    torch.set_num_threads(1)
    chosen, tried = search(campaign)
    finished: list[dict[str, Any]] = []
    for seed in seeds:
        finished.append(one_seed(campaign, seed, chosen))
        write_table(campaign.rounds, campaign.blocks, finished, _about(campaign, chosen, tried, seeds), results)


def one_seed(campaign: Campaign, seed: int, chosen: dict[str, Way]) -> dict[str, list[Done]]:
    """Every strategy through every round, by strategy: one ``Done`` per round; the first is shared by all."""
    first = from_scratch(campaign, seed, 0)
    found = {}
    for name, way in chosen.items():
        steps = [first]
        for k in range(1, len(campaign.rounds)):
            steps.append(refined(campaign, seed, k, way, steps[-1].network))
        found[name] = steps
    found["scratch"] = [first, *(from_scratch(campaign, seed, k) for k in range(1, len(campaign.rounds)))]
    return found


def search(campaign: Campaign) -> tuple[dict[str, Way], list[dict[str, Any]]]:
    """The ways to compare, and everything that was tried, judged on early rows alone.

    Naive refinement takes the step size with which it learns each new round best: the control is not handicapped. The others
    are judged as the criterion is: the mean over all rounds after the last one, among those that forget at most a third of
    what naive forgets on round 1 (all of them, where none does) and take at most a quarter of scratch's sequences.
    """
    tried: list[dict[str, Any]] = []
    naive = [(way, _tried(campaign, way, tried)) for way in NAIVE_WAYS]
    control, told = max(naive, key=lambda one: one[1]["new"])
    chosen = {"naive": control}
    for name, ways in TRIED.items():
        rows = [(way, _tried(campaign, way, tried)) for way in ways]
        cheap = [one for one in rows if one[1]["compute"] <= MOST_COMPUTE] or rows
        kept = [one for one in cheap if one[1]["forgotten"] <= max(told["forgotten"], 0) / 3] or cheap
        chosen[name] = max(kept, key=lambda one: one[1]["all"])[0]
    (campaign.work / "search.json").write_text(json.dumps(tried, indent=1) + "\n")
    return chosen, tried


def _tried(campaign: Campaign, way: Way, tried: list[dict[str, Any]]) -> dict[str, Any]:
    """Early-row correlations of one way.

    ``new``: of each later round right after it; ``all``: of all rounds at the end; ``forgotten``: of round 1 right after it
    minus at the end. ``compute``: sequences shown, as a share of scratch's.
    """
    first = from_scratch(campaign, SEARCH_SEED, 0)
    network, shown, new = first.network, first.sequences, []
    for k in range(1, len(campaign.rounds)):
        done = refined(campaign, SEARCH_SEED, k, way, network)
        network, shown = done.network, shown + done.sequences
        new.append(correlation(network, campaign.rounds[k].early, ("", "")))
    every = [correlation(network, each.early, ("", "")) for each in campaign.rounds]
    known = correlation(first.network, campaign.rounds[0].early, ("", ""))
    row = {
        **_told(way),
        "new": round(float(np.mean(new)), 4),
        "all": round(float(np.mean(every)), 4),
        "forgotten": round(known - every[0], 4),
        "compute": round(shown / _scratch_sequences(campaign), 4),
    }
    tried.append(row)
    return row


def _scratch_sequences(campaign: Campaign) -> int:
    """Sequences that training from scratch at every round shows."""
    rows, batch = np.cumsum([each.train.n for each in campaign.rounds]), campaign.scratch.batch
    return int((rows // batch * batch).sum()) * campaign.scratch.epochs


def _told(way: Way) -> dict[str, Any]:
    return {**asdict(way.strategy), "rate": way.rate, "passes": way.passes}


def from_scratch(campaign: Campaign, seed: int, k: int) -> Done:
    """A new network trained on rounds 0 to k."""
    train = together([each.train for each in campaign.rounds[: k + 1]])
    early = together([each.early for each in campaign.rounds[: k + 1]])
    recipe = replace(campaign.scratch, seed=1000 * seed)
    task = ReporterTask(train, early, recipe, 1)

    def make(checkpoint: Path) -> tuple[nn.Module, int]:
        schedule = loop.Schedule("scratch", recipe.epochs, recipe.learning_rate, recipe.weight_decay, recipe.seed)
        network = loop.fit(
            lambda: standardised(WordNetwork(**recipe.options), train), task, schedule, member=k, checkpoint=checkpoint
        )
        return network, recipe.epochs * task.steps() * recipe.batch

    return _kept(campaign, campaign.work / f"seed-{seed}" / f"scratch-{k}", make)


def refined(campaign: Campaign, seed: int, k: int, way: Way, parent: nn.Module) -> Done:
    """The parent, which knows rounds 0 to k - 1, refined by round k."""
    past, now, strategy = campaign.rounds[:k], campaign.rounds[k], way.strategy
    recipe = replace(campaign.refined, seed=1000 * seed, learning_rate=way.rate, epochs=way.passes)
    early = [each.early for each in (*past, now)] if strategy.replay else [now.early]

    def make(checkpoint: Path) -> tuple[nn.Module, int]:
        learned = fit_refined(
            parent, strategy, now.train, [each.train for each in past], early, recipe, member=k, checkpoint=checkpoint
        )
        return learned.network, learned.sequences

    told = (strategy.name, strategy.pick, strategy.replay, strategy.ewc, strategy.distill, strategy.rank)
    name = "-".join(map(str, (*told, f"{way.rate:g}", way.passes, k)))
    return _kept(campaign, campaign.work / f"seed-{seed}" / name, make)


def _kept(campaign: Campaign, name: Path, make: Any) -> Done:
    """A finished fit from its file, or made now and written whole or not at all."""
    path = name.with_name(name.name + ".safetensors")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint = name.with_name(name.name + ".fit")
        network, sequences = make(checkpoint)
        sets = [each.valid for each in campaign.rounds] + [campaign.blocks]
        tensors = {f"network.{key}": value.clone() for key, value in network.state_dict().items()}
        for index, rows in enumerate(sets):
            tensors[f"valid.{index}"] = torch.from_numpy(answers_of(network, rows.codes, ("", ""))[0][:, 0].copy())
        partial = name.with_name(name.name + ".part")
        save_file(tensors, partial, {"fit": json.dumps({"sequences": sequences})})
        os.replace(partial, path)
        checkpoint.unlink(missing_ok=True)
    tensors = load_file(path)
    network = WordNetwork(**campaign.scratch.options)
    network.load_state_dict({key[8:]: value for key, value in tensors.items() if key.startswith("network.")})
    valid = [tensors[f"valid.{index}"].numpy() for index in range(len(campaign.rounds) + 1)]
    return Done(network.eval(), int(progress_of(path)["sequences"]), valid)


def _about(campaign: Campaign, chosen: dict[str, Way], tried: Seq[dict[str, Any]], seeds: Seq[int]) -> dict[str, Any]:
    return {
        "command": "CISLENS_DATA=... python -m benchmarks.retina_rounds",
        "fresh_seeds": list(seeds),
        "seen_before": SEEN,
        "searched_before": SEARCHED_BEFORE,
        "network": f"bag of all words of {WordNetwork().length} bp, one hidden layer (benchmarks/retina_rounds_network.py)",
        "epochs": {"scratch": campaign.scratch.epochs, **{name: way.passes for name, way in chosen.items()}},
        "rows": {
            each.name: {"train": each.train.n, "early": each.early.n, "valid": each.valid.n} for each in campaign.rounds
        },
        "building_blocks": campaign.blocks.n,
        "chosen": {name: _told(way) for name, way in chosen.items()},
        "searched_on_early_rows": list(tried),
    }


def main(arguments: list[str] | None = None) -> int:
    """Replays the campaign."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retina_rounds", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--work", type=Path, default=Path("build/retina_rounds"), help="folder of the finished fits")
    chosen = parser.parse_args(arguments)
    rounds, blocks = read_campaign(data_folder())
    chosen.work.mkdir(parents=True, exist_ok=True)
    seeds = range(FIRST_SEED, FIRST_SEED + chosen.seeds)
    replay(Campaign(rounds, blocks, chosen.work), seeds, Path(__file__).with_suffix(".json"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
