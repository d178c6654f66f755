"""The store: projects, hypotheses, designs, measurements and the lineage of models, kept for good.

``open_store()`` gives the one store of this process. Rows live in a database (SQLite below ``CISLENS_HOME``, or the one
that ``CISLENS_STORE`` names), files below ``CISLENS_HOME``. A file is written under a temporary name, brought down to the
disk and renamed to its digest before the row that speaks of it is committed; whatever a kill leaves in between is swept
when the store is next opened by nobody else. So nothing is there half, and what was answered for stays.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import tempfile
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, insert, select

from experiment import store_backup, store_database, store_files, store_lineage, store_records
from experiment import store_tables as tables
from experiment.store_lineage import Node, Promotion
from experiment.store_records import Entry, Kind, Project, Record
from genome.errors import UserError
from genome.home import folder, home, locked
from models import promoted

MOST_UPLOAD_BYTES = 2_000_000_000

_opened: dict[tuple[Path, str], Store] = {}
_opening = threading.Lock()


def open_store() -> Store:
    """The store of this process, opened when it is first asked for.

    Raises:
        UserError: when it cannot be opened.
    """
    key = (home(), store_database.url_setting())
    with _opening:
        for other in [other for other in _opened if other != key]:  # CISLENS_HOME was changed, as tests do
            _opened.pop(other).close()
        if key not in _opened:
            _opened[key] = Store(*key)
        return _opened[key]


def close_store() -> None:
    """Closes the store of this process, if it is open."""
    with _opening:
        while _opened:
            _opened.popitem()[1].close()


class Store:
    """Everything people made. Safe to use from many threads and processes at once.

    Each method that adds or changes something is one transaction: when it returns, it is on the disk. What is added
    twice is there once, so whatever was not answered for can simply be done again.
    """

    def __init__(self, place: Path, url: str = "") -> None:
        """Opens the store: finishes what was interrupted and brings the tables to the newest form.

        Args:
            place: the folder ``CISLENS_HOME``.
            url: of the database; empty for SQLite in that folder.

        Raises:
            UserError: when it cannot be opened.
        """
        with store_database.said():
            self._lock, alone = _entered(place)
        try:
            if alone:
                store_backup.finish_restore(place)
            self._files, self._refined = folder("store", "files"), folder("models", "refined")
            self._engine = store_database.connect(place / "store" / store_backup.DATABASE, url)
            self._open(alone)
            if alone:
                fcntl.flock(self._lock, fcntl.LOCK_SH)
            self._say_who_answers()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Gives back its connections and lets others have the store alone."""
        engine = getattr(self, "_engine", None)
        if engine is not None:
            engine.dispose()
        self._lock.close()

    def add_project(self, name: str, words: str = "") -> int:
        """The number of the project of that name; it is made if it is not there."""
        with self._writing() as connection:
            return store_records.add_project(connection, name, words)

    def projects(self) -> tuple[Project, ...]:
        """Every project, the newest first."""
        with self._reading() as connection:
            return store_records.projects(connection)

    def add_hypothesis(self, project: int, record: Record) -> int:
        """Keeps a hypothesis (its ``to_json()``); returns its number."""
        with self._writing() as connection:
            return store_records.add_hypothesis(connection, project, record)

    def add_design(self, project: int, record: Record) -> int:
        """Keeps a design (its ``to_json()``), each of its elements and its hypotheses; returns its number."""
        with self._writing() as connection:
            return store_records.add_design(connection, project, record)

    def add_measurements(
        self, project: int, record: Record, upload: IO[bytes] | bytes, *, design: int | None = None
    ) -> int:
        """Keeps measurements (their ``to_json()``), each of their rows, and the bytes they were read from.

        Args:
            project: number of the project.
            record: its ``digest`` is the SHA-256 of the upload.
            upload: the bytes as they were given.
            design: number of the design that was measured, where there is one.
        """
        source = io.BytesIO(upload) if isinstance(upload, bytes) else upload
        with store_database.said():
            new, digest, size = store_files.take_in(source, self._files, record["name"], max_bytes=MOST_UPLOAD_BYTES)
        try:
            if digest != record["digest"]:
                raise ValueError(f"the upload is {digest}, not {record['digest']}")
            with store_database.said():
                store_files.settle(new, store_files.place(self._files, digest))
        finally:
            new.unlink(missing_ok=True)
        with self._writing() as connection:
            store_records.add_upload(connection, digest, size, str(record["name"]))
            return store_records.add_measurements(connection, project, record, design)

    def add_verdict(self, hypothesis: int, record: Record, *, measurements: int | None = None) -> int:
        """Keeps a verdict (its ``to_json()``) on a hypothesis, and which measurements it came from; returns its number."""
        with self._writing() as connection:
            return store_records.add_verdict(connection, hypothesis, record, measurements)

    def add_refinement(self, project: int, record: Record, made: Path) -> int:
        """Keeps a refinement (its ``to_json()``) and the model that it made, which answers to its model_id from now on.

        Args:
            project: number of the project.
            record: its ``parent`` and ``child`` are model_ids.
            made: folder of the child, with its companions; it is copied.

        Raises:
            UserError: when the parent is not on this server or the folder is no usable model.
        """
        from models import registry

        parent, child = registry.spec(str(record["parent"])), registry.read_folder(made)
        if (parent.model_id, child.model_id) != (record["parent"], record["child"]):
            raise ValueError(
                f"{parent.model_id=} and {child.model_id=} are not {record['parent']} and {record['child']}"
            )
        with store_database.said(), tempfile.TemporaryDirectory(prefix=".new-", dir=self._refined) as scratch:
            store_files.copy_folder(made, Path(scratch) / "model")
            store_files.settle(Path(scratch) / "model", self._refined / child.model_id)
        with self._writing() as connection:
            return store_lineage.add_refinement(connection, project, record, child.name, parent.name)

    def entries(self, kind: Kind, project: int | None = None) -> tuple[Entry, ...]:
        """The records of a kind, of one project or of all, the newest first."""
        with self._reading() as connection:
            return store_records.entries(connection, kind, project)

    def record(self, kind: Kind, number: int) -> dict[str, Any]:
        """The JSON of one record, as it was given: what its type's ``from_json`` reads."""
        with self._reading() as connection:
            return store_records.record(connection, kind, number)

    def elements(self, design: int) -> list[dict[str, Any]]:
        """The elements of a design in its order, each with the link it came from."""
        with self._reading() as connection:
            return store_records.elements(connection, design)

    def measured_rows(self, measurements: int) -> list[dict[str, Any]]:
        """The tidy rows of measurements, in the order of the upload."""
        with self._reading() as connection:
            return store_records.measured_rows(connection, measurements)

    def upload(self, digest: str) -> bytes:
        """The bytes that somebody gave, checked against their digest."""
        return store_files.read(self._files, digest)

    def lineage(self, name: str | None = None) -> tuple[Node, ...]:
        """The models of a name, or all, as a tree: each parent before its children."""
        with self._reading() as connection:
            return store_lineage.lineage(connection, name)

    def promotions(self, name: str | None = None) -> tuple[Promotion, ...]:
        """Every change of what answers to a name, or to any, the newest first."""
        with self._reading() as connection:
            return store_lineage.promotions(connection, name)

    def promote(self, model_id: str, why: str = "") -> None:
        """Lets a model of the lineage answer to its name; whatever answered until now keeps answering to its model_id.

        Raises:
            UserError: when the model is in no lineage, or not on this server, or its gate did not accept it and ``why`` is empty.
        """
        from models import registry

        name = registry.spec(model_id).name
        with self._writing() as connection:
            store_lineage.promote(connection, model_id, _answering(name), why)
        self._say_who_answers()

    def roll_back(self, model_id: str, why: str = "") -> None:
        """Takes a promotion back: what answered to the name before this model answers again.

        Raises:
            UserError: when it is not this model that was promoted last for its name; asked twice, it is done once.
        """
        with self._writing() as connection:
            name = store_lineage.name_of(connection, model_id)
            store_lineage.roll_back(connection, model_id, _answering(name), why)
        self._say_who_answers()

    def backup(self, out: Path) -> Mapping[str, int]:
        """Writes everything into one file that ``restore`` reads; returns what is in it, by kind."""
        with store_database.said():
            return store_backup.write(self._engine, home(), out)

    def _writing(self) -> contextlib.AbstractContextManager[Connection]:
        return store_database.writing(self._engine)

    def _reading(self) -> contextlib.AbstractContextManager[Connection]:
        return store_database.reading(self._engine)

    def _open(self, alone: bool) -> None:
        """Brings the tables to the newest form and sweeps what a kill left; only who has the store alone may do so."""
        with self._reading() as connection:
            reached = store_database.revision(connection)
        if reached != tables.REVISION:
            if not alone:
                raise UserError(
                    "The store of projects is in use by another version of Cislens; stop that one before this one is started."
                )
            store_database.migrate(self._engine)
        _check_identity(self._engine, self._files, self._refined)
        if alone:
            with self._reading() as connection:
                wanted = store_records.uploads(connection), store_lineage.children(connection)
            with store_database.said():
                store_files.sweep(self._files, wanted[0])
                store_files.sweep(self._refined, wanted[1])
                store_backup.sweep(home())

    def _say_who_answers(self) -> None:
        """Writes down for the registry which model answers to a name, as the rows say."""
        with store_database.said(), locked(self._files.parent / ".promoting"), self._reading() as connection:
            answers = store_lineage.answers(connection)
            if answers != _said_before():
                promoted.write(answers)


def _answering(name: str) -> str:
    """model_id of what answers to a name now; empty where nothing does."""
    from models import registry  # torch comes with it, which most of the store can do without

    try:
        return registry.spec(name).model_id
    except registry.UnknownModel:
        return ""


def _said_before() -> dict[str, str] | None:
    try:
        return promoted.read()
    except UserError:
        return None  # damaged; it is written anew


def _entered(place: Path) -> tuple[IO[str], bool]:
    """The lock file of the store, and whether nobody else has the store open."""
    folder()
    lock = (place / store_backup.LOCK).open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(lock, fcntl.LOCK_SH)
        return lock, False
    return lock, True


def _check_identity(engine: Engine, *folders: Path) -> None:
    """Refuses a folder whose files belong to another database, for they would be swept as if nobody spoke of them."""
    with store_database.writing(engine) as connection:
        found = connection.execute(select(tables.identity.c.store)).scalar()
        if found is None:
            found = uuid.uuid4().hex
            connection.execute(insert(tables.identity).values(store=found))
    path = folders[0].parent / store_backup.IDENTITY
    if path.is_file():
        stated = path.read_text().strip()
    else:
        stated = "another" if any(any(one.iterdir()) for one in folders) else str(found)
    if stated != found:
        raise UserError(
            f"The files in {folders[0].parent} belong to another database than the one that is opened; restore a back-up, "
            "or set CISLENS_STORE or CISLENS_HOME to where they belong."
        )
    if not path.is_file():
        store_files.write_text(path, str(found))
