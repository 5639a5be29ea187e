CREATE TABLE todos (
    id            TEXT    NOT NULL PRIMARY KEY,
    title         TEXT    NOT NULL,
    title_key     TEXT    NOT NULL, -- the title without case
    description   TEXT,
    status        TEXT    NOT NULL CHECK (
        status = 'not_started' OR status = 'in_progress' OR status = 'completed' OR status = 'cancelled'
    ),
    due_at        INTEGER,
    metadata      TEXT,             -- JSON object
    source        TEXT,
    comment_count INTEGER NOT NULL DEFAULT 0, -- maintained by the triggers below
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    rev           INTEGER NOT NULL,
    -- due_at in the order of todo.list: none comes last. Not a generated column: an index on one never covers.
    due_order     INTEGER NOT NULL CHECK (due_order = ifnull(due_at, 9223372036854775807))
) STRICT;
CREATE INDEX todos_order ON todos (status, due_order, created_at, id);
CREATE INDEX todos_updated ON todos (status, updated_at, due_order, created_at, id);
CREATE INDEX todos_title ON todos (title_key, created_at, id);

CREATE TABLE todo_comments (
    id         TEXT    NOT NULL PRIMARY KEY,
    todo_id    TEXT    NOT NULL REFERENCES todos (id),
    content    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    rev        INTEGER NOT NULL
) STRICT;
CREATE INDEX todo_comments_todo ON todo_comments (todo_id, created_at, id);

CREATE TRIGGER todo_comments_counted AFTER INSERT ON todo_comments BEGIN
    UPDATE todos SET comment_count = comment_count + 1 WHERE id = new.todo_id;
END;
CREATE TRIGGER todo_comments_uncounted AFTER DELETE ON todo_comments BEGIN
    UPDATE todos SET comment_count = comment_count - 1 WHERE id = old.todo_id;
END;
