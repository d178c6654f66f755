"""``cislens variants``: every allele once in every form, exact on a model known on paper, and on after a kill."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pysam
import pytest
from pyarrow import parquet
from safetensors.numpy import load_file

from app import cli, variants_cli, variants_run
from app.variant_table import FIELDS, VALUES, table_of
from genome.errors import UserError
from genome.source import MemoryGenome
from genome.variant_files import read_variants
from interpret import variants as scoring
from models import registry
from tests.app.toy_folders import PATHS, write_cells
from tests.genome.test_variant_files import ZOO

ROOT = Path(__file__).parents[2]
TITLE = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
_random = random.Random(2)
BASES = "".join(_random.choice("ACGT") for _ in range(20_000))
BASES = BASES[:1_000] + "GCACACACAT" + BASES[1_010:5_000] + "N" * 100 + BASES[5_100:]
CELLS = ("WTC11", "HepG2", "K562")


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model of one weight per base, and a small genome called hg19."""
    write_cells(tmp_path / "models")
    (tmp_path / "hg19.fa").write_text(f">chr22\n{BASES}\n")
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("CISLENS_ARCHITECTURES", PATHS)
    monkeypatch.setenv("CISLENS_GENOME_HG19", str(tmp_path / "hg19.fa"))
    return tmp_path


def other(letter: str) -> str:
    return "ACGT"[("ACGT".index(letter) + 1) % 4]


def line(position: int, ref: str = "", alt: str = "", *, info: str = ".") -> str:
    ref = ref or BASES[position - 1]
    return f"chr22\t{position}\trs{position}\t{ref}\t{alt or other(ref[0])}\t50\tPASS\t{info}\n"


def vcf(folder: Path, *lines: str, head: str = "##fileformat=VCFv4.2\n") -> Path:
    path = folder / "in.vcf"
    path.write_text(f"{head}{TITLE}\n{''.join(lines)}")
    return path


def called(capsys, source: Path, out: Path, *more: str, model: str = "cells") -> tuple[int, str]:
    """Exit code, and standard error."""
    words = ["variants", str(source), "--model", model, "--genome", "hg19", "--out", str(out), *more]
    code = cli.main(words)
    printed, err = capsys.readouterr()
    assert printed == ""
    assert "Traceback" not in err
    return code, err


def table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The ``#`` lines and the rows by column."""
    lines = path.read_text().splitlines()
    about = [text for text in lines if text.startswith("#")]
    header, *rows = lines[len(about) :]
    return about, [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rows]


def weights(folder: Path) -> np.ndarray:
    """(members, tracks, bases)."""
    return np.stack([load_file(folder / "models" / "cells" / f"member-{m}.safetensors")["weight"] for m in (0, 1)])


def test_the_effect_of_a_substitution_is_the_difference_of_two_weights(toy: Path, capsys):
    places = [1_500, 1_600, 1, 20_000]
    source = vcf(toy, *(line(p) for p in places), line(1_700, alt=BASES[1_699]))
    code, err = called(capsys, source, toy / "out.tsv")
    assert code == 0
    about, rows = table(toy / "out.tsv")
    assert "3 of 5 alleles scored." in err  # beside either end of the chromosome more than a tenth is N
    w = weights(toy)
    for row, place in zip(rows[:2], places, strict=False):
        ref, alt = ("ACGT".index(base) for base in (row["ref"], row["alt"]))
        for track, cell in enumerate(CELLS):
            by_member = w[:, track, alt] - w[:, track, ref]
            assert float(row[f"{cell} activity:effect"]) == pytest.approx(by_member.mean(), abs=1e-5)
            assert float(row[f"{cell} activity:sd"]) == pytest.approx(by_member.std(ddof=1), abs=1e-5)
            assert row[f"{cell} activity:agree"] == ("yes" if (by_member > 0).all() or (by_member < 0).all() else "no")
        assert row["variant"] == f"chr22:{place:,} {row['ref']}>{row['alt']}"
    assert [row["status"] for row in rows] == ["ok", "ok", "N", "N", "ok"]
    assert {rows[2][f"{cell} activity:{value}"] for cell in CELLS for value in VALUES} == {""}
    assert {rows[4][f"{cell} activity:effect"] for cell in CELLS} == {"0"}
    assert list(rows[0])[:6] == ["chrom", "pos", "id", "ref", "alt", "status"]
    assert list(rows[0]) == [*FIELDS, *(f"{cell} activity:{value}" for cell in CELLS for value in VALUES)]
    said = "\n".join(about)
    for words in (
        registry.spec("cells").model_id,
        "Genome hg19 (GRCh37), digest ",
        "5 placements",
        "research use only",
    ):
        assert words in said
    assert "WTC11 activity: effect = ALT - REF, in log2(RNA/DNA)." in said
    assert "HepG2 activity: no percentile: cells has no background for hg19." in said


def test_the_whole_zoo_is_written_in_every_form_and_nothing_is_lost(toy: Path, capsys):
    good = line(1_500)
    source = vcf(toy, good, *(bad for bad, _, _ in ZOO), line(1_600))
    expected = list(read_variants(source, MemoryGenome("hg19", {"chr22": BASES}, build="GRCh37")))
    assert len(expected) == len(ZOO) + 2
    outs = [toy / f"out.{ending}" for ending in ("tsv", "parquet", "vcf.gz")]
    for out in outs:
        code, err = called(capsys, source, out)
        assert code == variants_cli.NOT_UNDERSTOOD
        assert "not scored (not a variant): lines 6, 7" in err
    rows = table(outs[0])[1]
    assert [row["line"] for row in rows] == [str(row.line) for row in expected]
    assert [row["status"] for row in rows] == [row.status for row in expected]
    assert all(bool(row["reason"]) == (row["status"] != "ok") for row in rows)
    found = parquet.read_table(outs[1])
    assert found.column("status").to_pylist() == [row.status for row in expected]
    assert found.schema.metadata[b"cislens"].decode().startswith("Cislens ")
    effects = [float(row["K562 activity:effect"] or "nan") for row in rows]
    kept = [np.nan if v is None else v for v in found.column("K562 activity:effect").to_pylist()]
    np.testing.assert_allclose(kept, effects, rtol=1e-5)
    with gzip.open(outs[2], "rt") as file:
        written = file.read().splitlines()
    told = [text for text in written if text.startswith("##cislens_unread=")]
    lines = [text for text in written if not text.startswith("#")]
    assert len(told) + len(lines) == len(ZOO) + 2
    assert [text.split("\t")[0] for text in lines if "CISLENS_STATUS=ok" in text] == ["chr22", "chr22"]
    read = list(pysam.VariantFile(str(outs[2])))  # what another program makes of it
    assert len(read) == len(lines)
    assert read[0].info["CISLENS_STATUS"] == ("ok",)
    assert read[0].info["CISLENS_K562_activity_EFFECT"][0] == pytest.approx(effects[0], rel=1e-4)


def test_a_vcf_keeps_its_header_and_lines_and_can_be_indexed(toy: Path, capsys):
    head = "##fileformat=VCFv4.1\n##source=me\n##contig=<ID=chr22,length=20000>\n"
    head += (
        '##INFO=<ID=AF,Number=A,Type=Float,Description="x">\n##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    )
    source = toy / "in.vcf"
    alts = f"{other(BASES[1_499])},<DEL>,{BASES[1_499]}GG"
    lines = [line(1_400), line(1_500, alt=alts, info="AF=0.1,0.2,0.3"), line(1_600, info="AF=0.5")]
    body = "".join(text.rstrip("\n") + "\tGT\t0|1\n" for text in lines)
    source.write_text(f"{head}{TITLE}\tFORMAT\tmine\n{body}")
    (toy / "in.vcf.gz").write_bytes(gzip.compress(source.read_bytes()))
    out = toy / "out.vcf.gz"
    assert called(capsys, toy / "in.vcf.gz", out)[0] == 0
    pysam.tabix_index(str(out), preset="vcf")
    file = pysam.VariantFile(str(out))
    assert [record.pos for record in file.fetch("chr22", 1_450, 1_550)] == [1_500]
    (record,) = file.fetch("chr22", 1_450, 1_550)
    assert record.info["AF"] == pytest.approx((0.1, 0.2, 0.3))
    assert record.samples["mine"]["GT"] == (0, 1)
    assert record.info["CISLENS_STATUS"] == ("ok", "symbolic_allele", "ok")
    effect = record.info["CISLENS_WTC11_activity_EFFECT"]
    assert (effect[1], len(effect)) == (None, 3)
    written = gzip.decompress(out.read_bytes()).decode().splitlines()
    kept = [text for text in written if "CISLENS" not in text and "cislens" not in text]
    assert kept == [*head.splitlines(), f"{TITLE}\tFORMAT\tmine"]
    ours = [text.split("\t") for text in written if not text.startswith("#")]
    for text, fields in zip(body.splitlines(), ours, strict=True):
        assert fields[:7] == text.split("\t")[:7]
        assert fields[8:] == text.split("\t")[8:]
    again = toy / "again.vcf.gz"
    assert called(capsys, out, again)[0] == 0
    assert gzip.decompress(again.read_bytes()) == gzip.decompress(out.read_bytes())  # our own fields are replaced
    assert called(capsys, out, toy / "part.tsv", "--region", "22:1,450-1,550", "chr22:1600")[0] == 0
    assert [row["pos"] for row in table(toy / "part.tsv")[1]] == ["1500"] * 3 + ["1600"]


def test_a_list_becomes_a_vcf_with_bases_before_insertions_and_deletions(toy: Path, capsys):
    (toy / "list.txt").write_text(f"chr22:1,500 {BASES[1_499]}>-\nchr22:1600 ->GG\nrubbish\n22-1700-{BASES[1_699]}-N\n")
    out = toy / "out.vcf.gz"
    assert called(capsys, toy / "list.txt", out)[0] == variants_cli.NOT_UNDERSTOOD
    records = list(pysam.VariantFile(str(out)))
    assert len(records) == 3
    for record in records[:2]:
        assert BASES[record.pos - 1 : record.pos - 1 + len(record.ref)] == record.ref
        assert record.ref[0] == record.alts[0][0]
    assert records[2].info["CISLENS_STATUS"] == ("N",)
    unread = next(text for text in gzip.decompress(out.read_bytes()).decode().splitlines() if "cislens_unread" in text)
    assert "Line=3" in unread


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_a_gzip_that_is_cut_short_is_scored_as_far_as_it_goes_and_said(toy: Path, capsys, cut):
    whole = gzip.compress(vcf(toy, *(line(1_100 + i) for i in range(900))).read_bytes())
    (toy / "cut.vcf.gz").write_bytes(whole[: int(cut * len(whole))])
    code, err = called(capsys, toy / "cut.vcf.gz", toy / "out.vcf.gz")
    assert code == variants_cli.NOT_UNDERSTOOD
    assert "cut short" in err
    assert len(list(pysam.VariantFile(str(toy / "out.vcf.gz")))) > 100


def test_a_file_of_another_build_is_said_to_look_like_one(toy: Path, capsys):
    source = vcf(toy, *(line(p, ref=other(BASES[p - 1])) for p in range(1_500, 1_520)))
    code, err = called(capsys, source, toy / "out.tsv")
    assert code == 0
    assert "Most REF alleles (20 of 20) are not what hg19 has" in err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"out": "out.txt"}, "should end in"),
        ({"out": "no/such/out.tsv"}, "does not exist"),
        ({"out": "in.vcf.gz"}, "written over the variants"),
        ({"source": "missing.vcf"}, "cannot be read"),
        ({"model": "nothing"}, "nothing"),
        ({"more": ("--region", "chr22:1-100")}, "has no index"),
        ({"more": ("--region", "rubbish")}, "is not a locus"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence_with_code_1(toy: Path, capsys, change, words):
    vcf(toy, line(1_500)).rename(toy / "in.vcf.gz")
    source, out = toy / change.get("source", "in.vcf.gz"), toy / change.get("out", "out.tsv")
    code, err = called(capsys, source, out, *change.get("more", ()), model=change.get("model", "cells"))
    assert code == 1
    assert words in err
    assert err.count("\n") == 1
    assert not list(toy.glob("*.parts"))


def test_wrong_options_are_code_2(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["variants", "in.vcf"])
    assert stop.value.code == 2
    assert "--model" in capsys.readouterr().err


def started(toy: Path, source: Path, out: Path) -> subprocess.Popen[str]:
    words = ["-m", "app.cli", "variants", str(source), "--model", "cells", "--genome", "hg19", "--out", str(out)]
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, env=dict(os.environ), stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("ending", ["tsv", "vcf.gz"])
def test_killed_halfway_the_same_command_goes_on_and_gives_the_identical_file(toy: Path, capsys, monkeypatch, ending):
    texts = [line(1_100 + i % 3_000, alt=f"{other(BASES[1_099 + i % 3_000])},<DEL>") for i in range(5_000)]
    source = vcf(toy, *texts)
    whole, resumed = toy / f"whole.{ending}", toy / f"resumed.{ending}"
    parts = variants_run.Run(None, resumed, None).folder
    process = started(toy, source, resumed)
    end = time.monotonic() + 100
    while not (parts / "000003.npz").is_file():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not resumed.exists()
    done = len(list(parts.glob("*.npz")))
    assert 4 <= done < 10
    asked: list[int] = []
    score = scoring.score

    def counting(run, spec, genome, chunks, **named):
        return score(run, spec, genome, (asked.append(len(chunk)) or chunk for chunk in chunks), **named)

    monkeypatch.setattr(scoring, "score", counting)
    code, err = called(capsys, source, resumed)
    assert code == 0
    assert f"{done * 1_024:,} alleles are done already." in err
    assert sum(asked) == 10_000 - done * 1_024  # nothing is computed twice
    assert "5,000 of 10,000 alleles scored." in err
    assert not parts.exists()
    assert called(capsys, source, whole)[0] == 0
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_stop_keeps_what_is_done_and_says_how_to_go_on(toy: Path, capsys, monkeypatch):
    source = vcf(toy, *(line(1_100 + i % 3_000) for i in range(3_000)))
    score = scoring.score

    def stopped(*given, **named):
        yield next(score(*given, **named))
        raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "score", stopped)
    out = toy / "out.tsv"
    code, err = called(capsys, source, out)
    assert code == 130
    assert "the same command goes on" in err
    assert sorted(path.name for path in (toy / "out.tsv.parts").glob("*.npz")) == ["000000.npz"]
    monkeypatch.setattr(scoring, "score", score)
    source.write_text(source.read_text() + line(1_100))
    code, err = called(capsys, source, out)  # the input has changed since
    assert code == 1
    assert "another run (input differ" in err
    assert not out.exists()


def test_two_runs_into_one_file_do_not_mix(toy: Path, capsys, monkeypatch):
    source = vcf(toy, *(line(1_100 + i) for i in range(10)))
    score = scoring.score

    def meanwhile(*given, **named):
        monkeypatch.setattr(scoring, "score", score)
        assert (
            cli.main(["variants", str(source), "--model", "cells", "--genome", "hg19", "--out", str(toy / "out.tsv")])
            == 1
        )
        yield from score(*given, **named)

    monkeypatch.setattr(scoring, "score", meanwhile)
    code, err = called(capsys, source, toy / "out.tsv")
    assert code == 0
    assert "is being written by another cislens" in err


def test_a_damaged_part_is_refused(toy: Path, capsys, monkeypatch):
    source = vcf(toy, *(line(1_100 + i) for i in range(10)))
    out = toy / "out.tsv"
    monkeypatch.setattr(variants_run, "_write", lambda *_: (_ for _ in ()).throw(UserError("The disk is full.")))
    assert called(capsys, source, out)[0] == 1
    monkeypatch.undo()
    monkeypatch.setenv("CISLENS_MODELS", str(toy / "models"))
    monkeypatch.setenv("CISLENS_ARCHITECTURES", PATHS)
    monkeypatch.setenv("CISLENS_GENOME_HG19", str(toy / "hg19.fa"))
    (toy / "out.tsv.parts" / "000000.npz").write_bytes(b"nothing")
    code, err = called(capsys, source, out)
    assert code == 1
    assert "000000.npz is damaged; delete it" in err
    (toy / "out.tsv.parts" / "000000.npz").unlink()
    assert called(capsys, source, out)[0] == 0
    assert len(table(out)[1]) == 10


def test_a_vcf_that_changes_while_it_is_written_is_not_mixed_up(toy: Path, capsys, monkeypatch):
    source = vcf(toy, *(line(1_100 + i) for i in range(10)))
    score = scoring.score

    def meanwhile(*given, **named):
        yield from score(*given, **named)
        source.write_text(source.read_text().replace("chr22\t1105", "#"))

    monkeypatch.setattr(scoring, "score", meanwhile)
    code, err = called(capsys, source, toy / "out.vcf.gz")
    assert code == 1
    assert "has changed since it was scored" in err


def test_a_full_disk_is_said_and_nothing_is_lost(toy: Path, capsys, monkeypatch):
    source, out = vcf(toy, *(line(1_100 + i % 3_000) for i in range(2_000))), toy / "out.tsv"
    keep = variants_run.write_arrays

    def full(path, arrays):
        if path.name != "000000.npz":
            raise OSError(28, "No space left on device")
        keep(path, arrays)

    monkeypatch.setattr(variants_run, "write_arrays", full)
    code, err = called(capsys, source, out)
    assert code == 1
    assert "No space left on device" in err
    monkeypatch.setattr(variants_run, "write_arrays", keep)
    code, err = called(capsys, source, out)
    assert code == 0
    assert "1,024 alleles are done already" in err


def test_percentiles_are_those_of_the_named_null_and_where_there_is_none_the_reason_is_said():
    spec = registry.spec("simple")
    rows = tuple(
        read_variants("chr22:1500 A>C\nchr22:1501 A>C\n", MemoryGenome("hg19", {"chr22": "A" * 9_000}, build="x"))
    )
    delta = np.array([[0.5, -0.01], [np.nan, np.nan]], np.float32)
    effects = scoring.VariantEffects(rows, *[delta] * 6, signs_agree=np.isfinite(delta))
    real = table_of(spec, MemoryGenome("hg19", {"chr22": "A" * 9_000}, build="GRCh37"))
    found = real.percentiles(effects)
    for index, track in enumerate(spec.tracks):
        rank = real.null.rank_effect(track.name, float(delta[0, index]), synthetic=False)
        assert found[0, index] == pytest.approx(100 * rank.percentile, abs=0.1)
        assert any(text.startswith(f"{track.name}: percentile") and "K562" in text for text in real.about)
    assert np.isnan(found[1]).all()
    none = table_of(spec, MemoryGenome("made up", {"chr22": "A" * 9_000}, build="x", synthetic=True))
    assert np.isnan(none.percentiles(effects)).all() == (none.null is None or not none.null.about.synthetic)
    assert any("percentile" in text for text in none.about)


def test_the_manifest_names_what_decides_the_parts(toy: Path, capsys, monkeypatch):
    source = vcf(toy, line(1_500))
    monkeypatch.setattr(variants_run, "_write", lambda *_: (_ for _ in ()).throw(UserError("The disk is full.")))
    called(capsys, source, toy / "out.tsv")
    kept = json.loads((toy / "out.tsv.parts" / "manifest.json").read_text())
    assert kept["model"] == registry.spec("cells").model_id
    assert set(kept) >= {"input", "model", "genome", "version", "chunk", "regions"}
