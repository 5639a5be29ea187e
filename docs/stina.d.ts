// Types of stinad's protocol, generated from `rpc.discover`.
// Kept fresh by a test; to write it anew: STINA_UPDATE=1 cargo test -p stina-tests typescript

/** One page of a list. */
export type Page<T> = {
  /** The items, in the list's order. */
  items: T[];
  /** Opaque cursor of the next page; null on the last page. */
  next: string | null;
};

/** The envelope of the result of reads and writes. */
export type Reply<T> = {
  /** Revision of the read or the write. */
  rev: number;
  /** The result. */
  value: T;
};

/** Answer of `AppendDelta`. */
export type Appended = {
  /** Length of the text so far, in bytes of UTF-8: the next `offset`. */
  offset: number;
};

/** Answer of `CancelMessage`. */
export type Cancelled = {
  /** Whether the owner was asked; false if the message has already ended. */
  cancelled: boolean;
};

/** A change to one entity. */
export type Change = {
  entity: "kv";
  /** Its id. */
  id: string;
  op: "put";
  /** The entity, for a put. */
  value: Entry;
} | {
  entity: "kv";
  /** Its id. */
  id: string;
  op: "delete";
} | {
  entity: "todo";
  /** Its id. */
  id: string;
  op: "put";
  /** The entity, for a put. */
  value: Todo;
} | {
  entity: "todo";
  /** Its id. */
  id: string;
  op: "delete";
} | {
  entity: "comment";
  /** Its id. */
  id: string;
  op: "put";
  /** The entity, for a put. */
  value: TodoComment;
} | {
  entity: "comment";
  /** Its id. */
  id: string;
  op: "delete";
} | {
  entity: "memory";
  /** Its id. */
  id: string;
  op: "put";
  /** The entity, for a put. */
  value: Memory;
} | {
  entity: "memory";
  /** Its id. */
  id: string;
  op: "delete";
} | {
  entity: "conversation";
  /** Its id. */
  id: string;
  op: "put";
  /** The entity, for a put. */
  value: Conversation;
} | {
  entity: "conversation";
  /** Its id. */
  id: string;
  op: "delete";
} | {
  entity: "interaction";
  /** Its id. */
  id: string;
  op: "put";
  /** The entity, for a put. */
  value: Interaction;
} | {
  entity: "interaction";
  /** Its id. */
  id: string;
  op: "delete";
} | {
  entity: "message";
  /** Its id. */
  id: string;
  op: "put";
  /** The entity, for a put. */
  value: Message;
} | {
  entity: "message";
  /** Its id. */
  id: string;
  op: "delete";
};

/** Answer of `GetChanges`. */
export type ChangePage = {
  /** The revisions, oldest first. */
  items: LogRevision[];
  /** The `since` to go on with; null when there is no more. */
  next: number | null;
};

/** The changes of one revision, or a part of the snapshot when `initial`. */
export type Changes = {
  /** Time of the commit, in milliseconds since the Unix epoch. */
  at: number;
  /** The changes that match the subscription's filter, in order. */
  changes: Change[];
  /** Whether this is a part of the snapshot. */
  initial?: boolean;
  /** The client that made the revision. */
  origin: Origin;
  /** The revision sent before this one on the subscription; 0 if there was none. */
  prev: number;
  /** The revision; of the whole snapshot when `initial`. */
  rev: number;
};

/** Counts of what `ClearHistory` deleted. */
export type Cleared = {
  /** Conversations. */
  conversations: number;
  /** Messages in them. */
  messages: number;
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
  /** Process id of the peer, where the system gives it. */
  pid: number | null;
  /** Open subscriptions. */
  subscriptions: SubscriptionState[];
  /** Version from `store.hello`. */
  version: string | null;
};

/** A conversation. */
export type Conversation = {
  /** The model that answers in it. */
  aiModel: string | null;
  /** Creation time, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its id, `c_…` unless its creator chose another. */
  id: EntityId;
  /** The provider that answers in it, such as `openai`. */
  provider: string | null;
  /** Revision that last changed it. */
  rev: number;
  /** Orders conversations with the same `createdAt`; never reused. */
  seq: number;
  /** Its title. */
  title: string | null;
  /** Time of the last change to it or to anything in it, in milliseconds since the Unix epoch. */
  updatedAt: number;
};

/** Text of a streaming message. */
export type Delta = {
  /** Its conversation. */
  conversationId: EntityId;
  /** The streaming message. */
  messageId: EntityId;
  /** Offset of `text` in the message, in bytes of UTF-8; 0 replaces the whole text. */
  offset: number;
  /** The text. */
  text: string;
};

/** Id of an entity: 1 to 128 characters of `A-Z a-z 0-9 _ . : -`. */
export type EntityId = string;

/** What one revision did to an entity. */
export type EntityRevision = {
  /** The entity after it; null when it is gone, or `omitted`. */
  after: unknown;
  /** Time of its commit, in milliseconds since the Unix epoch. */
  at: number;
  /** The entity before the revision; null when it is new, or `omitted`. */
  before: unknown;
  /** Whether the log no longer has the values. */
  omitted?: boolean;
  /** What happened to the entity in the end. */
  op: Op;
  /** The client that made it. */
  origin: Origin;
  /** The revision. */
  rev: number;
};

/** A key and its value. */
export type Entry = {
  /** The key. */
  key: Key;
  /** Revision that last changed it. */
  rev: number;
  /** Time of that change, in milliseconds since the Unix epoch. */
  updatedAt: number;
  /** Any JSON value, unchanged. */
  value: unknown;
};

/** The `data` of an error, for programs: the kind, the fields of that kind, and where the error occurred. */
export type ErrorData = ({
  /** The valid value, if there is exactly one. */
  expected?: unknown;
  /** Path of the invalid member, such as `todo.title`; empty for the message as a whole. */
  field: string;
  kind: "invalid";
  /** What is wrong with it, for people. */
  reason: string;
} | {
  /** Kind of entity. */
  entity: string;
  /** The requested id. */
  id: string;
  kind: "not_found";
} | {
  /** Kind of entity. */
  entity: string;
  /** The requested id. */
  id: string;
  kind: "already_exists";
} | {
  /** The current entity, byte for byte; null if there is none. Of an undo: the list of those that have changed (`ChangedSince`). */
  current: unknown;
  kind: "conflict";
} | {
  kind: "request_mismatch";
} | {
  kind: "compacted";
  /** Oldest revision in the log. */
  oldestRev: number;
} | {
  kind: "too_large";
  /** The limit, in bytes or items. */
  limit: number;
} | {
  kind: "busy";
} | {
  kind: "storage_full";
} | {
  kind: "read_only";
} | {
  kind: "corrupt";
} | {
  kind: "io";
} | {
  kind: "shutting_down";
} | {
  kind: "unsupported";
  /** The requested feature. */
  what: string;
} | {
  kind: "internal";
}) & {
  /** Id of the line in the daemon's log that has the details. */
  errorId?: string | null;
  /** Index of the failing step of a `store.transact`. */
  index?: number | null;
};

/** A list of ids: at most 1000. */
export type Ids = EntityId[];

/** Answer of `Info`. */
export type Info = {
  /** Clients connected now. */
  clients: number;
  /** How many there are of each kind of entity. */
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
  /** Why no new client can connect there, such as when another program has taken its name; null if clients can. */
  socketProblem: string | null;
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
  /** How writes of other programs, and files that are removed, are noticed: at once by `inotify` (on other systems `fsevents` or `kqueue`), or within seconds by `polling` where that fails. */
  watch: string;
};

/** Number of messages that `initial` sends: 0 to 1000, 50 when omitted. */
export type InitialMessages = number;

/** An interaction: a user's message and everything that follows from it. */
export type Interaction = {
  /** Whether it was aborted. Its messages are then aborted too. */
  aborted: boolean;
  /** The model that answers: the conversation's at the time of the first message. */
  aiModel: string | null;
  /** Its conversation. */
  conversationId: EntityId;
  /** Creation time, in milliseconds since the Unix epoch: `createdAt` of its first message. */
  createdAt: number;
  /** Its id, `ia_…` unless its creator chose another. */
  id: EntityId;
  /** Its messages in order. Absent in events, and in lists when the messages exceed the limit `frameBytes`. */
  messages?: Message[] | null;
  /** The provider that answers: the first message's, else the conversation's at that time. */
  provider: string | null;
  /** Revision that last changed it. */
  rev: number;
  /** Orders interactions with the same `createdAt`; never reused. */
  seq: number;
};

/** A key: 1 to 512 bytes of text without NUL. */
export type Key = string;

/** Maximum number of items in a list: 1 to 1000, 100 when omitted. */
export type Limit = number;

/** A change in the change log. */
export type LogChange = {
  /** The entity after; null when it is gone, or left out. */
  after: Entry | null;
  /** The entity before; null when it is new, or left out. */
  before: Entry | null;
  entity: "kv";
  /** Its id. */
  id: string;
  /** Module that owns the entity. */
  module: string;
  /** What happened to it. */
  op: Op;
} | {
  /** The entity after; null when it is gone, or left out. */
  after: Todo | null;
  /** The entity before; null when it is new, or left out. */
  before: Todo | null;
  entity: "todo";
  /** Its id. */
  id: string;
  /** Module that owns the entity. */
  module: string;
  /** What happened to it. */
  op: Op;
} | {
  /** The entity after; null when it is gone, or left out. */
  after: TodoComment | null;
  /** The entity before; null when it is new, or left out. */
  before: TodoComment | null;
  entity: "comment";
  /** Its id. */
  id: string;
  /** Module that owns the entity. */
  module: string;
  /** What happened to it. */
  op: Op;
} | {
  /** The entity after; null when it is gone, or left out. */
  after: Memory | null;
  /** The entity before; null when it is new, or left out. */
  before: Memory | null;
  entity: "memory";
  /** Its id. */
  id: string;
  /** Module that owns the entity. */
  module: string;
  /** What happened to it. */
  op: Op;
} | {
  /** The entity after; null when it is gone, or left out. */
  after: Conversation | null;
  /** The entity before; null when it is new, or left out. */
  before: Conversation | null;
  entity: "conversation";
  /** Its id. */
  id: string;
  /** Module that owns the entity. */
  module: string;
  /** What happened to it. */
  op: Op;
} | {
  /** The entity after; null when it is gone, or left out. */
  after: Interaction | null;
  /** The entity before; null when it is new, or left out. */
  before: Interaction | null;
  entity: "interaction";
  /** Its id. */
  id: string;
  /** Module that owns the entity. */
  module: string;
  /** What happened to it. */
  op: Op;
} | {
  /** The entity after; null when it is gone, or left out. */
  after: Message | null;
  /** The entity before; null when it is new, or left out. */
  before: Message | null;
  entity: "message";
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
  /** Whether `before` and `after` are left out of changes: together they are more than the limit `frameBytes`, or they were purged. */
  omitted?: boolean;
  /** Who made it. */
  origin: Origin;
  /** Why everything read before it is void: another process wrote, or the store was restored. */
  reset?: ResetReason | null;
  /** Its number. */
  rev: number;
};

/** A memory. */
export type Memory = {
  /** The content, unchanged. */
  content: string;
  /** Creation time, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its id. */
  id: EntityId;
  /** Any JSON object, unchanged. */
  metadata: Record<string, unknown> | null;
  /** Revision that last changed it. */
  rev: number;
  /** The source. */
  source: string | null;
  /** Its tags, in the order given. */
  tags: string[];
  /** The title; may be empty. */
  title: string;
  /** Time of the last update. */
  updatedAt: number;
  /** Expiry, in milliseconds since the Unix epoch: the last time at which it is valid. 7 days later the daemon deletes it. */
  validUntil: number | null;
};

/** A memory found by `Search`, with a snippet. */
export type MemoryHit = {
  /** The content, unchanged. */
  content: string;
  /** Creation time, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its id. */
  id: EntityId;
  /** Any JSON object, unchanged. */
  metadata: Record<string, unknown> | null;
  /** Revision that last changed it. */
  rev: number;
  /** The part of the content (else of the title, else of the tags) around the first match, on one line: matches in `[` and `]`, `…` for omitted text. */
  snippet: string;
  /** The source. */
  source: string | null;
  /** Its tags, in the order given. */
  tags: string[];
  /** The title; may be empty. */
  title: string;
  /** Time of the last update. */
  updatedAt: number;
  /** Expiry, in milliseconds since the Unix epoch: the last time at which it is valid. 7 days later the daemon deletes it. */
  validUntil: number | null;
};

/** A message. */
export type Message = {
  /** Whether it or its interaction was aborted. */
  aborted: boolean;
  /** The text: any Unicode. */
  content: string;
  /** Its conversation. */
  conversationId: EntityId;
  /** Creation time, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its id, `m_…` unless its creator chose another. */
  id: EntityId;
  /** Its interaction. */
  interactionId: EntityId;
  /** Any JSON value. */
  metadata: unknown;
  /** The provider that answered, such as `openai`. */
  provider: string | null;
  /** Revision that last changed it. */
  rev: number;
  /** Its author. */
  role: Role;
  /** Orders messages with the same `createdAt`; never reused. */
  seq: number;
  /** Whether it is complete or still streaming. */
  state: MessageState;
};

/** A message that a search found. */
export type MessageHit = {
  /** Its conversation. */
  conversationId: EntityId;
  /** Creation time, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its interaction. */
  interactionId: EntityId;
  /** The message. */
  messageId: EntityId;
  /** Its author. */
  role: Role;
  /** The part of its text around the match. */
  snippet: string;
};

/** Whether a message is complete or still streaming. */
export type MessageState = "complete" | "streaming" | (string & {});

/** A time in params: whole milliseconds since the Unix epoch, within the range of JavaScript's `Date`. */
export type Millis = number;

/** The operation of a change. */
export type Op = "put" | "delete" | (string & {});

/** The origin of a revision. */
export type Origin = {
  /** Name that the client gave in `store.hello`, else null; `stinad` for the daemon's own writes. */
  client: string | null;
  /** The first revision of the write that this one continues: a large write is made in steps, each a revision. */
  continues?: number | null;
  /** The write's `requestId`, if it had one. */
  requestId?: string | null;
  /** The revision that this one undoes. */
  undoes?: number | null;
};

/** Answer of `Purge`. */
export type PurgeOutput = {
  /** How many deleted entities still had values in the change log, and have none now. */
  erased: number;
  /** Whether a file may still hold them, because a reader was in the way for some seconds. The daemon keeps trying. */
  pending?: boolean;
};

/** Id of a write, chosen by its caller. A repeat with the same id changes nothing and gets the same answer. */
export type RequestId = string;

/** The reason for a reset. */
export type ResetReason = "compacted" | "epoch" | "external" | "restored" | (string & {});

/** A bare revision: answer of `Ping` and `Sync`. */
export type Rev = {
  /** The revision. */
  rev: number;
};

/** The author of a message. */
export type Role = "user" | "assistant" | "instructions" | "info" | "tool" | "debug" | "error" | (string & {});

/** The error object of a reply. */
export type RpcError = {
  /** JSON-RPC code. */
  code: number;
  data: ErrorData;
  /** What happened, for people. */
  message: string;
};

/** The daemon that answers. */
export type ServerInfo = {
  /** Its process id. */
  pid: number;
  /** Version of `stinad`. */
  version: string;
};

/** The status of a todo. Params take it in any case, with `-` and spaces for `_`, and by aliases: see `Status::read`. */
export type Status = "not_started" | "in_progress" | "completed" | "cancelled" | (string & {});

/** One step of `Transact`. */
export type Step = {
  /** Name of a mutating method. */
  method: string;
  /** Its params, without `requestId`. */
  params?: unknown;
};

/** What a repeated write answers: the stored reply of the first. */
export type StoredReply = {
  /** Whether the result is forgotten, and `value` therefore null: it was purged, or answers took too much room. */
  forgotten?: boolean;
  /** Revision that the write made, or the newest one when it changed nothing. */
  rev: number;
  /** Its result. */
  value: unknown;
};

/** One notification of a subscription. Skip one of a type that you do not know. */
export type SubscriptionEvent = Changes & {
  type: "change";
} | {
  /** The revision. */
  rev: number;
  type: "synced";
} | {
  /** The reason. */
  reason: ResetReason;
  /** Revision after which the subscription continues. */
  rev: number;
  type: "reset";
} | Delta & {
  type: "delta";
} | {
  /** The streaming message. */
  messageId: EntityId;
  type: "cancel";
};

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

/** The tags of a memory: at most 64, without duplicates. */
export type Tags = string[];

/** A todo. */
export type Todo = {
  /** Number of comments. */
  commentCount: number;
  /** Creation time, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** The description. */
  description: string | null;
  /** Due time, in milliseconds since the Unix epoch. */
  dueAt: number | null;
  /** Its id. */
  id: EntityId;
  /** Any JSON object, unchanged. */
  metadata: Record<string, unknown> | null;
  /** Revision that last changed it, comments included. */
  rev: number;
  /** The source. */
  source: string | null;
  /** The status. */
  status: Status;
  /** The title; never empty in a todo created by `todo.create`. */
  title: string;
  /** Time of the last update; comments do not count. */
  updatedAt: number;
};

/** A comment on a todo. */
export type TodoComment = {
  /** The text. */
  content: string;
  /** Creation time, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its id. */
  id: EntityId;
  /** Revision that created it. */
  rev: number;
  /** The todo. */
  todoId: EntityId;
};

/** Answer of `Transact`. */
export type TransactOutput = {
  /** What each step answers, in order: the `value` that the method alone would have answered. */
  results: unknown[];
};

/** An entity that was deleted and can be put back, by undoing the revision that deleted it. */
export type TrashItem = {
  /** The first revision of the write that this one continues, as in `Origin`: an undo undoes all of that. */
  continues?: number | null;
  /** When it was deleted, in milliseconds since the Unix epoch. */
  deletedAt: number;
  /** The name of the entity, such as `todo`. */
  entity: string;
  /** Its id. */
  id: string;
  /** The revision that deleted it: what to undo. */
  rev: number;
  /** Its title, else its name, its content or its key, shortened; null when it has none of them. */
  title: string | null;
};

/** Answer of `Undo`. */
export type Undone = {
  /** What it changed, in order; at most 1000 changes. The event of the revision has all of them. */
  changes: UndoneChange[];
  /** How many more changes there are. */
  omitted?: number;
  /** The revision that this undo made, of several the last; the newest one when there was nothing to put back. */
  rev: number;
};

/** One change that an undo made. */
export type UndoneChange = {
  /** The name of the entity, such as `todo`. */
  entity: string;
  /** Its id. */
  id: string;
  /** What happened to it. */
  op: Op;
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
  /** Marks an interaction and its messages as aborted; the owners of streaming ones are asked to end them. */
  "chat.abortInteraction": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Fails with `conflict` unless its `rev` equals this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Interaction>;
  };
  /** Aborts a streaming message and keeps the text so far. An aborted message stays unchanged. */
  "chat.abortMessage": {
    params: {
      /** The message. */
      messageId: EntityId;
      /** Fails with `conflict` unless the message's `rev` equals this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Message>;
  };
  /** Appends text to a streaming message. Text that was sent before changes nothing. */
  "chat.appendDelta": {
    params: {
      /** The message. This connection must have begun it, and received the answer. */
      messageId: EntityId;
      /** Offset of `text` in the message, in bytes of UTF-8. Text before the end of the message must equal what was sent before. An offset beyond the end is `invalid`, with the end in `expected`. */
      offset: number;
      /** The text to append. */
      text: string;
    };
    result: Appended;
  };
  /** Adds a message; creates its conversation and interaction if they are missing. */
  "chat.appendMessage": {
    params: {
      /** The text: any Unicode, up to the limit `messageBytes`. */
      content: string;
      /** Its author. */
      role: "user" | "assistant" | "instructions" | "info" | "tool" | "debug" | "error";
      /** Whether it was aborted; if so, its interaction is aborted too. */
      aborted?: boolean | null;
      /** Its conversation. Defaults to the interaction's, else to the current one, which is created if there is none. */
      conversationId?: EntityId | null;
      /** Creation time; the current time when omitted. */
      createdAt?: Millis | null;
      /** Its id; generated when omitted. */
      id?: EntityId | null;
      /** Its interaction, created if the id is free; a new one when omitted. */
      interactionId?: EntityId | null;
      /** Any JSON value. */
      metadata?: unknown;
      /** The provider that answers. */
      provider?: string | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Message>;
  };
  /** Begins a streaming message; this connection owns it. Not available over HTTP. */
  "chat.beginMessage": {
    params: {
      /** Its author. */
      role: "user" | "assistant" | "instructions" | "info" | "tool" | "debug" | "error";
      /** The first part of the text; its length in bytes is the first delta's `offset`. */
      content?: string;
      /** Its conversation. Defaults to the interaction's, else to the current one, which is created if there is none. */
      conversationId?: EntityId | null;
      /** Creation time; the current time when omitted. */
      createdAt?: Millis | null;
      /** Its id; generated when omitted. */
      id?: EntityId | null;
      /** Its interaction, created if the id is free; a new one when omitted. */
      interactionId?: EntityId | null;
      /** Any JSON value. */
      metadata?: unknown;
      /** The provider that answers. */
      provider?: string | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Message>;
  };
  /** Asks the owner of a streaming message to end it; the daemon aborts it if the owner does not. */
  "chat.cancelMessage": {
    params: {
      /** The message. */
      messageId: EntityId;
    };
    result: Cancelled;
  };
  /** Deletes every conversation except the current one. */
  "chat.clearHistory": {
    params: {
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Cleared>;
  };
  /** Counts the messages of a conversation. */
  "chat.countMessages": {
    params: {
      /** The conversation; the current one when omitted. */
      conversationId?: EntityId | null;
    };
    result: Reply<number>;
  };
  /** Deletes a conversation and everything in it; answers it. If it was current, the newest remaining one becomes current. */
  "chat.deleteConversation": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Fails with `conflict` unless its `rev` equals this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Conversation>;
  };
  /** Deletes an interaction and its messages; answers it. */
  "chat.deleteInteraction": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Fails with `conflict` unless its `rev` equals this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Interaction>;
  };
  /** Answers the current conversation; starts one if there is none. */
  "chat.ensureCurrent": {
    params: {
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Conversation>;
  };
  /** Completes a streaming message. */
  "chat.finishMessage": {
    params: {
      /** The message. This connection must have begun it. */
      messageId: EntityId;
      /** The final text; the text so far when omitted. */
      content?: string | null;
      /** Fails with `conflict` unless the message's `rev` equals this. */
      ifRev?: number | null;
      /** Any JSON value; the one given at the beginning when omitted. */
      metadata?: unknown;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Message>;
  };
  /** Reads a conversation. */
  "chat.getConversation": {
    params: {
      /** Its id. */
      id: EntityId;
    };
    result: Reply<Conversation>;
  };
  /** Reads an interaction with its messages; `too_large` when they exceed the limit `frameBytes`. */
  "chat.getInteraction": {
    params: {
      /** Its id. */
      id: EntityId;
    };
    result: Reply<Interaction>;
  };
  /** Lists conversations, newest first. */
  "chat.listConversations": {
    params: {
      /** `next` of the previous page. */
      cursor?: string | null;
      /** Maximum number of items in the page. A page ends early once it has 4 MiB. */
      limit?: Limit;
    };
    result: Reply<Page<Conversation>>;
  };
  /** Lists interactions of a conversation with their messages, oldest first: the newest ones, or those next to a cursor. */
  "chat.listInteractions": {
    params: {
      /** Only items newer than this one. */
      after?: string | null;
      /** Only items older than this one. */
      before?: string | null;
      /** The conversation; the current one when omitted. */
      conversationId?: EntityId | null;
      /** Maximum number of items in the page. */
      limit?: Limit;
    };
    result: Reply<Page<Interaction>>;
  };
  /** Lists messages of a conversation, oldest first: the newest ones, or those next to a cursor. */
  "chat.listMessages": {
    params: {
      /** Only items newer than this one. */
      after?: string | null;
      /** Only items older than this one. */
      before?: string | null;
      /** The conversation; the current one when omitted. */
      conversationId?: EntityId | null;
      /** Maximum number of items in the page. */
      limit?: Limit;
    };
    result: Reply<Page<Message>>;
  };
  /** Searches messages, best match first (among the newest 10,000 matches), then newest first, with a snippet of each. */
  "chat.search": {
    params: {
      /** The query: any text. */
      query: string;
      /** Only in this conversation. */
      conversationId?: EntityId | null;
      /** Maximum number of hits. */
      limit?: Limit;
    };
    result: Reply<Page<MessageHit>>;
  };
  /** Makes a conversation the current one. */
  "chat.setCurrent": {
    params: {
      /** The conversation. */
      conversationId: EntityId;
      /** Fails with `conflict` unless the conversation's `rev` equals this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Conversation>;
  };
  /** Starts a conversation; it becomes the current one. */
  "chat.startConversation": {
    params: {
      /** The model that answers in it. */
      aiModel?: string | null;
      /** Its id; generated when omitted. */
      id?: EntityId | null;
      /** The provider that answers in it. */
      provider?: string | null;
      /** Its title. */
      title?: string | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Conversation>;
  };
  /** Subscribes to conversations, interactions, messages, the current conversation, and deltas. */
  "chat.subscribe": {
    params: {
      /** Only this conversation and what is in it. The id of the current conversation is sent too, as an entity `kv`. */
      conversationId?: EntityId | null;
      /** Bytes of events that the subscription may send before `store.credit` allows more, exceeded by at most one event; without a limit when omitted. */
      credit?: number | null;
      /** Whether to send the deltas of streaming messages. */
      deltas?: boolean;
      /** Epoch of `since`. */
      epoch?: string | null;
      /** Begin with a snapshot; with `since`, only if the change log does not reach back that far. */
      initial?: boolean;
      /** Number of messages that `initial` sends: the last ones of the selected conversation, else of the current one, with their interactions. */
      initialMessages?: InitialMessages;
      /** Send every revision after this one, then continue live. */
      since?: number | null;
    };
    result: number;
  };
  /** Ends a subscription; answers whether there was one. Params: `[id]`. */
  "chat.unsubscribe": {
    params: {
      /** Id that `subscribe` answered. */
      subscription: number;
    };
    result: boolean;
  };
  /** Changes a conversation's title, provider or model. */
  "chat.updateConversation": {
    params: {
      /** Its id. */
      id: EntityId;
      /** The model that answers in it. */
      aiModel?: string | null;
      /** Fails with `conflict` unless its `rev` equals this. */
      ifRev?: number | null;
      /** The provider that answers in it. */
      provider?: string | null;
      /** Its title. */
      title?: string | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Conversation>;
  };
  /** Deletes an entry; answers it, or null if there was none. */
  "kv.delete": {
    params: {
      /** The key. */
      key: Key;
      /** Fails with `conflict` unless the entry's `rev` equals this; 0 means that there is no entry. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Entry | null>;
  };
  /** Reads the entry under a key; null if there is none. */
  "kv.get": {
    params: {
      /** The key. */
      key: Key;
    };
    result: Reply<Entry | null>;
  };
  /** Adds to the number under a key; integers stay within ±(2^53 - 1). */
  "kv.increment": {
    params: {
      /** The key. A missing entry counts as 0. */
      key: Key;
      /** The number to add; 1 when omitted. */
      by?: number | null;
      /** Fails with `conflict` unless the entry's `rev` equals this; 0 means that there is no entry. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Entry>;
  };
  /** Lists entries by key, in byte order. */
  "kv.list": {
    params: {
      /** `next` of the previous page. */
      cursor?: string | null;
      /** Maximum number of items in the page. A page ends early once it has 4 MiB. */
      limit?: Limit;
      /** Only keys that begin with this. */
      prefix?: string | null;
    };
    result: Reply<Page<Entry>>;
  };
  /** Sets the value under a key. */
  "kv.set": {
    params: {
      /** The key. */
      key: Key;
      /** Any JSON value. */
      value: unknown;
      /** Fails with `conflict` unless the entry's `rev` equals this; 0 means that there is no entry. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Entry>;
  };
  /** Subscribes to entries. */
  "kv.subscribe": {
    params: {
      /** Bytes of events that the subscription may send before `store.credit` allows more, exceeded by at most one event; without a limit when omitted. */
      credit?: number | null;
      /** Epoch of `since`. */
      epoch?: string | null;
      /** Begin with a snapshot; with `since`, only if the change log does not reach back that far. */
      initial?: boolean;
      /** Only keys that begin with this. */
      prefix?: string | null;
      /** Send every revision after this one, then continue live. */
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
  /** Creates a memory. */
  "memory.create": {
    params: {
      /** The content. */
      content: string;
      /** The title; may be empty. */
      title: string;
      /** Its id; generated when omitted. */
      id?: EntityId | null;
      /** Any JSON object; an update replaces it as a whole. */
      metadata?: Record<string, unknown> | null;
      /** The source. */
      source?: string | null;
      /** All of its tags. */
      tags?: Tags | null;
      /** Expiry: the last time at which it is valid. */
      validUntil?: Millis | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Memory>;
  };
  /** Deletes a memory; answers it. */
  "memory.delete": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Fails with `conflict` unless its `rev` equals this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Memory>;
  };
  /** Finds the newest memory with that content, else the newest that contains it in any case, else null. */
  "memory.find": {
    params: {
      /** The content, or a part of it in any case. */
      content: string;
      /** Include expired memories. */
      includeExpired?: boolean;
    };
    result: Reply<Memory | null>;
  };
  /** Reads a memory, expired or not. */
  "memory.get": {
    params: {
      /** Its id. */
      id: EntityId;
    };
    result: Reply<Memory>;
  };
  /** Reads several memories, expired or not, in the order of the ids; missing ones and duplicates are skipped. */
  "memory.getMany": {
    params: {
      /** The memories. */
      ids: Ids;
      /** `next` of the previous page. */
      cursor?: string | null;
    };
    result: Reply<Page<Memory>>;
  };
  /** Lists memories, newest first (by `createdAt` and id). */
  "memory.list": {
    params: {
      /** `next` of the previous page. */
      cursor?: string | null;
      /** Include expired memories, whose `validUntil` has passed. */
      includeExpired?: boolean;
      /** Maximum number of items in the page. A page ends early once it has 4 MiB. */
      limit?: Limit;
      /** Only memories with this tag, exactly. */
      tag?: string | null;
    };
    result: Reply<Page<Memory>>;
  };
  /** Searches memories for all words of the query, best match first (among the newest 10,000 matches); `next` is always null. */
  "memory.search": {
    params: {
      /** The query: any text, such as words, prefixes of words, Chinese within a sentence, emoji, punctuation. */
      query: string;
      /** Include expired memories. */
      includeExpired?: boolean;
      /** Maximum number of memories; fewer are answered if they are large. */
      limit?: Limit;
    };
    result: Reply<Page<MemoryHit>>;
  };
  /** Subscribes to memories. */
  "memory.subscribe": {
    params: {
      /** Bytes of events that the subscription may send before `store.credit` allows more, exceeded by at most one event; without a limit when omitted. */
      credit?: number | null;
      /** Epoch of `since`. */
      epoch?: string | null;
      /** Begin with a snapshot; with `since`, only if the change log does not reach back that far. */
      initial?: boolean;
      /** Send every revision after this one, then continue live. */
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
      /** Its id. */
      id: EntityId;
      /** The content. */
      content?: string;
      /** Fails with `conflict` unless its `rev` equals this. */
      ifRev?: number | null;
      /** Any JSON object; an update replaces it as a whole. */
      metadata?: Record<string, unknown> | null;
      /** The source. */
      source?: string | null;
      /** All of its tags. */
      tags?: Tags | null;
      /** The title. */
      title?: string;
      /** Expiry: the last time at which it is valid. */
      validUntil?: Millis | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Memory>;
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
    result: Reply<ChangePage>;
  };
  /** Who is connected, with subscriptions and their lag. */
  "store.clients": {
    params: {
    };
    result: ClientList;
  };
  /** Allows a subscription that has a `credit` to send more; answers whether there is such a subscription. */
  "store.credit": {
    params: {
      /** Bytes of events that it may send in addition. */
      bytes: number;
      /** Id that `subscribe` answered. */
      subscription: number;
    };
    result: boolean;
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
  /** The revisions of one entity, newest first, with the entity before and after. */
  "store.history": {
    params: {
      /** The name of the entity, as in changes: `todo`, `comment`, `kv`. */
      entity: string;
      /** Its id; of an entry of kv its key. */
      id: string;
      /** `next` of the previous page. */
      cursor?: string | null;
      /** Maximum number of items in the page. A page ends early once it has 4 MiB. */
      limit?: Limit;
    };
    result: Reply<Page<EntityRevision>>;
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
  /** Erases deleted entities for good: from the change log, from kept answers, and from the files. Not in `store.transact`. */
  "store.purge": {
    params: {
      /** Everything that was deleted before that time, in milliseconds since the Unix epoch, and does not exist again. */
      deletedBefore?: Millis | null;
      /** Sort of the deleted entity. */
      entity?: string | null;
      /** Its id. What was deleted with it, such as the messages of a conversation, is purged too. */
      id?: string | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<PurgeOutput>;
  };
  /** What a write with that `requestId` answered: its `rev` and `value`. */
  "store.result": {
    params: {
      /** The id that the write carried. */
      requestId: RequestId;
    };
    result: StoredReply;
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
      /** Bytes of events that the subscription may send before `store.credit` allows more, exceeded by at most one event; without a limit when omitted. */
      credit?: number | null;
      /** Epoch of `since`. */
      epoch?: string | null;
      /** Begin with a snapshot; with `since`, only if the change log does not reach back that far. */
      initial?: boolean;
      /** Only changes of these modules. */
      modules?: string[] | null;
      /** Send every revision after this one, then continue live. */
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
    result: Reply<TransactOutput>;
  };
  /** What was deleted and can still be put back, newest first. */
  "store.trash": {
    params: {
      /** `next` of the previous page. */
      cursor?: string | null;
      /** Maximum number of items in the page. A page ends early once it has 4 MiB. */
      limit?: Limit;
      /** Only changes of these modules. */
      modules?: string[] | null;
    };
    result: Reply<Page<TrashItem>>;
  };
  /** Puts back what a revision changed, as a new revision. */
  "store.undo": {
    params: {
      /** The revision to undo, with the other steps of its write if there are any. An undo can be undone too: that is redo. */
      rev: number;
      /** Also put back what has changed since. */
      force?: boolean;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Undone>;
  };
  /** Ends a subscription; answers whether there was one. Params: `[id]`. */
  "store.unsubscribe": {
    params: {
      /** Id that `subscribe` answered. */
      subscription: number;
    };
    result: boolean;
  };
  /** Adds a comment to a todo. */
  "todo.addComment": {
    params: {
      /** The text; trimmed. */
      content: string;
      /** The todo. */
      todoId: EntityId;
      /** Id of the comment; generated when omitted. */
      id?: EntityId | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<TodoComment>;
  };
  /** Creates a todo. */
  "todo.create": {
    params: {
      /** The title; trimmed. */
      title: string;
      /** The description. */
      description?: string | null;
      /** Due time. */
      dueAt?: Millis | null;
      /** Its id; generated when omitted. */
      id?: EntityId | null;
      /** Any JSON object; an update replaces it as a whole. */
      metadata?: Record<string, unknown> | null;
      /** The source. */
      source?: string | null;
      /** The status; `not_started` when omitted. */
      status?: "not_started" | "in_progress" | "completed" | "cancelled" | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Todo>;
  };
  /** Deletes a todo and its comments; answers the todo. */
  "todo.delete": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Fails with `conflict` unless its `rev` equals this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Todo>;
  };
  /** Deletes a comment; answers it. */
  "todo.deleteComment": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Fails with `conflict` unless its `rev` equals this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<TodoComment>;
  };
  /** Finds the todo with that id, else the newest with that title in any case. */
  "todo.find": {
    params: {
      /** An id, or a title in any case. */
      identifier: string;
    };
    result: Reply<Todo>;
  };
  /** Reads a todo. */
  "todo.get": {
    params: {
      /** Its id. */
      id: EntityId;
    };
    result: Reply<Todo>;
  };
  /** Lists todos by due time, those without one last; then by `createdAt` and id. */
  "todo.list": {
    params: {
      /** `next` of the previous page. */
      cursor?: string | null;
      /** Only todos due after this time. */
      dueAfter?: Millis | null;
      /** Only todos due before this time. */
      dueBefore?: Millis | null;
      /** Include archived todos: completed or cancelled, and last updated before the daemon's local midnight. */
      includeArchived?: boolean;
      /** Maximum number of items in the page. A page ends early once it has 4 MiB. */
      limit?: Limit;
      /** Only todos with one of these statuses: none for an empty list, all when omitted. */
      status?: Array<"not_started" | "in_progress" | "completed" | "cancelled"> | null;
    };
    result: Reply<Page<Todo>>;
  };
  /** Lists the comments of some todos, oldest first (by `createdAt` and id). */
  "todo.listComments": {
    params: {
      /** The todos; a todo that does not exist has no comments. */
      todoIds: Ids;
      /** `next` of the previous page. */
      cursor?: string | null;
      /** Maximum number of items in the page. A page ends early once it has 4 MiB. */
      limit?: Limit;
    };
    result: Reply<Page<TodoComment>>;
  };
  /** Subscribes to todos and comments. */
  "todo.subscribe": {
    params: {
      /** Bytes of events that the subscription may send before `store.credit` allows more, exceeded by at most one event; without a limit when omitted. */
      credit?: number | null;
      /** Epoch of `since`. */
      epoch?: string | null;
      /** Begin with a snapshot; with `since`, only if the change log does not reach back that far. */
      initial?: boolean;
      /** Send every revision after this one, then continue live. */
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
      /** Its id. */
      id: EntityId;
      /** The description. */
      description?: string | null;
      /** Due time. */
      dueAt?: Millis | null;
      /** Fails with `conflict` unless its `rev` equals this. */
      ifRev?: number | null;
      /** Any JSON object; an update replaces it as a whole. */
      metadata?: Record<string, unknown> | null;
      /** The source. */
      source?: string | null;
      /** The status. */
      status?: "not_started" | "in_progress" | "completed" | "cancelled";
      /** The title; trimmed. */
      title?: string;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Todo>;
  };
}

/** Params of every notification, by method. */
export interface Notifications {
  "chat.event": { subscription: number; result: SubscriptionEvent };
  "kv.event": { subscription: number; result: SubscriptionEvent };
  "memory.event": { subscription: number; result: SubscriptionEvent };
  "store.event": { subscription: number; result: SubscriptionEvent };
  "todo.event": { subscription: number; result: SubscriptionEvent };
}
