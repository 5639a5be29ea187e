CREATE TABLE memories (
    seq         INTEGER PRIMARY KEY, -- the rowid in memory_search; VACUUM may change an implicit rowid
    id          TEXT    NOT NULL UNIQUE,
    title       TEXT    NOT NULL,
    content     TEXT    NOT NULL,
    metadata    TEXT,             -- JSON object
    source      TEXT,
    tags        TEXT    NOT NULL, -- JSON array of strings
    valid_until INTEGER,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    rev         INTEGER NOT NULL
) STRICT;
CREATE INDEX memories_created ON memories (created_at, id);
CREATE INDEX memories_valid_until ON memories (valid_until) WHERE valid_until IS NOT NULL;

-- The tags of each memory, for memory.list with a tag.
CREATE TABLE memory_tags (
    tag        TEXT    NOT NULL,
    created_at INTEGER NOT NULL, -- the memory's
    id         TEXT    NOT NULL REFERENCES memories (id),
    PRIMARY KEY (tag, created_at, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_tags_id ON memory_tags (id);

-- Holds words, not texts: the daemon splits and folds the text, which handles case, marks and scripts without spaces.
CREATE VIRTUAL TABLE memory_search USING fts5 (
    title, content, tags, content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '2 3'
);
INSERT INTO memory_search (memory_search, rank) VALUES ('rank', 'bm25(4.0, 1.0, 2.0)');
