"""The database of a study: how it is opened, and one line for whatever it has against it."""

from __future__ import annotations

import random
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import FxlifError

#: How long a locked SQLite database is waited for.
LOCKED_S = 20.0
#: How often the tables are made while another process makes them, too.
ATTEMPTS = 5


class Connection(sqlite3.Connection):
    """One to an SQLite file that waits for no disk: a killed process loses nothing that it has
    committed, and a computer without power the last trials at most."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        with suppress(sqlite3.OperationalError):  # locked: whoever holds it has set it, or will
            self.execute("pragma journal_mode = wal")
        self.execute("pragma synchronous = normal")


def need_optuna() -> Any:
    """Optuna, without what it says of itself.

    Raises:
        FxlifError: it is not installed.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise FxlifError.not_installed(str(error.name), "'fxlif[study]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    return optuna


def url_of(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite:///{path}"


@contextmanager
def one_line(url: str) -> Iterator[None]:
    """What a database has against it as a :class:`FxlifError` of one line, without a password."""
    optuna = need_optuna()
    import sqlalchemy

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None and not hasattr(cause, "orig"):
            cause = cause.__cause__
        said = str(getattr(cause, "orig", None) or cause).strip() or type(cause).__name__
        shown = hidden(url)
        raise FxlifError(
            f"{shown}: cannot be used ({' '.join(said.split())})", key=shown, value=shown,
            allowed="a database that can be reached and written",
        ) from None  # fmt: skip


def hidden(url: str) -> str:
    """The URL without its password."""
    import sqlalchemy

    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return url


def open_storage(url: str) -> Any:
    """The database as Optuna's storage; its tables are made if need be.

    Raises:
        FxlifError: no URL, no driver, a database that does not answer or is another's.
    """
    optuna = need_optuna()
    import sqlalchemy

    try:
        backend = sqlalchemy.make_url(url).get_backend_name()
    except sqlalchemy.exc.ArgumentError:
        allowed = "the URL of a database, as sqlite:///FILE or postgresql+psycopg://HOST/NAME"
        raise FxlifError.must_be("--storage", allowed, url) from None
    options: dict[str, Any] = {}
    if backend == "sqlite":
        options = {"connect_args": {"timeout": LOCKED_S, "factory": Connection}}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with one_line(url):
                return optuna.storages.RDBStorage(url, engine_kwargs=options)
        except ImportError as error:
            missing = error.__cause__ or error
            raise FxlifError(
                f"{hidden(url)}: no driver for it ({missing})", key="--storage", value=hidden(url),
                allowed="a URL whose driver is installed",
            ) from None  # fmt: skip
        except FxlifError as error:
            # Two that make the tables at once get into each other's way, and only once.
            there = any(word in str(error) for word in ("already exists", "UNIQUE", "duplicate"))
            if attempt == ATTEMPTS or not there:
                raise
            time.sleep(random.random() / 2)
    raise AssertionError
