"""Who of several processes on one database does what: each piece of work has one holder."""

from __future__ import annotations

import os
import socket
import time
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: How often a holder says that it lives, and after how long without that it is taken for dead.
BEAT_S, GRACE_S = 10.0, 60.0
FREE, DONE = "", "done"


def _place() -> str:
    """Where process numbers mean the same processes: this machine, and its container."""
    try:
        return f"{socket.gethostname()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


class Leases:
    """The pieces of work of the study ``study``, in a table of their own beside Optuna's.

    A piece is taken with one atomic statement, so that no two hold it. One whose holder has died is
    free again: at once where that was a process of this machine, else when it has not been heard of
    for :data:`GRACE_S` (by the clock of who waits: clocks of machines differ).
    """

    def __init__(self, engine: Engine, study: str) -> None:
        import sqlalchemy as sql

        self._engine, self._study = engine, study
        self._place = _place()
        self.holder = f"{self._place} {os.getpid()} {uuid.uuid4().hex[:8]}"
        self._beats, self._next_beat = 0, 0.0
        self._seen: dict[str, tuple[tuple[str, int], float]] = {}
        self._table = sql.Table(
            "fxlif_leases", sql.MetaData(),
            sql.Column("study", sql.String(64), primary_key=True),
            sql.Column("piece", sql.String(64), primary_key=True),
            sql.Column("holder", sql.String(200), nullable=False),
            sql.Column("beats", sql.Integer, nullable=False),
        )  # fmt: skip
        self._table.metadata.create_all(engine, checkfirst=True)

    def take(self, piece: str) -> bool:
        """Whether the piece is now this process's: it was nobody's, or its holder has died."""
        import sqlalchemy as sql

        t = self._table
        mine = {"holder": self.holder, "beats": self._beats}
        where = (t.c.study == self._study, t.c.piece == piece)
        with self._engine.connect() as connection:
            row = connection.execute(sql.select(t.c.holder, t.c.beats).where(*where)).first()
        if row is None:
            try:
                with self._engine.begin() as connection:
                    connection.execute(t.insert().values(study=self._study, piece=piece, **mine))
            except sql.exc.IntegrityError:
                return False
            return True
        holder, beats = str(row[0]), int(row[1])
        if holder == self.holder:
            return True
        if holder == DONE or (holder != FREE and not self._dead(piece, holder, beats)):
            return False
        with self._engine.begin() as connection:
            unchanged = (t.c.holder == holder, t.c.beats == beats)
            taken = connection.execute(t.update().where(*where, *unchanged).values(**mine))
            return bool(taken.rowcount == 1)

    def _dead(self, piece: str, holder: str, beats: int) -> bool:
        place, _, rest = holder.rpartition(" ")[0].rpartition(" ")
        if place == self._place and rest.isdigit():
            try:
                os.kill(int(rest), 0)
            except ProcessLookupError:
                return True
            except PermissionError:
                pass
        now = time.monotonic()
        last, since = self._seen.get(piece, (None, now))
        if last != (holder, beats):
            self._seen[piece] = ((holder, beats), now)
            return False
        return now - since > GRACE_S

    def give(self, piece: str, *, done: bool = False) -> None:
        """Give a piece back, for good where it is ``done``."""
        self._change({"holder": DONE if done else FREE}, piece)

    def give_all(self) -> None:
        """Give back every piece that this process holds."""
        self._change({"holder": FREE})

    def beat(self) -> None:
        """Say that this process lives; called often, it does so now and then."""
        if time.monotonic() >= self._next_beat:
            self._beats += 1
            self._change({"beats": self._beats})
            self._next_beat = time.monotonic() + BEAT_S

    def _change(self, values: dict[str, object], piece: str | None = None) -> None:
        t = self._table
        where = [t.c.study == self._study, t.c.holder == self.holder]
        if piece is not None:
            where.append(t.c.piece == piece)
        with self._engine.begin() as connection:
            connection.execute(t.update().where(*where).values(**values))
