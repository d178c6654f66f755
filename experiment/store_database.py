"""The database of the store: opened, brought to the newest tables, and what it says put into a sentence.

SQLite in WAL mode unless ``CISLENS_STORE`` gives the URL of another. A transaction that writes takes its turn when it
begins, so it never fails halfway because somebody else wrote; a commit is on the disk when it returns.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from experiment.store_tables import REVISION
from genome.errors import UserError

MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_SECONDS = 30
_WRITES = "cislens_writes"
_TURN = 600_613  # number of the lock by which those who write take turns in PostgreSQL


def url_setting() -> str:
    """The URL an administrator gave; empty for SQLite in the store's folder."""
    return os.environ.get("CISLENS_STORE", "")


def connect(file: Path, url: str = "") -> Engine:
    """An engine for the database; nothing is opened yet.

    Args:
        file: of SQLite, used when there is no URL.
        url: of another database.

    Raises:
        UserError: when the URL cannot be used.
    """
    try:
        engine = sqlalchemy.create_engine(url or f"sqlite:///{file.absolute()}", pool_pre_ping=bool(url))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise UserError(
            "CISLENS_STORE is no database this server can open; write it as "
            "postgresql+psycopg://user:password@host/database, or leave it empty."
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: all of it is there when the block ends, or nothing."""
    with said(), engine.execution_options(**{_WRITES: True}).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"select pg_advisory_xact_lock({_TURN})")
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that reads: one state of the store, whatever others write meanwhile."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {_WRITES: False}
    with said(), engine.execution_options(**options).begin() as connection:
        yield connection


@contextmanager
def said() -> Iterator[None]:
    """What a database or a disk refuses, as one sentence for people."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        line = " ".join(str(getattr(error, "orig", error)).split())[:160]
        raise UserError(
            f"The store of projects cannot be used ({line}); nothing was changed. Check the space on its disk, then try again."
        ) from error
    except OSError as error:
        raise UserError(
            f"The store of projects cannot be written ({error.strerror}); nothing was changed. Check the space on its disk, "
            "then try again."
        ) from error


def revision(connection: Connection) -> str:
    """The migration that the tables have reached; empty where there are none."""
    if not sqlalchemy.inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.execute(sqlalchemy.text("select version_num from alembic_version")).scalar()
    return "" if found is None else str(found)


def migrate(engine: Engine) -> None:
    """Brings the tables to the newest migration, in one transaction.

    Raises:
        UserError: when they are newer than this version of Cislens.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)

    def steps(found: Any, _context: Any) -> Any:
        return script._upgrade_revs(REVISION, found)

    with writing(engine) as connection, EnvironmentContext(config, script, fn=steps) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        try:
            environment.run_migrations()
        except CommandError as error:
            raise UserError(
                "The store of projects was written by a newer Cislens; update this one before it is opened."
            ) from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where _begin_sqlite says
    for pragma in (
        f"busy_timeout = {_BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",  # what was acknowledged outlives a power cut
        "foreign_keys = ON",
        "trusted_schema = OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
