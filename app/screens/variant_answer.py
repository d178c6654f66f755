"""What a variant does, drawn: the sentence, the strip, letters in register, both predictions, the table, the motifs."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import compute_variant, variant_record
from app.compute import Asker
from app.compute_trust import ASK
from app.compute_variant import Elsewhere, TrackEffect, VariantAnswer
from app.figures import alleles
from app.figures.logos import Palette
from app.screens import variant_together
from app.variant_question import VariantQuestion
from app.widgets import UNITS, chips, numbers_table, said, text
from interpret import motif_change
from interpret.alleles import AROUND
from interpret.checks import strip as drawn
from interpret.methods import in_words
from interpret.motif_change import MotifChange, Site
from interpret.pair_trust import PAIR_HOW
from interpret.wording import CHECKED, LOG_ODDS, digits_for, power, signed

_ASKED = "variant-checks-asked"
_SUPPORT = {"strong": "yes", "weak": "weakly", "none": "no", None: "not asked"}


def places() -> tuple[Any, Any]:
    """The places of the sentence and of the strip, kept while the answer is computed."""
    top, strip = st.empty(), st.empty()
    top.html(said("", ""))
    return top, strip


def thorough(question: VariantQuestion) -> bool:
    """Whether this visitor asked for the checks of this variant that take long."""
    return bool(st.session_state.get(_ASKED) == _key(question))


def show(found: VariantAnswer, top: Any, strip: Any, asker: Asker, palette: Palette) -> None:
    """Draws the answer."""
    top.html(said(*found.said, _below(found)))
    with strip.container(horizontal=True, vertical_alignment="center", key="trust"):
        st.html(chips(drawn(found.checks), PAIR_HOW), width="stretch")
        with st.popover("How?", type="tertiary"):
            _how(found)
    _letters(found, palette)
    if found.question.alone is None:
        variant_together.show(found, asker)
    with st.container(border=True):
        _table(found, asker)
    left, right = st.columns([0.44, 0.56])
    with left.container(border=True):
        _predictions(found)
    with right.container(border=True):
        _motifs(found)
    _others(found, asker)


def _below(found: VariantAnswer) -> str:
    """The quiet line: the percentile with its null, and where the variant does most."""
    rank = found.row.rank
    words = f"{rank.text[:1].upper()}{rank.text[1:].rstrip('.')}."
    if rank.flag:
        words += f" {rank.flag[:1].upper()}{rank.flag[1:]}."
    largest = found.rows[0]
    if largest.index != found.row.index:
        words += f" Of this model's tracks it does most to {largest.name}: {_amount(largest, found)} {largest.unit}."
    return words


def _how(found: VariantAnswer) -> None:
    unit = found.spec.tracks[found.spec.track_index(found.view.track)].unit
    words = ({unit.capitalize(): UNITS[unit]} if unit in UNITS else {}) | PAIR_HOW
    st.caption("Each chip is about both alleles and has the colour of the worse one.")
    for name, explained in words.items():
        st.markdown(f"**{text(name)}.** {text(explained, 700)}")
    if any(ASK in check.detail for check in found.checks):
        st.button(
            "Make the checks that were left out",
            key="variant-make-checks",
            on_click=lambda: st.session_state.update({_ASKED: _key(found.question)}),
        )


def _letters(found: VariantAnswer, palette: Palette) -> None:
    """Contributions of both alleles in register."""
    ref, alt = found.ref.attribution, found.alt.attribution
    if ref is None or alt is None:
        st.caption("This model reads too long a window for letters while you wait: open the Locus page to start a job.")
        return
    with st.container(border=True):
        st.markdown("**Letters of REF and ALT, in register**")
        with st.container(key="variant-letters"):
            st.image(alleles.letters_picture(ref, alt, found.question.variants, palette=palette))
        moved = float(alt.values.sum() - ref.values.sum())
        st.caption(
            text(
                f"Contributions to {found.view.track}, {ref.unit}, REF and ALT on one scale; dashes are bases that an allele "
                f"lacks, shaded columns differ. {found.spec.model_id}, {in_words(ref)}, strands {' and '.join(found.spec.strands)}. "
                f"In the one window centred on the variant, where letters differ by {_signed(moved, found)} in sum; the effect "
                f"above is over {found.spec.placements} windows.",
                900,
            )
        )


def _predictions(found: VariantAnswer) -> None:
    """Both predictions and their difference."""
    row, spec = found.row, found.spec
    if found.profiles is not None:
        pair = spec.strand_pair(spec.track_index(found.view.track))
        names = [spec.tracks[index].strand for index in pair]
        unit = spec.tracks[pair[0]].unit
        st.markdown(f"**{text(row.name)}, base by base**")
        st.plotly_chart(
            alleles.profile_figure(found.profiles, pair, names, found.question.variants, unit), key="variant-profile"
        )
        st.caption(
            f"Expected reads in the window centred on the variant, at bases that both alleles have. Change of shape within "
            f"{AROUND} bp: {row.divergence:.3f} (Jensen-Shannon distance, 0 to 1)."
        )
        return
    st.markdown(f"**{text(row.name)}, wherever the window lies**")
    track = spec.track_index(found.view.track)
    st.plotly_chart(alleles.sweep_figure(found.sweep, track, row.unit, spec.input_length), key="variant-sweep")
    st.caption(
        f"Each point is one {spec.input_length} bp window, both alleles starting at the same base. Shaded: where the "
        f"{spec.placements} windows of the effect lie. Pale blue: ± between networks."
    )


def _table(found: VariantAnswer, asker: Asker) -> None:
    """One row for each track, the percentile with its null, and the files."""
    st.markdown("**Every track**")
    digits = digits_for(min(track.sd for track in found.spec.tracks)) + 1
    columns = variant_record.table(found.rows)
    level, change = f"%.{digits}f", f"%+.{digits}f"
    shown = dict.fromkeys(("REF", "ALT", "± networks", "lowest window", "highest window"), level)
    numbers_table(columns, shown | {"effect": change, "percentile": "%.2f"}, key="variant-table")
    levels = [abs(level) for row in found.rows if row.unit == LOG_ODDS for level in (row.before, row.after)]
    beyond = f" Log odds beyond ±{CHECKED:.0f} are beyond what validation rows can check: only their order counts."
    of = "; ".join(variant_record.nulls(found.rows)).rstrip(".")
    st.caption(
        text(
            f"{found.spec.model_id}, mean of strands {' and '.join(found.spec.strands)}. {found.effect.rule} Both alleles start at "
            f"the same base. Sorted by size in standard deviations of each track. Percentiles: {of}."
            f"{beyond if levels and max(levels) > CHECKED else ''}",
            1_200,
        )
    )
    _files(found, asker)


def _files(found: VariantAnswer, asker: Asker) -> None:
    """The numbers and the picture to take away; each is made when it is asked for."""
    first = found.question.variants[0]
    stem = f"cislens_variant_{first.chrom}_{first.position}_{found.spec.name}"

    def everything() -> str:
        alone = found.question.alone is not None
        return variant_record.as_json(found, None if alone else compute_variant.haplotype_of(found.question, asker))

    made = {"csv": ("Table", lambda: variant_record.as_csv(found)), "json": ("Everything", everything)}
    with st.container(horizontal=True):
        for ending, (label, make) in made.items():
            st.download_button(
                f"{label} (.{ending})",
                make,
                f"{stem}.{ending}",
                key=f"variant-file-{ending}",
                on_click="ignore",
                type="tertiary",
            )
        ref, alt = found.ref.attribution, found.alt.attribution
        if ref is not None and alt is not None:
            st.download_button(
                "Letters (.svg)",
                lambda: alleles.letters_picture(ref, alt, found.question.variants),
                f"{stem}.svg",
                key="variant-file-svg",
                on_click="ignore",
                type="tertiary",
            )


def _motifs(found: VariantAnswer) -> None:
    """What the letters resemble in either allele, and which motif the bases alone make or break."""
    st.markdown("**Motif made or broken**")
    for allele, side in zip(("REF", "ALT"), found.elements, strict=True):
        told = "; ".join(
            f"resembles {element.name} (q = {power(element.q_value, 1)}, contributions {_signed(element.contribution, found)})"
            for element in side
        )
        st.markdown(f"Contributions over the variant, {allele}: {text(told, 500) or 'no element with a known name'}.")
    if not found.motifs:
        st.caption("No known motif is made, broken or moved by 1 bit or more by the letters themselves.")
        return
    lines = [_motif_line(change) for change in found.motifs[:8]]
    heads = ["Resembles", "", "REF", "ALT", "Bits", "Named by", "Used by the model"]
    with st.container(key="variant-motif-table"):
        st.markdown("\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *lines)))
    st.caption(text(motif_change.NOTE, 600))


def _motif_line(change: MotifChange) -> list[str]:
    also = f" (also {', '.join(change.relatives[:3])})" if change.relatives else ""
    q = change.best.q_value
    letters = "letters" if q is None else f"letters, q = {power(q)}"
    return [
        f"**{text(change.motif.name)}** {text(also)}",
        change.kind,
        text(_site(change.before)),
        text(_site(change.after)),
        text(signed(change.bits, 1) if change.bits < 0 else f"+{change.bits:.1f}"),
        "contributions" if change.named else text(letters),
        _SUPPORT[change.support],
    ]


def _site(site: Site | None) -> str:
    if site is None:
        return "does not fit"
    return f"{signed(site.score, 1)} (p {power(site.p_value)})"


def _others(found: VariantAnswer, asker: Asker) -> None:
    """The same variant on the other installed models, computed when it is opened."""
    shown = st.expander("The same variant on other models", on_change="rerun", key="variant-others")
    if not shown.open:
        return
    with shown:
        with st.spinner("Asking the other models…"):
            listed = compute_variant.on_other_models(found.question, asker)
        rows = [line for one in listed for line in _other_lines(one)]
        heads = ["Model", "Track", "Effect", "Networks", "Unit"]
        with st.container(key="variant-other-table"):
            st.markdown("\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)))
        for one in listed:
            if one.refusal:
                st.caption(f"{text(one.spec.name)}: {text(one.refusal, 400)}")
        st.caption("Numbers of different units or models are not comparable: compare the signs.")


def _other_lines(one: Elsewhere) -> list[list[str]]:
    lines = []
    for row in one.rows:
        digits = digits_for(one.spec.tracks[row.index].sd) + 1
        between = "" if row.spread is None else f" ± {row.spread:.{digits}f}"
        sign = "+" if row.delta > 0 else ""
        cells = (
            one.spec.name,
            row.name,
            f"{sign}{signed(row.delta, digits)}{between}",
            variant_record.direction(row),
            row.unit,
        )
        lines.append([text(cell) for cell in cells])
    return lines


def _amount(row: TrackEffect, found: VariantAnswer) -> str:
    digits = digits_for(found.spec.tracks[row.index].sd) + 1
    between = "" if row.spread is None else f" ± {row.spread:.{digits}f}"
    return f"{'+' if row.delta > 0 else ''}{signed(row.delta, digits)}{between}"


def _signed(value: float, found: VariantAnswer) -> str:
    digits = digits_for(found.spec.tracks[found.spec.track_index(found.view.track)].sd) + 1
    return f"{'+' if value > 0 else ''}{signed(value, digits)}"


def _key(question: VariantQuestion) -> Any:
    view = question.view
    return view.model, view.genome, view.edits, view.track, view.method, view.baseline, view.seed
