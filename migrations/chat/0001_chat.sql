CREATE TABLE chat_conversations (
    seq           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id            TEXT    NOT NULL UNIQUE,
    title         TEXT,
    provider      TEXT,
    ai_model      TEXT,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    message_count INTEGER NOT NULL DEFAULT 0, -- maintained by the triggers below
    rev           INTEGER NOT NULL
) STRICT;
CREATE INDEX chat_conversations_in_order ON chat_conversations (created_at, seq);

CREATE TABLE chat_interactions (
    seq             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    conversation_id TEXT    NOT NULL REFERENCES chat_conversations (id),
    provider        TEXT,
    ai_model        TEXT,
    aborted         INTEGER NOT NULL CHECK (aborted IN (0, 1)),
    created_at      INTEGER NOT NULL,
    rev             INTEGER NOT NULL
) STRICT;
CREATE INDEX chat_interactions_in_order ON chat_interactions (conversation_id, created_at, seq);

-- `conversation_id` repeats the interaction's, so that one index serves the messages of a conversation.
CREATE TABLE chat_messages (
    seq             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    conversation_id TEXT    NOT NULL REFERENCES chat_conversations (id),
    interaction_id  TEXT    NOT NULL REFERENCES chat_interactions (id),
    role            TEXT    NOT NULL,
    provider        TEXT,
    aborted         INTEGER NOT NULL CHECK (aborted IN (0, 1)),
    state           TEXT    NOT NULL CHECK (state IN ('complete', 'streaming')),
    created_at      INTEGER NOT NULL,
    rev             INTEGER NOT NULL,
    metadata        TEXT    NOT NULL, -- JSON
    content         TEXT    NOT NULL
) STRICT;
CREATE INDEX chat_messages_in_order ON chat_messages (conversation_id, created_at, seq);
CREATE INDEX chat_messages_of_interaction ON chat_messages (interaction_id, created_at, seq);
CREATE INDEX chat_messages_streaming ON chat_messages (seq) WHERE state = 'streaming';

CREATE TRIGGER chat_messages_counted AFTER INSERT ON chat_messages BEGIN
    UPDATE chat_conversations SET message_count = message_count + 1 WHERE id = new.conversation_id;
END;
CREATE TRIGGER chat_messages_uncounted AFTER DELETE ON chat_messages BEGIN
    UPDATE chat_conversations SET message_count = message_count - 1 WHERE id = old.conversation_id;
END;

-- The saved text of a streaming message, after its `content`. In pieces, so that a save writes only the new text.
-- They become `content` when the message ends.
CREATE TABLE chat_pieces (
    message INTEGER NOT NULL REFERENCES chat_messages (seq) ON DELETE CASCADE,
    start   INTEGER NOT NULL, -- its offset in the text, in bytes
    text    TEXT    NOT NULL,
    PRIMARY KEY (message, start)
) STRICT;

-- The indexed words of complete messages. The daemon computes them (modules/text_search.rs); rowid is the message's seq.
CREATE VIRTUAL TABLE chat_search USING fts5 (words, content = '', contentless_delete = 1, tokenize = 'ascii');
