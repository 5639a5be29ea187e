-- A large write is made in steps, each a revision of its own: the revisions of such writes.
CREATE TABLE core_steps (
    rev      INTEGER NOT NULL PRIMARY KEY,
    first    INTEGER NOT NULL, -- the first revision of the write
    undoes   INTEGER,          -- the revision that this one undoes
    logged   INTEGER NOT NULL, -- how many changes the write has made so far
    removing TEXT    NOT NULL  -- JSON: the entities whose parts are not all gone, with the changes before the first of them
) STRICT;
CREATE INDEX core_steps_first ON core_steps (first, rev);
CREATE INDEX core_steps_undoes ON core_steps (undoes, rev) WHERE undoes IS NOT NULL;

-- Writes with a `requestId` that have begun and not ended: a repeat goes on with them.
CREATE TABLE core_unfinished (
    request_id  TEXT    NOT NULL PRIMARY KEY,
    at          INTEGER NOT NULL,
    fingerprint BLOB    NOT NULL, -- SHA-256 of method and params
    first       INTEGER NOT NULL, -- the first revision of the write
    chosen      TEXT              -- JSON: what the write has chosen at its beginning, such as what it deletes; no values
) STRICT;
