"""Several variants on one chromosome copy: what they do together, the sum of what each does, and the difference."""

from __future__ import annotations

import streamlit as st

from app import compute_variant, variant_record
from app.compute import Asker
from app.compute_variant import VariantAnswer
from app.widgets import numbers_table, problem, progress_in, text
from genome.errors import UserError
from interpret.wording import digits_for


def show(found: VariantAnswer, asker: Asker) -> None:
    """Draws the table of the looked-at track: each variant, their sum, together, and what is beyond the sum."""
    slot = st.empty()
    waiting = Asker(asker.session, asker.remote_allowed, progress_in(slot, "Asking about each variant"))
    try:
        haplotype = compute_variant.haplotype_of(found.question, waiting)
    except UserError as error:
        problem(str(error))
        return
    finally:
        slot.empty()
    index = found.row.index
    with st.container(border=True):
        st.markdown(f"**Together and alone: {text(found.row.name)}**")
        columns = variant_record.together(haplotype, index)
        digits = digits_for(found.spec.tracks[index].sd) + 1
        shown = dict.fromkeys(("effect", "lowest window", "highest window"), f"%+.{digits}f")
        numbers_table(columns, shown | {"± networks": f"%.{digits}f"}, key="variant-together")
        st.caption(
            text(
                f"{found.row.formula}; all read in the same windows. {haplotype.together.rule} The difference is together minus the "
                "sum: 0 where the variants act independently on this scale.",
                600,
            )
        )
        st.warning(text(haplotype.warning, 600), icon=":material/warning:")
