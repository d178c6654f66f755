"""A real campaign of active learning replayed round by round: what each way of refining gains, and what it forgets.

    CISLENS_DATA=... python -m benchmarks.retina_rounds     into benchmarks/retina_rounds.json and .svg

A small network learns the first round of the mouse retina campaign and is refined by each later one: naively (the control),
with replay, with EWC, through low-rank adapters, by distilling its parent; and trained from scratch on all rounds so far.
Strengths, the share of replay and the step size are searched on rows cut from training (a seed of its own); the validation
rows are read for the table alone. Every finished fit is one file in ``build/retina_rounds``: a run that was stopped goes on
there, and the table is written anew after each seed.
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
SCRATCH = ReporterRecipe("words", OPTIONS, epochs=6, learning_rate=2e-3, weight_decay=0.05, averaging=0.0, seed=0)
REFINED = replace(SCRATCH, epochs=2, weight_decay=0.0)
SEARCH_SEED = 900
RATES = (5e-4, 1e-3, 2e-3)
TRIED: dict[str, tuple[tuple[Strategy, float], ...]] = {  # strategy and how many times the naive step size
    "replay": (
        (Strategy("replay", replay=0.25), 1),
        (Strategy("replay", replay=0.5), 1),
        (Strategy("replay", replay=0.7), 1),
        (Strategy("replay", replay=0.5, pick="balanced"), 1),
    ),
    "replay + distill": tuple((Strategy("replay + distill", replay=0.2, distill=share), 1) for share in (0.3, 0.6)),
    "ewc": tuple((Strategy("ewc", ewc=strength), 1) for strength in (3.0, 30.0, 300.0)),
    "adapter": (
        (Strategy("adapter", "adapters", rank=8), 3),
        (Strategy("adapter", "adapters", rank=32), 1),
        (Strategy("adapter", "adapters", rank=32), 3),
    ),
    "distill": tuple((Strategy("distill", distill=share), 1) for share in (0.3, 0.6)),
}


@dataclass(frozen=True)
class Campaign:
    """What is replayed, and where finished fits are kept.

    Attributes:
        rounds: in order.
        blocks: designs that nobody trains on.
        work: folder of the finished fits.
        scratch: recipe of a training from scratch.
        refined: recipe of a refinement; its learning rate is searched.
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


def replay(campaign: Campaign, seeds: int, results: Path) -> None:
    """Searches, fits what is missing, and writes the table after each seed."""
    torch.set_num_threads(1)
    chosen, tried = search(campaign)
    finished: list[dict[str, Any]] = []
    for seed in range(seeds):
        finished.append(one_seed(campaign, seed, chosen))
        write_table(campaign.rounds, campaign.blocks, finished, _about(campaign, chosen, tried, seeds), results)


def one_seed(campaign: Campaign, seed: int, chosen: dict[str, tuple[Strategy, float]]) -> dict[str, list[Done]]:
    """Every strategy through every round, by strategy: one ``Done`` per round; the first is shared by all."""
    first = from_scratch(campaign, seed, 0)
    found = {}
    for name, (strategy, rate) in chosen.items():
        steps = [first]
        for k in range(1, len(campaign.rounds)):
            steps.append(refined(campaign, seed, k, strategy, rate, steps[-1].network))
        found[name] = steps
    found["scratch"] = [first, *(from_scratch(campaign, seed, k) for k in range(1, len(campaign.rounds)))]
    return found


def search(campaign: Campaign) -> tuple[dict[str, tuple[Strategy, float]], list[dict[str, Any]]]:
    """The strategies to compare, each with its step size, and everything that was tried, judged on early rows alone.

    The step size is the one with which naive refinement learns each new round best: the control is not handicapped. The
    others are judged by the mean over all rounds after the last one.
    """
    kept = campaign.work / "search.json"
    tried: list[dict[str, Any]] = []
    naive = max(((NAIVE, rate) for rate in RATES), key=lambda one: _tried(campaign, *one, tried)["new"])
    chosen = {"naive": naive}
    for name, options in TRIED.items():
        rated = [(strategy, times * naive[1]) for strategy, times in options]
        chosen[name] = max(rated, key=lambda one: _tried(campaign, *one, tried)["all"])
    kept.write_text(json.dumps(tried, indent=1) + "\n")
    return chosen, tried


def _tried(campaign: Campaign, strategy: Strategy, rate: float, tried: list[dict[str, Any]]) -> dict[str, Any]:
    """Early-row correlations of one setting: of each round right after it (``new``), and of all at the end (``all``)."""
    network = from_scratch(campaign, SEARCH_SEED, 0).network
    new = []
    for k in range(1, len(campaign.rounds)):
        network = refined(campaign, SEARCH_SEED, k, strategy, rate, network).network
        new.append(correlation(network, campaign.rounds[k].early, ("", "")))
    every = [correlation(network, each.early, ("", "")) for each in campaign.rounds]
    row = {
        **asdict(strategy),
        "rate": rate,
        "new": round(float(np.mean(new)), 4),
        "all": round(float(np.mean(every)), 4),
    }
    tried.append(row)
    return row


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


def refined(campaign: Campaign, seed: int, k: int, strategy: Strategy, rate: float, parent: nn.Module) -> Done:
    """The parent, which knows rounds 0 to k - 1, refined by round k."""
    past, now = campaign.rounds[:k], campaign.rounds[k]
    recipe = replace(campaign.refined, seed=1000 * seed, learning_rate=rate)
    early = [each.early for each in (*past, now)] if strategy.replay else [now.early]

    def make(checkpoint: Path) -> tuple[nn.Module, int]:
        learned = fit_refined(
            parent, strategy, now.train, [each.train for each in past], early, recipe, member=k, checkpoint=checkpoint
        )
        return learned.network, learned.sequences

    told = (
        f"{strategy.name}-{strategy.pick}-{strategy.replay}-{strategy.ewc}-{strategy.distill}-{strategy.rank}-{rate:g}"
    )
    return _kept(campaign, campaign.work / f"seed-{seed}" / f"{told}-{k}", make)


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


def _about(campaign: Campaign, chosen: Any, tried: Seq[dict[str, Any]], seeds: int) -> dict[str, Any]:
    return {
        "command": f"CISLENS_DATA=... python -m benchmarks.retina_rounds --seeds {seeds}",
        "network": f"bag of all words of {WordNetwork().length} bp, one hidden layer (benchmarks/retina_rounds_network.py)",
        "epochs": {"scratch": campaign.scratch.epochs, "refined": campaign.refined.epochs},
        "rows": {
            each.name: {"train": each.train.n, "early": each.early.n, "valid": each.valid.n} for each in campaign.rounds
        },
        "building_blocks": campaign.blocks.n,
        "chosen": {name: {**asdict(strategy), "rate": rate} for name, (strategy, rate) in chosen.items()},
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
    replay(Campaign(rounds, blocks, chosen.work), chosen.seeds, Path(__file__).with_suffix(".json"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
