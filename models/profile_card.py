"""The text of the card of ``sandbox-profile``, filled in from measured scores."""

from __future__ import annotations

from typing import Any

from models.core import ModelSpec

_WHAT = """\
A BPNet-like convolutional network (Avsec et al. 2021) of simulated data: from 500 bp it says how many reads are expected to
begin at each of the middle 300, on either strand. It is here because its truth is known: the simulator that made its data
ships as `genome/sandbox_reads.py` (described in `assets/sandbox/reads.md`), so every claim about it can be checked exactly.
It says nothing about any organism.

{filters} filters of {stem_length} bp; {layers} layers that read three positions at distances 2 to {widest}, each added to what was
known before; a head of {head_length} positions for the shape of the profile over both strands together; a head that says how
many reads each position adds, summed over the window. GELU throughout, nothing padded, nothing that ties a row to another.
"""

_DATA = """\
## Data

- **Simulated genomes**: {n_train} of 300,000 bp for training and {n_validation} for choosing the best pass, built as the sandbox is, from
  other seeds; one element in ten has a run of N in it. The shipped sandbox is the test, looked at once.
- **Simulated reads**: one Poisson draw around the true expected reads of each genome.
- **Windows**: one on every element and one between elements for every four: {train:,} for training (in each pass moved by up to
  {max_shift} bp and on a random strand), {validation:,} for validation, {test:,} for the test.
"""

_LIMITS = """\
## Limits

- Synthetic DNA, synthetic factors, synthetic reads: it must not be asked about a genome of an organism.
- It knows seven matrices, of which one (NRF1) stands beside active sites without leaving reads. What it makes of that one
  is a figure above, not an assumption.
- Sites were planted about once per kilobase, never crowded: designed sequences with many sites are outside what it saw.
- The members differ in seed only, not in data: their spread shows the uncertainty of fitting, not of sampling.
- It explains log(1 + reads of the window), or the shape of the profile. Reads add up in linear space, so in log counts two
  strong sites together are worth less than the sum of each alone: that is arithmetic, not biology.
"""


def card(spec: ModelSpec, scores: dict[str, Any], truth: dict[str, Any] | None) -> str:
    """The card as Markdown.

    Args:
        spec: the model.
        scores: content of its scores.json.
        truth: content of its truth.json (what its letters find), or None.
    """
    parts = [
        f"# {spec.title}",
        _what(scores),
        _summary(spec, scores),
        _data(scores),
        _counts(scores),
        _profiles(scores),
    ]
    parts += [_deletions(scores), _letters(spec, truth), _LIMITS, _reproduce(scores)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _what(scores: dict[str, Any]) -> str:
    sizes = {"filters": 32, "stem_length": 21, "layers": 5, "head_length": 57} | scores["recipe"]["options"]
    return _WHAT.format(**sizes, widest=2 ** sizes["layers"])


def _summary(spec: ModelSpec, scores: dict[str, Any]) -> str:
    cost, seconds = scores["cost"], scores["training_seconds"]
    sees = spec.input_length - spec.output_length + 1
    minutes = ", ".join(f"{value / 60:.1f}" for value in seconds) or "not recorded"
    return f"""\
| | |
|---|---|
| input | {spec.input_length} bp, one-hot ACGT, N = zeros |
| output | expected reads at each of {spec.output_length} bp on both strands (tracks {" and ".join(t.name for t in spec.tracks)}) |
| explained | log(1 + reads), standard deviation on validation windows {spec.tracks[0].sd:.2f}; or the shape alone |
| each position sees | {sees} bp |
| members | {spec.n_members}, averaged; both strands are asked and averaged |
| size of a member | {cost["parameters"]:,} parameters, {cost["mflop_per_member"]:.1f} MFLOP per window and strand |
| training | {minutes} minutes of one core for each member |"""


def _data(scores: dict[str, Any]) -> str:
    recipe = scores["recipe"]
    return _DATA.format(
        n_train=len(recipe["train_seeds"]),
        n_validation=len(recipe["validation_seeds"]),
        max_shift=recipe["max_shift"],
        **scores["windows"],
    )


def _counts(scores: dict[str, Any]) -> str:
    lines = [f"| {row['name']} | {_figure(row['truth'])} | {_figure(row['experiment'])} |" for row in scores["scores"]]
    return "\n".join(
        [
            "## Scores on the shipped sandbox",
            "",
            f"Log counts of {scores['windows']['test']:,} windows: Pearson's r with the truth, and with one simulated experiment, with "
            "95 % bootstrap intervals (1,000 resamples of windows). The last row is the ceiling. Words: ridge regression on "
            "6-letter words, fitted to the same training windows.",
            "",
            "| log counts | against the truth | against one experiment |",
            "|---|---|---|",
            *lines,
        ]
    )


def _profiles(scores: dict[str, Any]) -> str:
    lines = [
        f"| {row['name']} | {row['divergence']:.3f} | {'' if row['loss_per_read'] is None else format(row['loss_per_read'], '.3f')} |"
        for row in scores["profiles"]
    ]
    return "\n".join(
        [
            f"Shape: median Jensen-Shannon divergence from the truth in bits (0 is the same, 1 apart) over the "
            f"{scores['profiles'][0]['windows']} windows with at least twice the background, and the multinomial loss of one experiment "
            "in nats per read over all windows.",
            "",
            "| shape | divergence from the truth | loss per read |",
            "|---|---|---|",
            *lines,
        ]
    )


def _deletions(scores: dict[str, Any]) -> str:
    lines = [
        f"| {row['name']} | {row['sites']} | {row['true']:.2f} | {row['model']:.2f} | {row['error']:.2f} "
        f"| {'' if row['pearson'] is None else format(row['pearson'], '.3f')} |"
        for row in scores["deletions"]
    ]
    return "\n".join(
        [
            "Deletions: every planted site replaced by N in the window around it, and the change of log counts as the simulator "
            "and the model tell it (means, root mean squared error; r where the truth differs between sites).",
            "",
            "| site | sites | truth | model | error | r |",
            "|---|---|---|---|---|---|",
            *lines,
        ]
    )


def _letters(spec: ModelSpec, truth: dict[str, Any] | None) -> str:
    """What letters find; nothing when it was not measured, or on another version of the model."""
    if truth is None or truth["model"] != spec.model_id:
        return ""
    lines = [
        f"| {r['target']} | {r['windows']} | {r['share']:.0%} | {r['by_chance']:.0%} | {r['top']:.0%} |"
        for r in truth["rows"]
    ]
    return "\n".join(
        [
            "Letters (integrated gradients, uniform reference) of windows on elements whose sites leave reads: the share of all "
            "absolute contribution that lies inside those sites, what share of the bases they are, and how often the ten largest "
            "letters lie inside them.",
            "",
            "| explained | windows | contribution inside sites | bases inside sites | ten largest inside |",
            "|---|---|---|---|---|",
            *lines,
        ]
    )


def _figure(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _reproduce(scores: dict[str, Any]) -> str:
    recipe = scores["recipe"]
    return f"""\
## Make it again

`make train MODEL=sandbox-profile` needs no data: it simulates them, and fits {recipe["members"]} members with AdamW,
{recipe["epochs"]} passes each (batch {recipe["batch"]}, largest step {recipe["learning_rate"]:g}, seed {recipe["seed"]}); the pass with the best validation loss is
kept. The loss is the multinomial one of the shape, per mean reads of a window, plus {recipe["count_weight"]:g} x the squared error of log counts.
`python -m benchmarks.profile_truth` measures what letters find, and `python -m models.profile_held_out` scores the rest and
writes this card. Another machine or another version of PyTorch gives other last digits; scores agree within 0.01."""
