"""People's own tracks."""

from __future__ import annotations

import gzip
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome.errors import UserError
from genome.intervals import MAX_BINS, MAX_UPLOAD, parse_intervals, read_intervals
from genome.locus import Locus

BED = b"track name=x\nchr1\t10\t20\tpeak <b>1</b>\t5\t+\n#c\nchr1\t15\t40\tb\n\nchr2\t1\t2\nchr1\t5\t9\n"
HERE = Locus("chr1", 9, 16)


@pytest.mark.parametrize("data", [BED, gzip.compress(BED, mtime=0), BED.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + BED])
def test_the_features_of_a_bed_that_share_a_base_with_the_locus_are_found(data):
    found = read_intervals("my.bed", data, HERE)
    assert not found.is_signal
    assert [(f.start, f.end, f.name, f.value, f.strand) for f in found] == [
        (10, 20, "peak <b>1</b>", 5.0, "+"), (15, 40, "b", None, "."),
    ]  # fmt: skip
    assert len(read_intervals("my.bed", data, Locus("1", 0, 100))) == 3
    assert len(read_intervals("my.bed", data, Locus("chr7", 0, 100))) == 0


def test_a_narrowpeak_carries_its_signal():
    found = read_intervals("p.narrowPeak.gz", gzip.compress(b"chr1\t10\t20\tp\t7\t.\t2.5\t1\t1\t4\n"), HERE)
    assert found.values.tolist() == [2.5]
    assert not found.is_signal


@pytest.mark.parametrize(
    ("name", "head"), [("s.bedGraph", b""), ("s.bdg.gz", b""), ("s.txt", b"track type=bedGraph\n")]
)
def test_a_bedgraph_is_a_signal(name, head):
    found = read_intervals(name, head + b"chr1 0 10 1.5\nchr1 10 20 -2e0\nchr1 20 30 9\n", HERE)
    assert found.is_signal
    assert found.starts.tolist() == [0, 10]
    assert found.ends.tolist() == [10, 20]
    assert found.values.tolist() == [1.5, -2.0]


rows = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 50)), min_size=1, max_size=20)


@given(rows, st.integers(0, 120), st.integers(1, 40))
def test_nothing_outside_is_given_and_nothing_inside_is_left_out(places, start, length):
    data = "".join(f"chr1\t{s}\t{s + n}\n" for s, n in places).encode()
    found = read_intervals("r.bed", data, Locus("chr1", start, start + length))
    assert [(f.start, f.end) for f in found] == sorted(
        (s, s + n) for s, n in places if s < start + length and s + n > start
    )


def bigwig(path, values, length):
    import pybigtools

    pybigtools.open(str(path), "w").write({"chr1": length, "chr2": 500}, values)
    return path.read_bytes()


def test_a_bigwig_gives_its_values_inside_the_locus(tmp_path):
    data = bigwig(tmp_path / "x.bw", [("chr1", 0, 10, 1.0), ("chr1", 10, 20, 2.0), ("chr1", 50, 60, 3.0)], 1_000)
    found = read_intervals("x.bw", data, HERE)
    assert found.is_signal
    assert [(f.start, f.end, f.value) for f in found] in ([(9, 10, 1.0), (10, 16, 2.0)], [(0, 10, 1.0), (10, 20, 2.0)])
    assert len(read_intervals("x.bw", data, Locus("chr1", -50, 5_000))) == 3
    assert len(read_intervals("x.bw", data, Locus("chr2", 0, 50))) == 0
    assert len(read_intervals("x.bw", data, Locus("chr9", 0, 50))) == 0
    assert len(read_intervals("x.bw", data, Locus("1", 0, 15))) == 2


def test_a_dense_bigwig_is_averaged_and_keeps_its_mean(tmp_path):
    n = 3 * MAX_BINS
    values = np.arange(n, dtype=np.float64) % 7
    data = bigwig(tmp_path / "x.bw", [("chr1", i, i + 1, float(v)) for i, v in enumerate(values)], n)
    found = read_intervals("x.bw", data, Locus("chr1", 0, n))
    assert len(found) == MAX_BINS
    np.testing.assert_allclose(found.values, values.reshape(-1, 3).mean(axis=1), rtol=1e-6)
    assert found.starts[1] == found.ends[0] == 3


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.bed", b"", "empty"),
        ("a.bed", b"chr1\t10\t20\nchr1\t30\n", "Line 2"),
        ("a.bed", b"chr1\t10\t20\nchr1\tten\t20\n", "Line 2"),
        ("a.bed", b"chr1\t20\t10\n", "Line 1"),
        ("a.bed", b"chr1\t-5\t10\n", "Line 1"),
        ("a.bed", b"chr1\t5\t99999999999999999999999\n", "Line 1"),
        ("a.bedgraph", b"chr1\t1\t2\tnan\n", "Line 1"),
        ("a.bedgraph", b"chr1\t1\t2\n", "4"),
        ("a.bed", b"#nothing\n", "no intervals"),
        ("a.bed", pickle.dumps({"a": 1}), "not a text file|not an interval|Line 1"),
        ("a.bed", b"\x80\x04\x95garbage\xff\xfe", "not a text file"),
        ("a.bed", b"chr1\t1\t2\x00\n", "not a text file"),
        ("a.bed.gz", gzip.compress(BED * 50, mtime=0)[:-30], "cut short"),
        ("a.bw", b"\x26\xfc\x8f\x88" + b"\0" * 60, "cut short|no intervals"),
        ("a.bb", b"\xeb\xf2\x89\x87" + b"\0" * 60, "bigBed"),
        ("<script>.bed", b"x", "Line 1"),
    ],
)  # fmt: skip
def test_what_is_no_track_is_refused_in_one_sentence(name, data, said):
    with pytest.raises(UserError, match=said):
        parse_intervals(name, data)


def test_half_a_bigwig_is_refused(tmp_path):
    data = bigwig(tmp_path / "x.bw", [("chr1", i, i + 1, float(i)) for i in range(900)], 1_000)
    for cut in (70, len(data) // 2, len(data) - 400):
        with pytest.raises(UserError, match="cut short"):
            read_intervals("x.bw", data[:cut], Locus("chr1", 0, 900))


def test_an_upload_over_the_limit_is_refused():
    with pytest.raises(UserError, match="at most 50 MB"):
        parse_intervals("a.bed", b"\0" * (MAX_UPLOAD + 1))


def test_a_gzip_bomb_is_refused():
    with pytest.raises(UserError, match="unpacks to more"):
        parse_intervals("a.bed.gz", gzip.compress(b"\n" * (401 << 20), compresslevel=1))


@pytest.mark.data
def test_published_peaks_are_read(data):
    path = data / "tracks/K562_DNase_peaks.hg19_demo.narrowPeak.gz"
    track = parse_intervals(path.name, path.read_bytes())
    assert len(track.inside(Locus("chr22", 0, 51_304_566))) == 2_271
