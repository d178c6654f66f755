"""The store: what is added is there once, whole, and as it was given; its tables are those of every database."""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from experiment import store_database, store_tables
from experiment.store import Store, close_store, open_store
from genome.errors import UserError
from tests.experiment import store_records as records

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "")  # of an empty database that the tests may fill and empty


@pytest.fixture(params=["sqlite", *(["postgresql"] if POSTGRES else [])])
def kept(request, own_home, monkeypatch):
    """An empty store."""
    if request.param == "postgresql":
        monkeypatch.setenv("CISLENS_STORE", POSTGRES)
        engine = sqlalchemy.create_engine(POSTGRES)
        with engine.begin() as connection:
            store_tables.METADATA.drop_all(connection)
            connection.exec_driver_sql("drop table if exists alembic_version")
        engine.dispose()
    yield open_store()
    close_store()


def test_the_store_of_a_process_is_one(kept):
    assert open_store() is kept


def test_projects_have_names_of_their_own(kept):
    first = kept.add_project("  Enhancer\n1 ", "what it is about")
    assert kept.add_project("Enhancer 1") == first
    second = kept.add_project("Enhancer 2")
    assert [(one.id, one.name, one.words) for one in kept.projects()] == [
        (second, "Enhancer 2", ""),
        (first, "Enhancer 1", "what it is about"),
    ]


@pytest.mark.parametrize("name", ["", " \n", "x" * 201])
def test_a_project_without_a_usable_name_is_refused(kept, name):
    with pytest.raises(UserError, match="1 to 200 characters"):
        kept.add_project(name)


def test_records_come_back_as_they_were_given(kept):
    project, other = kept.add_project("one"), kept.add_project("two")
    given = {**records.hypothesis(1), "claim": "naïve “quotes” \u0000 and\nlines", "interventions": [{"bases": "ACGT"}]}
    given["claim"] = given["claim"].replace("\u0000", "")
    number = kept.add_hypothesis(project, given)
    assert kept.record("hypotheses", number) == given
    (entry,) = kept.entries("hypotheses", project)
    assert entry.columns == {key: given[key] for key in entry.columns}
    assert set(entry.columns) == {"link", "claim", "model_id", "track", "predicted", "low", "high", "unit"}
    assert kept.entries("hypotheses", other) == ()


def test_the_same_record_is_kept_once_in_each_project(kept):
    one, two = kept.add_project("one"), kept.add_project("two")
    for add, record in (
        (kept.add_hypothesis, records.hypothesis(1)),
        (kept.add_design, records.design(1)),
        (lambda project, record: kept.add_measurements(project, record, records.upload(1)), records.measurements(1)),
    ):
        assert add(one, record) == add(one, record) != add(two, record)
    assert len(kept.entries("designs")) == 2
    assert len(kept.entries("designs", one)) == 1
    assert [row["name"] for row in kept.elements(1)] == ["e1.0", "e1.1", "e1.2", "e1.3"]
    assert len(list((Path(os.environ["CISLENS_HOME"]) / "store" / "files").iterdir())) == 1


def test_each_element_of_a_design_carries_its_link_and_its_hypotheses_are_kept(kept):
    project = kept.add_project("one")
    design = kept.add_design(project, records.design(3, 12))
    assert [row["link"] for row in kept.elements(design)] == [f"v=1&place={i}" for i in range(12)]
    assert kept.entries("designs")[0].columns["n_rows"] == 12
    assert [entry.columns["claim"] for entry in kept.entries("hypotheses", project)] == [
        records.hypothesis(1_000_003)["claim"]
    ]


def test_measured_rows_are_tidy_and_know_their_upload(kept):
    project = kept.add_project("one")
    design = kept.add_design(project, records.design(5))
    number = kept.add_measurements(project, records.measurements(5), io.BytesIO(records.upload(5)), design=design)
    rows = kept.measured_rows(number)
    assert [(row["name"], row["replicate"], row["sd"], row["barcodes"]) for row in rows] == [
        ("e5.0", "0", None, 1),
        ("e5.1", "1", 0.1, 2),
        ("e5.2", "2", 0.1, None),
    ]
    assert [row["value"] for row in rows] == records.measurements(5)["rows"]["value"]
    (entry,) = kept.entries("measurements")
    assert (entry.columns["design"], entry.columns["n_rows"]) == (design, 3)
    assert kept.upload(entry.columns["upload"]) == records.upload(5)


def test_an_upload_that_is_not_what_the_rows_were_read_from_is_refused(kept, own_home):
    project = kept.add_project("one")
    with pytest.raises(ValueError, match="the upload is"):
        kept.add_measurements(project, records.measurements(1), records.upload(2))
    assert kept.entries("measurements") == ()
    assert list((own_home / "store" / "files").iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "much"])
def test_what_is_no_number_is_refused_and_nothing_of_it_stays(kept, value):
    project = kept.add_project("one")
    record = records.measurements(1)
    record["rows"]["value"][1] = value
    with pytest.raises((ValueError, TypeError)):
        kept.add_measurements(project, record, records.upload(1))
    assert kept.entries("measurements") == ()


def test_an_empty_upload_is_refused(kept):
    record = records.measurements(1) | {"digest": hashlib.sha256(b"").hexdigest()}
    with pytest.raises(UserError, match="is empty"):
        kept.add_measurements(kept.add_project("one"), record, b"")


def test_a_project_that_is_not_there_is_refused(kept):
    with pytest.raises(UserError, match="not in the store"):
        kept.add_hypothesis(77, records.hypothesis(1))


def test_a_verdict_belongs_to_its_hypothesis_and_its_measurements(kept):
    project = kept.add_project("one")
    hypothesis = kept.add_hypothesis(project, records.hypothesis(1))
    measured = kept.add_measurements(project, records.measurements(1), records.upload(1))
    verdict = {"verdict": "refuted", "reason": "It did nothing.", "p": 0.5}
    number = kept.add_verdict(hypothesis, verdict, measurements=measured)
    assert kept.add_verdict(hypothesis, verdict, measurements=measured) == number
    assert kept.add_verdict(hypothesis, verdict) != number
    entry = kept.entries("verdicts", project)[-1]
    assert entry.columns == {"hypothesis": hypothesis, "measurements": measured, "verdict": "refuted"}
    assert kept.record("verdicts", number) == verdict
    with pytest.raises(ValueError, match="is not in the store"):
        kept.add_verdict(99, verdict)


def test_a_damaged_upload_is_said_and_put_right_by_giving_it_again(kept, own_home):
    project = kept.add_project("one")
    kept.add_measurements(project, records.measurements(1), records.upload(1))
    digest = records.measurements(1)["digest"]
    path = own_home / "store" / "files" / digest
    path.chmod(0o644)
    path.write_bytes(b"something else")
    with pytest.raises(UserError, match="was changed on the disk"):
        kept.upload(digest)
    kept.add_measurements(project, records.measurements(1), records.upload(1))
    assert kept.upload(digest) == records.upload(1)
    with pytest.raises(UserError, match="not in this store"):
        kept.upload("0" * 64)


def test_many_threads_add_at_once_and_nothing_is_lost(kept):
    project = kept.add_project("one")
    failed = []

    def add(thread: int) -> None:
        try:
            for i in range(6):
                kept.add_hypothesis(project, records.hypothesis(100 * thread + i))
                kept.add_measurements(project, records.measurements(i), records.upload(i))  # all give the same files
        except Exception as error:  # noqa: BLE001  told to the test
            failed.append(error)

    threads = [threading.Thread(target=add, args=(thread,)) for thread in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(kept.entries("hypotheses")) == 30
    assert len(kept.entries("measurements")) == 6


def test_two_processes_may_have_the_store_open(own_home):
    first, second = Store(own_home), Store(own_home)
    project = first.add_project("one")
    second.add_hypothesis(project, records.hypothesis(1))
    assert len(first.entries("hypotheses")) == 1
    first.close()
    second.close()


def test_what_is_half_written_is_swept_only_by_who_has_the_store_alone(own_home):
    first = Store(own_home)
    half = own_home / "store" / "files" / ".new-half"
    half.write_bytes(b"ACG")
    second = Store(own_home)
    assert half.exists()  # the first one may be writing it
    first.close()
    second.close()
    third = Store(own_home)
    assert not half.exists()
    third.close()


def test_files_of_another_database_are_left_alone(own_home):
    first = Store(own_home)
    first.add_measurements(first.add_project("one"), records.measurements(1), records.upload(1))
    first.close()
    for path in (own_home / "store").glob("store.sqlite*"):
        path.unlink()
    with pytest.raises(UserError, match="belong to another database"):
        Store(own_home)
    assert len(list((own_home / "store" / "files").iterdir())) == 1
    (own_home / "store" / "identity").unlink()
    with pytest.raises(UserError, match="belong to another database"):
        Store(own_home)


def test_a_store_of_a_newer_cislens_is_refused_and_left_as_it_is(own_home):
    Store(own_home).close()
    path = own_home / "store" / "store.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("update alembic_version set version_num = '9999'")
    database.close()
    with pytest.raises(UserError, match="newer Cislens"):
        Store(own_home)
    with sqlite3.connect(path) as database:
        assert database.execute("select version_num from alembic_version").fetchone() == ("9999",)
    database.close()


def test_a_file_that_is_no_database_is_said(own_home):
    (own_home / "store").mkdir()
    (own_home / "store" / "store.sqlite").write_text("this is no database, whatever its name says" * 100)
    with pytest.raises(UserError, match="cannot be used"):
        Store(own_home)


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", "postgresql+nodriver://host/db"])
def test_a_url_that_cannot_be_used_is_refused_with_the_form(own_home, monkeypatch, url):
    monkeypatch.setenv("CISLENS_STORE", url)
    with pytest.raises(UserError, match="postgresql"):
        open_store()


def test_sqlite_writes_ahead_and_waits_for_the_disk(kept):
    if POSTGRES and os.environ.get("CISLENS_STORE"):
        return
    with store_database.reading(kept._engine) as connection:
        said = {
            name: connection.exec_driver_sql(f"pragma {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert said == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_rows_that_point_nowhere_are_refused_by_the_database(kept):
    with pytest.raises(sqlalchemy.exc.IntegrityError), kept._engine.begin() as connection:
        connection.execute(
            sqlalchemy.insert(store_tables.elements).values(
                design=99, position=0, name="e", kind="k", arm="a", bases="A", locus="", link="", hypothesis=""
            )
        )


def test_a_full_disk_leaves_what_was_there(own_home):
    """SQLite may have no more pages: what does not fit is refused whole, and what fits goes on."""
    kept = Store(own_home)
    project = kept.add_project("one")
    kept.add_design(project, records.design(1))

    def no_more_pages(connection, _record, _proxy):
        pages = connection.execute("pragma page_count").fetchone()[0]
        connection.execute(f"pragma max_page_count = {pages + 2}")

    sqlalchemy.event.listen(kept._engine, "checkout", no_more_pages)
    with pytest.raises(UserError, match="nothing was changed"):
        kept.add_design(project, records.design(2, 5_000))
    assert len(kept.entries("designs")) == 1
    assert len(kept.elements(1)) == 4
    kept.add_project("two")
    kept.close()
    again = Store(own_home)
    assert again.add_design(project, records.design(2, 50)) == 2
    again.close()


def migrated(engine: sqlalchemy.Engine) -> list[object]:
    """How the tables that the migrations made differ from those that the code states."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, store_tables.METADATA))


def test_the_migrations_make_exactly_the_tables(kept):
    assert migrated(kept._engine) == []


def test_the_newest_migration_is_the_one_the_code_expects():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(store_database.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [store_tables.REVISION]


def test_every_table_can_be_made_in_postgresql():
    dialect = postgresql.dialect()
    for table in store_tables.METADATA.sorted_tables:
        text = str(CreateTable(table).compile(dialect=dialect))
        text += "".join(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)
        assert table.name in text
        for column in table.columns:
            kind = str(column.type.compile(dialect=dialect))
            assert kind.split("(")[0] in {"VARCHAR", "TEXT", "INTEGER", "BIGINT", "DOUBLE PRECISION"}, column
        assert all(len(item.name) <= 63 for item in (*table.constraints, *table.indexes) if item.name)


def test_the_migrations_compile_for_postgresql():
    """Alembic writes them as SQL, without a database."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    from experiment.migrations.versions import r0001_first_tables

    out = io.StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": out})
    with Operations.context(context):
        r0001_first_tables.upgrade()
    made = out.getvalue()
    assert all(f"CREATE TABLE {table.name} (" in made for table in store_tables.METADATA.sorted_tables)
