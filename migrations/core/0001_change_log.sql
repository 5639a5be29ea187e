-- The ledger: the migrations that were applied to this database.
CREATE TABLE core_migrations (
    module     TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    checksum   TEXT    NOT NULL, -- SHA-256 of the SQL, hexadecimal
    stinad     TEXT    NOT NULL, -- version of the daemon that applied it
    applied_at INTEGER NOT NULL,
    PRIMARY KEY (module, version)
) STRICT, WITHOUT ROWID;

-- Facts about the store itself, such as its epoch.
CREATE TABLE core_meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each change. One B-tree that grows at its end: an integer key and no index, since every write appends here.
-- (No `IN` in a CHECK: for more than two values SQLite builds a table of them at each write.)
CREATE TABLE core_changes (
    seq        INTEGER NOT NULL PRIMARY KEY, -- the revision, times 2^22, plus the number of the change in it
    at         INTEGER NOT NULL,
    module     TEXT    NOT NULL,
    entity     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    op         TEXT    NOT NULL CHECK (op = 'put' OR op = 'delete' OR op = 'reset'),
    before     TEXT,
    after      TEXT,
    client     TEXT,
    request_id TEXT,
    undoes     INTEGER, -- the revision that this one undoes
    parts      INTEGER NOT NULL DEFAULT 0, -- of a delete: how many changes right before it deleted parts of the entity
    scope      TEXT -- what subscribers filter by, such as the conversation of a message; an id, which a purge leaves
) STRICT;

-- The answer of each write with a `requestId`, so that a repeat gets the same. With neither `value` nor `seq` the answer is
-- forgotten, and only its id is still known.
CREATE TABLE core_results (
    request_id  TEXT    NOT NULL PRIMARY KEY,
    at          INTEGER NOT NULL,
    fingerprint BLOB    NOT NULL, -- SHA-256 of method and params
    rev         INTEGER NOT NULL,
    value       TEXT,             -- JSON
    seq         INTEGER           -- of the change in core_changes that holds the value
) STRICT;
CREATE INDEX core_results_at ON core_results (at);
