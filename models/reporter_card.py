"""The text of the reporter models' cards, filled in from measured scores."""

from __future__ import annotations

from typing import Any

from models import registry
from models.reporter_train import LENTIMPRA, Assay

_FAMILY = {
    "residual": "words of 11 bp, then three residual convolutions at ever coarser places, mean and maximum over places",
    "recurrent": "words of 11 bp, one convolution, a bidirectional LSTM, mean and maximum over places",
    "transformer": "words of 11 bp, one convolution, two layers of attention, mean and maximum over places",
}
_STANDING = {"like": "like", "edge": "at the edge of", "unlike": "unlike"}
_VIEW = {
    "residual": "82 bp before the pooling, then all",
    "recurrent": "all of the insert",
    "transformer": "all of the insert",
}

_LENTI_DATA = """\
## Data

- **Measured**: 12,693 human elements of 200 bp, log2(RNA/DNA) by lentiMPRA (Agarwal et al. 2025, Nature 639:411; CC BY): WTC11
  in a large library, HepG2, K562 and WTC11 in a joint one. A missing label is left out of the loss. The joint WTC11 column
  helps to learn and is not shipped.
- **Construct**: the network sees the insert between the adaptors of the assay; only the insert is reversed.
- **Held out**: the published validation elements ({test:,} rows) are the test, looked at once. Left out of training:
  {dropped}. Of the rest, whole clusters (elements that share 25 bp on either strand) were set aside for early stopping
  ({early:,} rows, which also chose the family) and for calibration ({calibration:,} rows, which no step and no choice saw);
  {train:,} rows train.
- **Taught first**: 8,600 elements are too few. Each network first learned to say what MPRA-DragoNN (Movva et al. 2019, MIT) says
  of 60,000 sequences: training inserts, mutants, crosses and shuffles of them, and windows of hg38 chr2. MPRA-DragoNN was
  trained on another reporter assay of half a million genomic elements (all chromosomes but 8 and 18) in K562 and HepG2. No
  held-out label enters by this way, but its training elements may overlap the test elements' genomic places and the demo loci:
  the scores are those of "taught by an earlier assay", not of these elements alone.
"""
_RETINA_DATA = """\
## Data

- **Measured**: rounds 1, 2 and 3a/b of the mouse retina campaign (Friedman et al.; barakcohenlab/CRX-Active-Learning, BSD-3):
  genomic elements of 164 bp, mutants of their CRX sites and of their shape, and mutants that earlier models of the authors were
  unsure of; log2 activity recomputed from barcode counts, cut off at -5 (next to no RNA). Later rounds (rewired, margin) are not
  trained on: a refinement starts from there. On the first round alone (4,700 rows) word counts did better than a network.
- **Held out**: the authors' validation loci ({test:,} rows of these rounds) are the test, looked at once. Left out of training:
  {dropped}. Whole clusters were set aside for early stopping ({early:,} rows) and calibration ({calibration:,} rows);
  {train:,} rows train, weighted by their barcodes (fewer than four count less).
"""
_WORDS = """\
The parsimonious model of the same task: activity = b + one weight for every word of 6 letters in the insert, on either strand;
ridge regression, its penalty chosen on the early-stopping rows. It is a polynomial in the one-hot input, so integrated
gradients are exact. It is the baseline of every figure below."""
_LIMITS = {
    "lentimpra": """\
## Limits

- A reporter is not the genome: 200 bp between adaptors, integrated at random. What a distant enhancer, chromatin or the
  native promoter would do is not seen. HepG2 and K562 rest on {joint} test rows each: their intervals are wide.
- 8,600 training elements limit it. Tried and measured on rows cut out of training (not on the test): without the teacher a
  residual and a recurrent network reached no more than the word counts; ridge regression on the teacher's features alone was better than
  either; learning from the teacher first was best. Larger networks without the teacher did not help.
- Either orientation of an element was measured, and they differ (r = 0.75 between orientations): the answer is the mean of both.
- Intervals hold on elements like the measured ones. No rewired or shuffled human element was measured here; on such sequences
  of the retina assay they cover less (see the card of retina), and the shift badge is the only warning.
- Members differ in seed, not in data: the spread between them alone understates the uncertainty; the intervals are calibrated.
- N is read as no letter at all; an answer over many N is an answer about another construct.
- For research only, not for diagnosis.
""",
    "retina": """\
## Limits

- One assay, newborn mouse retina explants, elements of 164 bp chosen around CRX sites: elsewhere nothing is promised.
- It knows the first rounds only. On later rounds its intervals cover less than they state (table above): that is what refinement
  is for.
- Members differ in seed, not in data; the intervals are calibrated.
- For research only, not for diagnosis.
""",
}


def card(assay: Assay, name: str, scores: dict[str, Any]) -> str:
    """The card of a reporter model, or of its word-count companion, as Markdown.

    Args:
        assay: what it is about.
        name: of the model.
        scores: content of the reporter model's scores.json.
    """
    spec = registry.spec(name)
    simple = name == assay.simple
    parts = [
        f"# {spec.title}",
        _WORDS if simple else f"An ensemble of {spec.n_members} networks: {_FAMILY[assay.recipe.architecture]}.",
        _summary(name, scores, simple),
        _data(assay, scores),
        _scores(scores),
        "" if simple else _families(scores),
        "" if simple else _intervals(scores),
        "" if simple else _elsewhere(scores),
        _LIMITS[assay.name].format(joint=scores["scores"][-1]["rows"]),
        _reproduce(assay),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _summary(name: str, scores: dict[str, Any], simple: bool) -> str:
    spec = registry.spec(name)
    tracks = "; ".join(f"{t.name} ({t.unit}, sd of predictions {t.sd:.2f})" for t in spec.tracks)
    lines = [
        "| | |",
        "|---|---|",
        f"| input | {spec.input_length} bp, one-hot ACGT, N = zeros |",
        f"| output | {tracks} |",
        f"| members | {spec.n_members}; both strands are asked and averaged |",
    ]
    if not simple:
        size = scores["cost"]
        lines.append(
            f"| size of a member | {size['parameters']:,} parameters, {size['mflop_per_member']:.1f} MFLOP per window and strand |"
        )
    return "\n".join(lines)


def _data(assay: Assay, scores: dict[str, Any]) -> str:
    text = _LENTI_DATA if assay.name == LENTIMPRA.name else _RETINA_DATA
    dropped = ", ".join(f"{count:,} rows {reason}" for reason, count in scores["dropped"].items())
    return text.format(dropped=dropped, **scores["rows"])


def _scores(scores: dict[str, Any]) -> str:
    baseline = scores["scores"][0]["name"]
    lines = ["| model | track | rows | Pearson | Spearman | Pearson above word counts |", "|---|---|---|---|---|---|"]
    for entry in scores["scores"]:
        above = entry.get(f"pearson_above_{baseline}")
        cells = [
            entry["name"],
            entry["column"],
            f"{entry['rows']:,}",
            _figure(entry["pearson"]),
            _figure(entry["spearman"]),
        ]
        lines.append(f"| {' | '.join([*cells, _figure(above) if above else ''])} |")
    note = "Held-out elements, 95 % bootstrap intervals (1,000 resamples of whole clusters; differences on the same resamples)."
    if "ceiling" in scores:
        test, everything = scores["ceiling"], scores["ceiling_all"]
        note += (
            f" Ceiling: the same elements measured in two libraries (WTC11) agree with r = {everything['pearson']:.3f} "
            f"({everything['rows']:,} elements; on the {test['rows']} test elements among them {test['pearson']:.3f}). For HepG2 and "
            "K562 no second measurement is at hand."
        )
    return "\n\n".join(["## Scores", note, "\n".join(lines)])


def _families(scores: dict[str, Any]) -> str:
    if "families" not in scores:
        return ""
    lines = [
        "| family | parameters | MFLOP | sees | minutes of one core | early-stopping rows, mean Pearson |",
        "|---|---|---|---|---|---|",
    ]
    for family, size in scores["families"].items():
        view = _VIEW.get(family.split(",")[0], "")
        lines.append(
            f"| {family} | {size['parameters']:,} | {size['mflop_per_member']:.1f} | {view} | {size['minutes']} | {size['early']:.3f} |"
        )
    note = "Three families, two seeds each (mean), the same rows; the early-stopping rows chose. Test scores of each seed stand above."
    return "\n\n".join(["## Families", note, "\n".join(lines)])


def _intervals(scores: dict[str, Any]) -> str:
    lines = [
        "| track | rows | inside (90 % stated) | expected of so many rows | median width | error: all / surest half |",
        "|---|---|---|---|---|---|",
    ]
    for entry in scores["intervals"]:
        found, risk = entry["overall"], entry["risk"]
        lines.append(
            f"| {entry['track']} | {found['n']:,} | {found['share']:.1%} | {found['low']:.1%} to {found['high']:.1%} | "
            f"{entry['width']:.2f} | {risk['all']:.3f} / {risk['surest_half']:.3f} |"
        )
        lines += [
            f"| {entry['track']}, {_STANDING[name]} the training data | {part['n']:,} | {part['share']:.1%} | "
            f"{part['low']:.1%} to {part['high']:.1%} | | |"
            for name, part in entry["by_shift"].items()
        ]
    note = (
        "Conformal prediction intervals (crepes), normalised by sqrt(spread between members² + predicted noise²), calibrated on the "
        "calibration rows, tested on the held-out elements. Error: mean absolute error of all rows and of the half with the "
        "smallest predicted scatter."
    )
    return "\n\n".join(["## Intervals", note, "\n".join(lines)])


def _elsewhere(scores: dict[str, Any]) -> str:
    if "elsewhere" not in scores:
        return ""
    lines = [
        "| measured rows of held-out loci | rows | inside (90 % stated) | called unlike the training data |",
        "|---|---|---|---|",
    ]
    for entry in scores["elsewhere"]:
        unlike = "" if entry["called_unlike"] is None else f"{entry['called_unlike']:.1%}"
        lines.append(f"| {entry['rows']} | {entry['n']:,} | {entry['share']:.1%} | {unlike} |")
    return "\n\n".join(["## Intervals away from home", "\n".join(lines)])


def _figure(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})".replace("-", "\u2212")


def _reproduce(assay: Assay) -> str:
    extra = "python -m models.families\n" if assay.name == LENTIMPRA.name else ""
    return f"""\
## Make it again

```
CISLENS_DATA=... make train MODEL={assay.name}
{extra}python -m models.reporter_held_out {assay.name}
```

The same seed gives the same members on the same kind of machine; a fit that was stopped goes on where it was."""
