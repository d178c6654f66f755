"""The text of the two model cards, filled in from measured scores."""

from __future__ import annotations

from typing import Any

from models.core import ModelSpec

_WHAT = {
    "tf-binding": """\
A convolutional network. 64 filters of 21 bp, each answer raised to a power of e (which makes filters read as motifs); the
mean over every 8 positions; 64 filters over 3 of those (a view of 44 bp), GELU; a weighted sum over all filters and places
of the window. Batch normalisation is folded into the filters. Every step is smooth, so that integrated gradients from the
uniform reference converge with few points.""",
    "simple": """\
The parsimonious model of the same task: log odds = b + one weight for every word of 6 letters that the window holds,
wherever it stands. It is a polynomial of degree 6 in the one-hot input, so integrated gradients are exact with 3
Gauss-Legendre points; a word that holds N adds nothing. It is here as the baseline of every figure, and to ask what a
model without spacing, order or long motifs would say.""",
}

_DATA = """\
## Data

- **Bound**: ChIP-seq peak sequences of 100 bp, hg19: 37,498 of CTCF and 27,489 of PU.1, from
  bernardo-de-almeida/DeepSTARR (MIT). The source leaves chr8 out, and does not state cell types here: treat the tracks as
  "bound in the cells that the source used", not as a cell type of your own.
- **Unbound**: (1) dinucleotide shuffles of the peaks, fresh in each pass; (2) the other factor's peaks, unless a peak of both
  lies within {nearby} bp, which counts as unknown; (3) windows of hg38 chr2:1-2,333,275 (public domain) that share no
  25-mer with any peak, and lie more than {nearby} bp from sequence of a chr2 peak.
- **Splits**: chr20 and chr22 are the test, looked at once; chr9 and chr10, and the far end of the chr2 piece, choose the best
  pass, the calibration and every setting; the rest trains. Training and validation rows that share a 25-mer (either strand)
  with a test peak are left out ({dropped_test:,} rows), as are training rows that share one with a validation peak
  ({dropped_validation:,} rows).

| rows | CTCF peaks | PU.1 peaks | background windows |
|---|---|---|---|
{row_table}
"""

_LIMITS = """\
## Limits

- Dinucleotide shuffles are easy: they hold no motif but by chance. A high AUROC there says that the motif is read, not that
  binding in a cell is predicted. Real binding also depends on open chromatin, cell type and competing factors, none of
  which a sequence model of 100 bp sees.
- Background is called unbound because the files hold no peak there. They hold each factor in some cells only, and not chr8:
  some background windows are bound somewhere, and motif matches among them count against the model. Precision at 1:10 is
  not the precision in a genome, where unbound windows outnumber peaks by hundreds to one.
- Test background comes from hg19 chr22:16.05-22.0 Mb alone. Many of its windows hold interspersed repeats whose relatives
  were trained on; the last rows of the table leave out every window that shares a 25-mer with a training row.
- Peaks are centred on their summits. In a window whose motif lies at the edge the score is lower; along a locus windows
  overlap, so that each base is seen in several places.
- Log odds assume that a window is as likely bound as not (even odds), with unbound windows in equal parts of shuffles of the
  factor's peaks, the other factor's peaks and background: slope and intercept were fitted so on validation rows. For odds of 1
  in 100 add log(1/99) = -4.6. On those same validation rows stated and observed log odds agree between -4 and +4 (a check on
  the rows that it was fitted to, not an independent one). Larger numbers say "a stronger motif", not a larger chance: above
  +4 tf-binding says 8 to 9 on average where 5 to 6 was observed, simple 5 to 6 where 4 was.
- About 55 settings of tf-binding (architecture, step size, augmentation; one fit each) were compared on the validation
  chromosomes, and 5 of simple, whose settings differed by less than 0.004 in AUROC. Validation figures are therefore
  flattering and are not given here; the test rows played no part in any choice.
- N says nothing about binding: training saw windows cut short by N, and windows of N alone as unbound.
- The members of tf-binding differ in seed only, not in data: their spread shows the uncertainty of fitting, not of sampling.
- For research only, not for diagnosis.
"""


def card(spec: ModelSpec, scores: dict[str, Any], baseline: list[dict[str, Any]]) -> str:
    """The card of one model as Markdown.

    Args:
        spec: the model.
        scores: content of its scores.json.
        baseline: the scores of ``simple`` on the same comparisons, in the same order.
    """
    parts = [
        f"# {spec.title}",
        _WHAT[spec.name],
        _summary(spec, scores),
        _data(scores),
        _scores(spec.name, scores["scores"], baseline),
        _LIMITS,
        _reproduce(spec.name, scores),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _summary(spec: ModelSpec, scores: dict[str, Any]) -> str:
    cost = scores["cost"]
    tracks = "; ".join(
        f"{track.name} ({track.unit}, standard deviation on validation rows {track.sd:.2f})" for track in spec.tracks
    )
    return f"""\
| | |
|---|---|
| input | {spec.input_length} bp, one-hot ACGT, N = zeros |
| output | {tracks} |
| members | {spec.n_members}, averaged; both strands are asked and averaged |
| size of a member | {cost["parameters"]:,} parameters, {cost["mflop_per_member"]:.2f} MFLOP per window and strand |"""


def _data(scores: dict[str, Any]) -> str:
    rows = scores["rows"]
    lines = [
        f"| {name} | {rows[name]['CTCF']:,} | {rows[name]['PU.1']:,} | {rows[name]['background'] or 'see below':{',' if rows[name]['background'] else ''}} |"
        for name in ("train", "validation", "test")
    ]
    dropped = rows["dropped"]
    return _DATA.format(
        nearby=500, dropped_test=dropped["test"], dropped_validation=dropped["validation"], row_table="\n".join(lines)
    )


def _scores(name: str, scores: list[dict[str, Any]], baseline: list[dict[str, Any]]) -> str:
    compared = name != "simple"
    head = ["factor", "peaks against", "windows", "AUROC", "AUPRC", "called bound: peaks / others"]
    head += ["AUROC of simple", "AUPRC of simple", "AUROC above simple"] if compared else []
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for own, base in zip(scores, baseline, strict=True):
        cells = [own["track"], own["negatives"], f"{own['n_positive']:,} / {own['n_negative']:,}"]
        cells += [_figure(own["auroc"]), _figure(own["auprc"])]
        cells += [f"{own['called_positive']:.1%} / {own['called_negative']:.1%}"]
        if compared:
            cells += [
                f"{base['auroc']['value']:.3f}",
                f"{base['auprc']['value']:.3f}",
                _figure(own["auroc_above_simple"]),
            ]
        lines.append(f"| {' | '.join(cells)} |")
    note = (
        "Held-out peaks of chr20 and chr22, with 95 % bootstrap intervals (1,000 resamples of windows; differences on the same "
        "resamples). Background: windows of hg19 chr22 outside peaks +- 500 bp, ten for each peak, as drawn or matched to the "
        "peaks in GC content. Shuffles are 1:1, so AUPRC compares only within one kind of unbound window. Called bound: log "
        "odds above 0."
    )
    return "## Scores\n\n" + note + "\n\n" + "\n".join(lines)


def _figure(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _reproduce(name: str, scores: dict[str, Any]) -> str:
    recipe = scores["recipe"]
    return f"""\
## Make it again

`CISLENS_DATA=<folder> make train MODEL={name}` fits {recipe["members"]} member(s) with AdamW, at most {recipe["epochs"]} passes over the
training rows and as many fresh shuffles (batch {recipe["batch"]}, largest step {recipe["learning_rate"]:g}, seed {recipe["seed"]}), each row on a random
strand; the pass with the best validation AUROC is kept. `python -m models.held_out` then scores all models on the test
rows and writes this card from `scores.json`. Another machine or another version of PyTorch gives other last digits;
scores agree within 0.01."""
