CREATE TABLE kv_entries (
    key        TEXT    NOT NULL PRIMARY KEY,
    value      TEXT    NOT NULL, -- JSON
    rev        INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
