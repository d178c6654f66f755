"""Files of the effects of many variants, made when somebody asks for them."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app import compute_variants
from app.compute_variants import Batch

MOST_TEXT = 200_000  # alleles of a plain table: beyond it the packed files are offered
_FILES = (
    ("Table (.tsv)", "tsv", "text/tab-separated-values"),
    ("VCF (.vcf.gz)", "vcf.gz", "application/gzip"),
    ("Parquet (.parquet)", "parquet", "application/vnd.apache.parquet"),
)


def show(batch: Batch) -> None:
    """Offers every allele as a file; each is made when its button is pressed."""
    with st.container(horizontal=True, key="variants-files"):
        for label, ending, kind in _FILES:
            if ending == "tsv" and batch.known.count > MOST_TEXT:
                continue
            st.download_button(
                label,
                partial(compute_variants.file_of, batch, ending),
                f"cislens_{batch.spec.name}_{batch.known.genome}_{batch.known.upload[:8]}.{ending}",
                kind,
                key=f"variants-{ending}",
                on_click="ignore",
            )
    if batch.known.count > MOST_TEXT:
        st.caption(
            f"So many alleles are given packed; 'cislens variants' writes them as a table too (over {MOST_TEXT:,})."
        )
