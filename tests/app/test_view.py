"""A link carries a view whole, and nothing else comes out of one."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.view import MAX_LOCUS, PANELS, PASTED, REDUCTIONS, Beside, View, from_query, is_link
from genome.errors import UserError
from genome.locus import Locus, Variant
from interpret.methods import METHODS

alleles = st.text("ACGTN", max_size=12)


@st.composite
def views(draw):
    chrom = draw(st.sampled_from(["chr22", "sb1", "XVI", "chrUn_GL000220v1", "HLA-A*01"]))
    start = draw(st.integers(-500, 250_000_000))
    locus = Locus(chrom, start, start + draw(st.integers(1, MAX_LOCUS)))
    edits = draw(
        st.lists(st.tuples(st.integers(1, 10**9), alleles, alleles).filter(lambda e: e[1] != e[2]), max_size=6)
    )
    pasted = draw(st.sampled_from(["", "bases", "stored"]))
    method = draw(st.sampled_from(list(METHODS)))
    return View(
        model=f"tf-binding-{draw(st.from_regex(r'[0-9a-f]{12}', fullmatch=True))}",
        genome=PASTED if pasted else draw(st.sampled_from(["hg38", "sandbox", "sacCer3"])),
        contig=draw(st.sampled_from(["", "0123456789ab"])),
        locus=locus,
        track=draw(st.sampled_from(["CTCF binding", "PU.1 binding", "counts (log)", "K562: DNase + x"])),
        edits=tuple(Variant(chrom, *edit) for edit in edits),
        method=method,
        baseline=draw(st.sampled_from(METHODS[method].baselines)),
        seed=draw(st.integers(0, 2**31 - 1)),
        bases=draw(st.text("ACGTN", min_size=1, max_size=2000)) if pasted == "bases" else "",
        stored="ab" * 20 if pasted == "stored" else "",
        reduce=draw(st.sampled_from(list(REDUCTIONS))),
        beside=draw(st.sampled_from([None, Beside("simple-0123456789ab", "K562: DNase + x"), Beside("m", "t")])),
        panel=draw(st.sampled_from(list(PANELS))),
    )


@settings(max_examples=500, deadline=None)
@given(views())
def test_a_view_survives_its_link(view):
    link = view.link("http://localhost:8501/")
    query = dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
    assert from_query(query) == view
    assert is_link(query)


@given(views(), st.sampled_from(list(METHODS)))
def test_another_method_keeps_the_reference_it_knows(view, method):
    changed = view.with_method(method)
    assert changed.baseline in METHODS[method].baselines
    assert changed.baseline == view.baseline or view.baseline not in METHODS[method].baselines


GOOD = View("tf-binding-0123456789ab", "hg19", Locus("chr22", 99, 200), "CTCF binding").to_query()
SCRIPT = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


@pytest.mark.parametrize("key", [*GOOD, "contig", "edits", "bases", "stored", "beside"])
@pytest.mark.parametrize("text", [SCRIPT, "", "../../etc/passwd", "\x00", "9" * 5000, "é"])
def test_what_is_not_a_name_is_refused_in_one_sentence(key, text):
    if text == "" and key in ("contig", "edits", "bases", "stored", "beside"):
        assert from_query({**GOOD, key: text}) == from_query(GOOD)
        return
    with pytest.raises(UserError) as refusal:
        from_query({**GOOD, key: text})
    assert "<" not in str(refusal.value)
    assert len(str(refusal.value)) < 200
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("key", [key for key in GOOD if key not in ("v", "reduce", "panel")])
def test_a_link_that_is_cut_short_says_what_it_lacks(key):
    with pytest.raises(UserError, match=key):
        from_query({k: v for k, v in GOOD.items() if k != key})


def test_a_link_of_another_version_is_refused():
    with pytest.raises(UserError, match="version"):
        from_query({**GOOD, "v": "99"})


def test_a_small_text_cannot_unfold_to_gigabytes():
    import base64
    import zlib

    bomb = base64.urlsafe_b64encode(zlib.compress(b"A" * 50_000_000, 9)).decode()
    with pytest.raises(UserError, match="damaged"):
        from_query({**GOOD, "genome": PASTED, "bases": bomb})


def test_too_long_a_locus_is_refused_with_the_limit():
    with pytest.raises(UserError, match="1,000,000"):
        from_query({**GOOD, "locus": "chr22:1-50000000"})


def test_a_link_is_written_in_full_even_where_it_says_the_default():
    assert {"baseline", "seed", "method", "track", "model"} <= set(GOOD)


def test_edits_can_be_added_and_undone():
    view = from_query(GOOD)
    edit = Variant("chr22", 120, "A", "T")
    assert view.with_edit(edit).edits == (edit,)
    assert view.with_edit(edit).without_edit(edit) == view


def test_links_older_than_profiles_and_comparisons_still_open():
    old = {key: value for key, value in GOOD.items() if key != "reduce"}
    assert from_query(old) == from_query(GOOD)
    assert from_query(old).reduce == "mean"
    assert from_query(old).beside is None


@pytest.mark.parametrize("text", ["tf-binding-0123456789ab", "|CTCF binding", "a|", "a|b|c", "a b|c", SCRIPT + "|x"])
def test_what_is_not_a_model_and_a_track_is_never_drawn_beside(text):
    with pytest.raises(UserError, match="beside"):
        from_query({**GOOD, "beside": text})


def test_a_link_that_was_made_before_panels_could_be_opened_is_read():
    view = View("tf-binding-0123456789ab", "hg19", Locus("chr22", 99, 200), "CTCF binding", panel="mutagenesis")
    older = {key: value for key, value in view.to_query().items() if key != "panel"}
    assert from_query(older).panel == "edit"
    assert from_query(view.to_query()).panel == "mutagenesis"
