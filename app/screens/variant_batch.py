"""Many variants on the page: given, understood, computed at once or as a job, and put in order."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import compute_variants
from app.compute_variants import Given
from app.screens import navigation, state, variant_results, variant_uploads
from app.settings import upload_bytes, upload_days
from app.view import PASTED
from app.widgets import problem, progress_in, text
from experiment import jobs, long_variants, upload_rows
from experiment.job_status import Job
from genome import catalog
from genome.errors import UserError
from models import registry
from models.core import ModelSpec

_EVERY_SECONDS, _DRAWN_EVERY_SECONDS = 2.0, 10.0  # progress costs nothing; plots take time from everybody else
_GIVEN, _TYPED = "variants-given", "variants-typed"
_SHOWN_PROBLEMS = 20
_EXAMPLE = "chr22\t19710933\t.\tC\tT"


def show() -> None:
    """Draws the form, what was understood, and what comes of it."""
    try:
        owner, days, most = variant_uploads.owner(), upload_days(), upload_bytes()
        spec, genome = _pickers()
    except UserError as error:
        problem(str(error))
        return
    _form(genome, owner, days, most)
    variant_uploads.show(owner, days, _open, expanded=_GIVEN not in st.session_state)
    digest = st.session_state.get(_GIVEN)
    if digest is None:
        return
    slot = st.empty()
    try:
        asker = replace(state.asker(), progress=progress_in(slot, "Reading the variants"))
        given = compute_variants.given(digest, genome, owner, asker)
        slot.empty()
        _understood(given)
        _answer(spec, given)
    except UserError as error:
        slot.empty()
        problem(str(error))


def _open(digest: str | None) -> None:
    """Looks at an upload, or at none."""
    if digest is None:
        st.session_state.pop(_GIVEN, None)
        return
    st.session_state[_GIVEN] = digest
    genome = upload_rows.last_genome(digest)
    if genome in {entry.name for entry in catalog.genomes() if entry.is_local}:
        st.session_state["variants-genome"] = genome


def _pickers() -> tuple[ModelSpec, str]:
    """Which model predicts, and which genome the variants belong to."""
    model, genome = st.columns(2)
    specs = registry.specs()
    names = [spec.model_id for spec in specs]
    view = state.looked_at()
    titles = {spec.model_id: spec.title for spec in specs}
    _remember("variants-model", view.model if view.model in names else names[0], names)
    chosen = model.selectbox("Model", names, format_func=titles.__getitem__, key="variants-model")
    entries = [entry for entry in catalog.genomes() if entry.is_local or state.remote_allowed()]
    places = {entry.name: entry.title for entry in entries}
    first = view.genome if view.genome != PASTED and view.genome in places else next(iter(places))
    _remember("variants-genome", first, list(places))
    picked = genome.selectbox(
        "Genome the variants belong to", list(places), format_func=places.__getitem__, key="variants-genome"
    )
    st.session_state["variants-chosen"] = {"variants-model": chosen, "variants-genome": picked}
    return registry.spec(str(chosen)), str(picked)


def _remember(key: str, first: str, known: list[str]) -> None:
    """Keeps a choice while another page is open: Streamlit forgets widgets that are not drawn."""
    if key not in st.session_state:
        kept = st.session_state.get("variants-chosen", {}).get(key, first)
        st.session_state[key] = kept if kept in known else first


def _form(genome: str, owner: str, days: float, most: int) -> None:
    if "variants-pasted" not in st.session_state:
        st.session_state["variants-pasted"] = st.session_state.get(_TYPED, "")
    with st.form("variants-form", border=False):
        left, right = st.columns(2)
        pasted = left.text_area(
            "Variants: VCF lines, or one a line as chr22:19710933 C>T",
            key="variants-pasted",
            height=150,
            placeholder=f"{_EXAMPLE}\nchr22:19710950 A>G",
        )
        upload = right.file_uploader(
            "or a file: VCF (.vcf, .vcf.gz) or a table with columns chrom, pos, ref, alt",
            key="variants-file",
            max_upload_size=max(1, most // 1_000_000),
        )
        pressed = st.form_submit_button("Read the variants", type="primary")
        st.caption(
            f"What you give stays on this server for {days:g} days, is seen by you alone, and can be deleted below. "
            "Up to 1,000,000 alleles."
        )
    st.session_state[_TYPED] = pasted
    if pressed:
        _take(genome, owner, pasted, upload)


def _take(genome: str, owner: str, pasted: str, upload) -> None:  # type: ignore[no-untyped-def]
    slot = st.empty()
    asker = replace(state.asker(), progress=progress_in(slot, "Reading the variants"))
    st.session_state.pop(_GIVEN, None)
    try:
        if upload is not None:
            upload.seek(0)
            given = compute_variants.take(upload, upload.name, genome, owner, asker)
        else:
            given = compute_variants.take_text(pasted, genome, owner, asker)
        st.session_state[_GIVEN] = given.upload.digest
    except UserError as error:
        problem(str(error))
    finally:
        slot.empty()


def _understood(given: Given) -> None:
    """What was made of the file, before anything is computed."""
    known = given.known
    left_out = known.count - known.ok
    others = f"; {left_out:,} without one" if left_out else ""
    st.markdown(
        f"**{text(compute_variants.printable(given.upload.name, 60))}** on {text(known.genome)}: {known.count:,} alleles "
        f"to line {known.lines:,}, {known.ok:,} whose effect can be computed ({known.snvs:,} of a single base){others}."
    )
    if known.doubt:
        st.warning(text(known.doubt, 400), icon=":material/info:")
    for sentence in known.remarks:
        st.caption(text(sentence, 400))
    if known.problems:
        label = f"{left_out:,} alleles have no effect: why, by line"
        tall = 200 if len(known.problems) > _SHOWN_PROBLEMS // 2 else "content"
        with st.expander(label, expanded=left_out <= _SHOWN_PROBLEMS), st.container(height=tall, border=False):
            shown = (
                f"- Line {line:,}: {text(compute_variants.printable(why, 300))}" for line, _, why in known.problems
            )
            st.markdown("\n".join(shown))
            if left_out > len(known.problems):
                st.caption(f"The first {len(known.problems):,}; the table below and its files have all of them.")
    with st.expander("The first rows, as they were understood"):
        st.dataframe(compute_variants.first_rows(known), hide_index=True, key="variants-first")


def _answer(spec: ModelSpec, given: Given) -> None:
    """Effects at once where that is quick, else as a job."""
    known, slot = given.known, st.empty()
    long_variants.check_size(spec, known.count)
    job = compute_variants.job_of(spec, known)
    if job is not None and (job.unfinished or job.status == "done"):
        _job(spec, given, job)
        return
    asker = replace(state.asker(), progress=progress_in(slot, "Computing the effects"))
    took = compute_variants.seconds(spec, known, asker)
    if took <= compute_variants.INLINE_SECONDS:
        batch = compute_variants.at_once(spec, known, asker)
        slot.empty()
        variant_results.show(batch)
        return
    slot.empty()
    said = compute_variants.expected(spec, known, took)
    st.caption(text(said))
    if job is not None:
        st.caption(text(job.said))
        if job.error:
            problem(job.error)
    label = "Go on with the computation" if job is not None and job.partial else "Compute the effects"
    if jobs.trouble():
        problem(jobs.trouble())
    elif st.button(label, type="primary", key="variants-start"):
        compute_variants.start(spec, known, said)
        st.rerun()
    if job is not None and job.partial:
        variant_results.overview(compute_variants.so_far(spec, known, job), moving=False)


def _job(spec: ModelSpec, given: Given, job: Job) -> None:
    if job.status == "done":
        variant_results.show(compute_variants.so_far(spec, given.known, job))
        return
    st.fragment(_running, run_every=_EVERY_SECONDS)(job.digest)
    st.caption("You may close the page: the work goes on, and your private link leads back to it.")
    st.fragment(_found_so_far, run_every=_DRAWN_EVERY_SECONDS)(spec, given, job.digest)


def _running(digest: str) -> None:
    """How far the job is."""
    try:
        job = jobs.job(digest)
        if not job.unfinished:
            st.rerun()
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(job.progress, text=text(job.said))
            if st.button("Cancel", key="variants-cancel"):
                jobs.cancel(digest)
                st.rerun()
            st.page_link(navigation.jobs_page(), label="All jobs", icon=":material/schedule:")
    except UserError as error:
        problem(str(error))


def _found_so_far(spec: ModelSpec, given: Given, digest: str) -> None:
    """What the job has found."""
    try:
        job = jobs.job(digest)
        if job.partial:
            variant_results.overview(compute_variants.so_far(spec, given.known, job), moving=job.unfinished)
        elif job.unfinished:
            st.caption("What is found is drawn here as it comes.")
    except UserError as error:
        problem(str(error))
