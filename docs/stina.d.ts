// Types of stinad's protocol, generated from `rpc.discover`.
// Kept fresh by a test; to write it anew: STINA_UPDATE=1 cargo test -p stina-tests typescript
/** One entity of a revision. */
export type Change = {
  /** Sort of entity. */
  entity: string;
  /** Its id. */
  id: string;
  /** What happened to it. */
  op: Op;
  /** The entity as the API shows it, for a put. */
  value?: unknown;
};

/** Answer of `GetChanges`. */
export type ChangePage = {
  /** The revisions, oldest first. */
  items: LogRevision[];
  /** The `since` to go on with; null when there is no more. */
  next: number | null;
};

/** A revision, or a part of the present state when `initial`. */
export type Changes = {
  /** Time of the commit, in milliseconds since the Unix epoch. */
  at: number;
  /** What changed, in order; only what the subscription's filter lets through. */
  changes: Change[];
  /** Part of the present state rather than news. */
  initial?: boolean;
  /** Who made it. */
  origin: Origin;
  /** Last revision told on this subscription before; 0 when there was none. */
  prev: number;
  /** Number of the revision; of the snapshot when `initial`. */
  rev: number;
};

/** Who is calling. */
export type ClientInfo = {
  /** Name of the program, as subscribers see it in `origin.client`. */
  name: EntityId;
  /** Its version. */
  version: string;
};

/** Answer of `Clients`. */
export type ClientList = {
  /** The clients, oldest connection first. */
  clients: ClientState[];
};

/** One connected client. */
export type ClientState = {
  /** Calls being worked on. */
  calls: number;
  /** When it connected, in milliseconds since the Unix epoch. */
  connectedAt: number;
  /** `ndjson`, `websocket` or `http`. */
  framing: string;
  /** Number of the connection, never used twice by one daemon. */
  id: number;
  /** Name from `store.hello`; null when it said none. */
  name: string | null;
  /** Process id of the peer, where the system tells it. */
  pid: number | null;
  /** Open subscriptions. */
  subscriptions: SubscriptionState[];
  /** Version from `store.hello`. */
  version: string | null;
};

/** A comment on a todo. */
export type Comment = {
  /** What it says. */
  content: string;
  /** When it was made, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its id. */
  id: string;
  /** Revision that made it. */
  rev: number;
  /** The todo. */
  todoId: string;
};

/** Words of a message that is being streamed. */
export type Delta = {
  /** Its conversation. */
  conversationId: string;
  /** The streaming message. */
  messageId: string;
  /** Where `text` begins, in bytes of UTF-8. 0 replaces whatever was there. */
  offset: number;
  /** The words. */
  text: string;
};

/** Id that a caller chose for an entity: 1 to 128 characters of `A-Z a-z 0-9 _ . : -`. */
export type EntityId = string;

/** A value under its key. */
export type Entry = {
  /** The key. */
  key: string;
  /** Revision that last changed it. */
  rev: number;
  /** Time of that change, in milliseconds since the Unix epoch. */
  updatedAt: number;
  /** Any JSON value, kept as it was given. */
  value: unknown;
};

/** One notification of a subscription. */
export type Event = Changes & {
  type: "change";
} | {
  /** The revision. */
  rev: number;
  type: "synced";
} | {
  /** Why. */
  reason: ResetReason;
  /** Revision from which on the subscription goes on. */
  rev: number;
  type: "reset";
} | Delta & {
  type: "delta";
} | {
  /** The streaming message. */
  messageId: string;
  type: "cancel";
};

/** A memory that `Search` found: the memory's members, and `snippet`. */
export type Hit = {
  /** What is to be remembered, kept as it was given. */
  content: string;
  /** When it was made, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its id. */
  id: string;
  /** Any JSON object, kept as it was given. */
  metadata: {} | null;
  /** Revision that last changed it. */
  rev: number;
  /** The part of the content (else of the title, else the tags) around the first match, on one line: matches in `` and ``, `…` where something is left out. */
  snippet: string;
  /** Where it came from. */
  source: string | null;
  /** Its tags, in the order given. */
  tags: string[];
  /** What it is about; may be empty. */
  title: string;
  /** When it was last updated. */
  updatedAt: number;
  /** Last moment at which it holds, in milliseconds since the Unix epoch. 7 days later the daemon deletes it. */
  validUntil: number | null;
};

/** The ids that a method looks up at once: at most 1000. */
export type Ids = EntityId[];

/** Answer of `Info`. */
export type Info = {
  /** Clients connected now. */
  clients: number;
  /** How many there are of each sort of entity. */
  counts: Record<string, number>;
  /** Size of the database, in bytes, without its WAL. */
  dbBytes: number;
  /** Where the database is. */
  dbPath: string;
  /** Id of this database's history. */
  epoch: string;
  /** Every bound that is in force, by name; bytes, items or milliseconds as the name says. */
  limits: Record<string, number>;
  /** First revision that is still in the change log; 0 while there is none. */
  oldestRev: number;
  /** Process id of the daemon. */
  pid: number;
  /** Protocol version. */
  protocol: number;
  /** Newest revision. */
  rev: number;
  /** Newest migration of each module. */
  schemas: Record<string, number>;
  /** Where the socket is. */
  socketPath: string;
  /** Version of the SQLite inside. */
  sqliteVersion: string;
  /** When the daemon started, in milliseconds since the Unix epoch. */
  startedAt: number;
  /** How long it has run, in milliseconds. */
  uptimeMs: number;
  /** Version of `stinad`. */
  version: string;
  /** Size of the WAL, in bytes. */
  walBytes: number;
};

/** A key: 1 to 512 bytes of text without NUL. */
export type Key = string;

/** How many items a list gives at most: 1 to 1000, 100 when not said. */
export type Limit = number;

/** A change in the change log. */
export type LogChange = {
  /** The entity after; null when it is gone. */
  after: unknown;
  /** The entity before; null when it is new. */
  before: unknown;
  /** Sort of entity. */
  entity: string;
  /** Its id. */
  id: string;
  /** Module that owns the entity. */
  module: string;
  /** What happened to it. */
  op: Op;
};

/** A revision of the change log. */
export type LogRevision = {
  /** Time of the commit, in milliseconds since the Unix epoch. */
  at: number;
  /** What changed, in order. */
  changes: LogChange[];
  /** Who made it. */
  origin: Origin;
  /** Why everything read before it is void: another process wrote, or the store was restored. */
  reset?: ResetReason | null;
  /** Its number. */
  rev: number;
};

/** Something to remember. */
export type Memory = {
  /** What is to be remembered, kept as it was given. */
  content: string;
  /** When it was made, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its id. */
  id: string;
  /** Any JSON object, kept as it was given. */
  metadata: {} | null;
  /** Revision that last changed it. */
  rev: number;
  /** Where it came from. */
  source: string | null;
  /** Its tags, in the order given. */
  tags: string[];
  /** What it is about; may be empty. */
  title: string;
  /** When it was last updated. */
  updatedAt: number;
  /** Last moment at which it holds, in milliseconds since the Unix epoch. 7 days later the daemon deletes it. */
  validUntil: number | null;
};

/** A time that a caller gives: whole milliseconds since the Unix epoch, within what JavaScript's `Date` can say. */
export type Millis = number;

/** What happened to an entity. */
export type Op = "put" | "delete";

/** Who made a revision. */
export type Origin = {
  /** Name that the client gave in `store.hello`; null when it gave none. `stinad` for the daemon's own. */
  client: string | null;
  /** The write's `requestId`, where it had one. */
  requestId?: string | null;
};

/** One page of a list. */
export type Page = {
  /** The items, in the list's order. */
  items: Entry[];
  /** Opaque cursor of the next page; null at the end. */
  next: string | null;
};

/** One page of a list. */
export type Page2 = {
  /** The items, in the list's order. */
  items: Memory[];
  /** Opaque cursor of the next page; null at the end. */
  next: string | null;
};

/** One page of a list. */
export type Page3 = {
  /** The items, in the list's order. */
  items: Hit[];
  /** Opaque cursor of the next page; null at the end. */
  next: string | null;
};

/** One page of a list. */
export type Page4 = {
  /** The items, in the list's order. */
  items: Todo[];
  /** Opaque cursor of the next page; null at the end. */
  next: string | null;
};

/** One page of a list. */
export type Page5 = {
  /** The items, in the list's order. */
  items: Comment[];
  /** Opaque cursor of the next page; null at the end. */
  next: string | null;
};

/** The envelope of every data method. */
export type Reply = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Entry | null;
};

/** The envelope of every data method. */
export type Reply10 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: TransactOutput;
};

/** The envelope of every data method. */
export type Reply11 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Comment;
};

/** The envelope of every data method. */
export type Reply12 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Todo;
};

/** The envelope of every data method. */
export type Reply13 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Page4;
};

/** The envelope of every data method. */
export type Reply14 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Page5;
};

/** The envelope of every data method. */
export type Reply2 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Entry;
};

/** The envelope of every data method. */
export type Reply3 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Page;
};

/** The envelope of every data method. */
export type Reply4 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Memory;
};

/** The envelope of every data method. */
export type Reply5 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Memory | null;
};

/** The envelope of every data method. */
export type Reply6 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Page2;
};

/** The envelope of every data method. */
export type Reply7 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Page3;
};

/** The envelope of every data method. */
export type Reply8 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: ChangePage;
};

/** The envelope of every data method. */
export type Reply9 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: unknown;
};

/** Id of one write, chosen by its caller: a repeat with the same id changes nothing and gets the same answer. */
export type RequestId = string;

/** Why everything that a subscriber holds is void. */
export type ResetReason = "compacted" | "epoch" | "external" | "restored";

/** A bare revision: answer of `Ping` and `Sync`. */
export type Rev = {
  /** The revision. */
  rev: number;
};

/** The daemon that answers. */
export type ServerInfo = {
  /** Its process id. */
  pid: number;
  /** Version of `stinad`. */
  version: string;
};

/** How far a todo has come. Read in any case, with `-` and spaces for `_`, and by some other names: see `Status::read`. */
export type Status = "not_started" | "in_progress" | "completed" | "cancelled";

/** One step of `Transact`. */
export type Step = {
  /** Name of a mutating method. */
  method: string;
  /** Its params, without `requestId`. */
  params?: unknown;
};

export type SubscriptionEvent = Event;

/** One open subscription. */
export type SubscriptionState = {
  /** Its id. */
  id: number;
  /** Revisions that it is behind. */
  lag: number;
  /** The method that opened it. */
  method: string;
  /** Last revision it has taken in. */
  rev: number;
};

/** The tags of a memory: at most 64, each once. */
export type Tags = string[];

/** Something to do. */
export type Todo = {
  /** How many comments it has. */
  commentCount: number;
  /** When it was made, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** More about it. */
  description: string | null;
  /** When it is due, in milliseconds since the Unix epoch. */
  dueAt: number | null;
  /** Its id. */
  id: string;
  /** Any JSON object, kept as it was given. */
  metadata: {} | null;
  /** Revision that last changed it, comments included. */
  rev: number;
  /** Where it came from. */
  source: string | null;
  /** How far it has come. */
  status: Status;
  /** What is to be done; never empty in a todo made through `todo.create`. */
  title: string;
  /** When it was last updated; a comment is no update. */
  updatedAt: number;
};

/** Answer of `Transact`. */
export type TransactOutput = {
  /** What each step answers, in order: the `value` that the method alone would have answered. */
  results: unknown[];
};

/** A range of protocol versions, both ends included. */
export type Versions = {
  /** Newest. */
  max: number;
  /** Oldest. */
  min: number;
};

/** Answer of `Hello`. */
export type Welcome = {
  /** What this daemon can do: the names of its modules, and features by name. */
  capabilities: string[];
  /** Where the database is. */
  dbPath: string;
  /** Id of this database's history. */
  epoch: string;
  /** First revision that is still in the change log; 0 while there is none. */
  oldestRev: number;
  /** Protocol version in use. */
  protocol: number;
  /** Newest revision. */
  rev: number;
  /** The daemon. */
  server: ServerInfo;
};

/** Params and result of every method, by name. */
export interface Methods {
  /** Removes an entry; answers the one removed, or null when there was none. */
  "kv.delete": {
    params: {
      /** The key. */
      key: Key;
      /** Only if the entry's `rev` is this; 0 means only if there is none. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply;
  };
  /** The entry under a key, or null. */
  "kv.get": {
    params: {
      /** The key. */
      key: Key;
    };
    result: Reply;
  };
  /** Adds to the number under a key; an integer stays within ±(2^53 - 1). */
  "kv.increment": {
    params: {
      /** The key. A missing entry counts as 0. */
      key: Key;
      /** What to add; 1 when not said. */
      by?: number | null;
      /** Only if the entry's `rev` is this; 0 means only if there is none. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply2;
  };
  /** Entries by key, in byte order. */
  "kv.list": {
    params: {
      /** Where the last page ended. */
      cursor?: string | null;
      /** Most entries of one page. */
      limit?: Limit;
      /** Only keys that begin with this. */
      prefix?: string | null;
    };
    result: Reply3;
  };
  /** Puts a value under a key. */
  "kv.set": {
    params: {
      /** The key. */
      key: Key;
      /** Any JSON value. */
      value: unknown;
      /** Only if the entry's `rev` is this; 0 means only if there is none. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply2;
  };
  /** Changes of entries. */
  "kv.subscribe": {
    params: {
      /** Epoch that `since` belongs to. */
      epoch?: string | null;
      /** Begin with the present entries; with `since`, only when the log can't serve it. */
      initial?: boolean;
      /** Only keys that begin with this. */
      prefix?: string | null;
      /** Replay every revision after this one, then go on live. */
      since?: number | null;
    };
    result: number;
  };
  /** Ends a subscription; answers whether there was one. Params: `[id]`. */
  "kv.unsubscribe": {
    params: {
      /** Id that `subscribe` answered. */
      subscription: number;
    };
    result: boolean;
  };
  /** Makes a memory. */
  "memory.create": {
    params: {
      /** What is to be remembered. */
      content: string;
      /** What it is about; may be empty. */
      title: string;
      /** Its id; a new one when not said. */
      id?: EntityId | null;
      /** Any JSON object. */
      metadata?: {} | null;
      /** Where it came from. */
      source?: string | null;
      /** Its tags. */
      tags?: Tags | null;
      /** Last moment at which it holds. */
      validUntil?: Millis | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply4;
  };
  /** Removes a memory; answers it. */
  "memory.delete": {
    params: {
      /** The memory. */
      id: EntityId;
      /** Only if the memory's `rev` is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply4;
  };
  /** The newest memory with that content, else the newest whose content contains it in any case, else null. */
  "memory.find": {
    params: {
      /** A content, or a part of one in any case. */
      content: string;
      /** Expired ones too. */
      includeExpired?: boolean;
    };
    result: Reply5;
  };
  /** One memory, expired or not. */
  "memory.get": {
    params: {
      /** The memory. */
      id: EntityId;
    };
    result: Reply4;
  };
  /** Those of some memories that exist, expired or not, each once, in the order asked for. */
  "memory.getMany": {
    params: {
      /** The memories. */
      ids: Ids;
      /** Where the last page ended. */
      cursor?: string | null;
    };
    result: Reply6;
  };
  /** Memories, newest first (by `createdAt` and id). */
  "memory.list": {
    params: {
      /** Where the last page ended. */
      cursor?: string | null;
      /** Expired ones too: whose `validUntil` has passed. */
      includeExpired?: boolean;
      /** Most memories of one page. A page also ends once it is large. */
      limit?: Limit;
      /** Only memories with this tag, letter for letter. */
      tag?: string | null;
    };
    result: Reply6;
  };
  /** Memories with all of the words in title, content or tags, best first; `next` is always null. */
  "memory.search": {
    params: {
      /** Any text: words, beginnings of words, Chinese in the middle of a sentence, emoji, punctuation. */
      query: string;
      /** Expired ones too. */
      includeExpired?: boolean;
      /** Most memories to answer. There are fewer once they are large. */
      limit?: Limit;
    };
    result: Reply7;
  };
  /** Changes of memories. */
  "memory.subscribe": {
    params: {
      /** Epoch that `since` belongs to. */
      epoch?: string | null;
      /** Begin with the present entities; with `since`, only when the log can't serve it. */
      initial?: boolean;
      /** Replay every revision after this one, then go on live. */
      since?: number | null;
    };
    result: number;
  };
  /** Ends a subscription; answers whether there was one. Params: `[id]`. */
  "memory.unsubscribe": {
    params: {
      /** Id that `subscribe` answered. */
      subscription: number;
    };
    result: boolean;
  };
  /** Changes a memory. */
  "memory.update": {
    params: {
      /** The memory. */
      id: EntityId;
      /** What is to be remembered. */
      content?: string | null;
      /** Only if the memory's `rev` is this. */
      ifRev?: number | null;
      /** Any JSON object; it takes the place of the old one as a whole. */
      metadata?: {} | null;
      /** Where it came from. */
      source?: string | null;
      /** Its tags, all of them; null for none. */
      tags?: Tags | null;
      /** What it is about. */
      title?: string | null;
      /** Last moment at which it holds. */
      validUntil?: Millis | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply4;
  };
  /** This document: every method with its schemas. */
  "rpc.discover": {
    params: {
    };
    result: unknown;
  };
  /** Revisions out of the change log, with before and after. */
  "store.changes": {
    params: {
      /** Only revisions after this one. */
      since: number;
      /** Most revisions of one page. A page also ends once it is large. */
      limit?: Limit;
      /** Only changes of these modules. */
      modules?: string[] | null;
    };
    result: Reply8;
  };
  /** Who is connected, with subscriptions and their lag. */
  "store.clients": {
    params: {
    };
    result: ClientList;
  };
  /** Says who is calling and learns who answers; welcome, never required. */
  "store.hello": {
    params: {
      /** Who is calling. */
      client: ClientInfo;
      /** Protocol versions that the client speaks; any when not said. */
      protocol?: Versions | null;
    };
    result: Welcome;
  };
  /** Versions, sizes, counts, WAL, uptime and limits. */
  "store.info": {
    params: {
    };
    result: Info;
  };
  /** Reads a real row; answers the newest revision. */
  "store.ping": {
    params: {
    };
    result: Rev;
  };
  /** What a write with that `requestId` answered: its `rev` and `value`. */
  "store.result": {
    params: {
      /** The id that the write carried. */
      requestId: RequestId;
    };
    result: Reply9;
  };
  /** Stops the daemon in order. */
  "store.stop": {
    params: {
    };
    result: Rev;
  };
  /** Changes of all modules, or of some. */
  "store.subscribe": {
    params: {
      /** Epoch that `since` belongs to. */
      epoch?: string | null;
      /** Begin with the present entities; with `since`, only when the log can't serve it. */
      initial?: boolean;
      /** Only changes of these modules. */
      modules?: string[] | null;
      /** Replay every revision after this one, then go on live. */
      since?: number | null;
    };
    result: number;
  };
  /** Answers after every notification up to now was sent on this connection. */
  "store.sync": {
    params: {
    };
    result: Rev;
  };
  /** Several mutating methods, all or nothing: one revision, one notification. */
  "store.transact": {
    params: {
      /** The steps, in order; 1 to 1000. */
      ops: Step[];
      /** Only if the newest revision of the store is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply10;
  };
  /** Ends a subscription; answers whether there was one. Params: `[id]`. */
  "store.unsubscribe": {
    params: {
      /** Id that `subscribe` answered. */
      subscription: number;
    };
    result: boolean;
  };
  /** Puts a comment on a todo. */
  "todo.addComment": {
    params: {
      /** What to say. White space around it is taken off. */
      content: string;
      /** The todo. */
      todoId: EntityId;
      /** Id of the comment; a new one when not said. */
      id?: EntityId | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply11;
  };
  /** Makes a todo. */
  "todo.create": {
    params: {
      /** What is to be done. White space around it is taken off. */
      title: string;
      /** More about it. */
      description?: string | null;
      /** When it is due. */
      dueAt?: Millis | null;
      /** Its id; a new one when not said. */
      id?: EntityId | null;
      /** Any JSON object. */
      metadata?: {} | null;
      /** Where it came from. */
      source?: string | null;
      /** How far it has come; `not_started` when not said. */
      status?: Status | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply12;
  };
  /** Removes a todo and its comments; answers the todo. */
  "todo.delete": {
    params: {
      /** The todo. */
      id: EntityId;
      /** Only if the todo's `rev` is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply12;
  };
  /** Removes a comment; answers it. */
  "todo.deleteComment": {
    params: {
      /** The comment. */
      id: EntityId;
      /** Only if the comment's `rev` is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply11;
  };
  /** The todo with that id, else the newest with that title, whatever its case. */
  "todo.find": {
    params: {
      /** An id, or a title in any case. */
      identifier: string;
    };
    result: Reply12;
  };
  /** One todo. */
  "todo.get": {
    params: {
      /** The todo. */
      id: EntityId;
    };
    result: Reply12;
  };
  /** Todos by due date, those without one last; then by `createdAt` and id. */
  "todo.list": {
    params: {
      /** Where the last page ended. */
      cursor?: string | null;
      /** Only todos that are due later than this. */
      dueAfter?: Millis | null;
      /** Only todos that are due earlier than this. */
      dueBefore?: Millis | null;
      /** Archived ones too: completed or cancelled, and last updated before the daemon's local midnight. */
      includeArchived?: boolean;
      /** Most todos of one page. A page also ends once it is large. */
      limit?: Limit;
      /** Only todos with one of these. */
      status?: Status[] | null;
    };
    result: Reply13;
  };
  /** The comments of some todos, oldest first (by `createdAt` and id). */
  "todo.listComments": {
    params: {
      /** The todos; one that does not exist has no comments. */
      todoIds: Ids;
      /** Where the last page ended. */
      cursor?: string | null;
      /** Most comments of one page. A page also ends once it is large. */
      limit?: Limit;
    };
    result: Reply14;
  };
  /** Changes of todos and comments. */
  "todo.subscribe": {
    params: {
      /** Epoch that `since` belongs to. */
      epoch?: string | null;
      /** Begin with the present entities; with `since`, only when the log can't serve it. */
      initial?: boolean;
      /** Replay every revision after this one, then go on live. */
      since?: number | null;
    };
    result: number;
  };
  /** Ends a subscription; answers whether there was one. Params: `[id]`. */
  "todo.unsubscribe": {
    params: {
      /** Id that `subscribe` answered. */
      subscription: number;
    };
    result: boolean;
  };
  /** Changes a todo. */
  "todo.update": {
    params: {
      /** The todo. */
      id: EntityId;
      /** More about it. */
      description?: string | null;
      /** When it is due. */
      dueAt?: Millis | null;
      /** Only if the todo's `rev` is this. */
      ifRev?: number | null;
      /** Any JSON object; it takes the place of the old one as a whole. */
      metadata?: {} | null;
      /** Where it came from. */
      source?: string | null;
      /** How far it has come. */
      status?: Status | null;
      /** What is to be done. White space around it is taken off. */
      title?: string | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply12;
  };
}

/** Params of every notification, by method. */
export interface Notifications {
  "kv.event": { subscription: number; result: SubscriptionEvent };
  "memory.event": { subscription: number; result: SubscriptionEvent };
  "store.event": { subscription: number; result: SubscriptionEvent };
  "todo.event": { subscription: number; result: SubscriptionEvent };
}
