// Types of stinad's protocol, generated from `rpc.discover`.
// Kept fresh by a test; to write it anew: STINA_UPDATE=1 cargo test -p stina-tests typescript

/** One page of a list. */
export type Page<T> = {
  /** The items, in the list's order. */
  items: T[];
  /** Opaque cursor of the next page; null at the end. */
  next: string | null;
};

/** The envelope of every data method. */
export type Reply<T> = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: T;
};

/** Answer of `AppendDelta`. */
export type Appended = {
  /** Length of the text so far, in bytes of UTF-8: the next `offset`. */
  offset: number;
};

/** Answer of `CancelMessage`. */
export type Cancelled = {
  /** Whether the owner was asked; false when the message has already ended. */
  cancelled: boolean;
};

/** One entity of a revision. */
export type Change = {
  entity: "kv";
  /** Its id. */
  id: string;
  /** What happened to it. */
  op: Op;
  /** The entity as the API shows it, for a put. */
  value?: Entry;
} | {
  entity: "todo";
  /** Its id. */
  id: string;
  /** What happened to it. */
  op: Op;
  /** The entity as the API shows it, for a put. */
  value?: Todo;
} | {
  entity: "comment";
  /** Its id. */
  id: string;
  /** What happened to it. */
  op: Op;
  /** The entity as the API shows it, for a put. */
  value?: TodoComment;
} | {
  entity: "memory";
  /** Its id. */
  id: string;
  /** What happened to it. */
  op: Op;
  /** The entity as the API shows it, for a put. */
  value?: Memory;
} | {
  entity: "conversation";
  /** Its id. */
  id: string;
  /** What happened to it. */
  op: Op;
  /** The entity as the API shows it, for a put. */
  value?: Conversation;
} | {
  entity: "interaction";
  /** Its id. */
  id: string;
  /** What happened to it. */
  op: Op;
  /** The entity as the API shows it, for a put. */
  value?: Interaction;
} | {
  entity: "message";
  /** Its id. */
  id: string;
  /** What happened to it. */
  op: Op;
  /** The entity as the API shows it, for a put. */
  value?: Message;
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

/** What `ClearHistory` deleted. */
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
  /** Process id of the peer, where the system tells it. */
  pid: number | null;
  /** Open subscriptions. */
  subscriptions: SubscriptionState[];
  /** Version from `store.hello`. */
  version: string | null;
};

/** A conversation. */
export type Conversation = {
  /** Which model answers in it. */
  aiModel: string | null;
  /** When it was started, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its id, `c_…` unless its maker chose another. */
  id: string;
  /** Who answers in it, such as `openai`. */
  provider: string | null;
  /** Revision that last changed it. */
  rev: number;
  /** Its place among conversations of the same `createdAt`; never used twice. */
  seq: number;
  /** Its title. */
  title: string | null;
  /** When it or anything in it last changed, in milliseconds since the Unix epoch. */
  updatedAt: number;
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

/** What an error says to programs: its kind, the members of that kind, and what the place where it arose adds. */
export type ErrorData = ({
  /** The value that would have been right, where there is exactly one. */
  expected?: unknown;
  /** The member at fault (`todo.title` style path), or empty when it is the message as a whole. */
  field: string;
  kind: "invalid";
  /** What is wrong with it, for people. */
  reason: string;
} | {
  /** Sort of entity. */
  entity: string;
  /** The id that was asked for. */
  id: string;
  kind: "not_found";
} | {
  /** Sort of entity. */
  entity: string;
  /** The id that was asked for. */
  id: string;
  kind: "already_exists";
} | {
  /** The entity as it is now, byte for byte; null when there is none. Of an undo: the list of those that have changed (`ChangedSince`). */
  current: unknown;
  kind: "conflict";
} | {
  kind: "request_mismatch";
} | {
  kind: "compacted";
  /** First revision that is still in the log. */
  oldestRev: number;
} | {
  kind: "too_large";
  /** The limit, in bytes or items as the message in question counts. */
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
  /** What was asked for. */
  what: string;
} | {
  kind: "internal";
}) & {
  /** Id of the line in the daemon's log that says more. */
  errorId?: string | null;
  /** Index of the failing step of a `store.transact`. */
  index?: number | null;
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

/** How many messages `initial` sends: 0 to 1000, 50 when not said. */
export type InitialMessages = number;

/** An interaction: a question, and all that follows from it. */
export type Interaction = {
  /** Whether it was broken off. Then so are its messages. */
  aborted: boolean;
  /** Which model answers: of the conversation when it was opened. */
  aiModel: string | null;
  /** Its conversation. */
  conversationId: string;
  /** When it was opened, in milliseconds since the Unix epoch: `createdAt` of its first message. */
  createdAt: number;
  /** Its id, `ia_…` unless its maker chose another. */
  id: string;
  /** Its messages in order; absent where interactions are told as changes, and in lists where they are more than the limit `frameBytes`. */
  messages?: Message[] | null;
  /** Who answers: of the message that opened it, else of the conversation at that time. */
  provider: string | null;
  /** Revision that last changed it. */
  rev: number;
  /** Its place among interactions of the same `createdAt`; never used twice. */
  seq: number;
};

/** A key: 1 to 512 bytes of text without NUL. */
export type Key = string;

/** How many items a list gives at most: 1 to 1000, 100 when not said. */
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
  /** Whether `before` and `after` are left out of its changes: together they are more than the limit `frameBytes`. */
  omitted?: boolean;
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
  metadata: Record<string, unknown> | null;
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

/** A memory that `Search` found: the memory's members, and `snippet`. */
export type MemoryHit = {
  /** What is to be remembered, kept as it was given. */
  content: string;
  /** When it was made, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its id. */
  id: string;
  /** Any JSON object, kept as it was given. */
  metadata: Record<string, unknown> | null;
  /** Revision that last changed it. */
  rev: number;
  /** The part of the content (else of the title, else the tags) around the first match, on one line: matches in `[` and `]`, `…` where something is left out. */
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

/** A message. */
export type Message = {
  /** Whether it or its interaction was broken off. */
  aborted: boolean;
  /** The text: any Unicode. */
  content: string;
  /** Its conversation. */
  conversationId: string;
  /** When it was said, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its id, `m_…` unless its maker chose another. */
  id: string;
  /** Its interaction. */
  interactionId: string;
  /** Any JSON value. */
  metadata: unknown;
  /** Who answered, such as `openai`. */
  provider: string | null;
  /** Revision that last changed it. */
  rev: number;
  /** Who speaks. */
  role: Role;
  /** Its place among messages of the same `createdAt`; never used twice. */
  seq: number;
  /** Whether it is still being written. */
  state: MessageState;
};

/** A message that a search found. */
export type MessageHit = {
  /** Its conversation. */
  conversationId: string;
  /** When it was said, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** Its interaction. */
  interactionId: string;
  /** The message. */
  messageId: string;
  /** Who speaks. */
  role: Role;
  /** A few words of it around what was found. */
  snippet: string;
};

/** Whether a message is still being written. */
export type MessageState = "complete" | "streaming";

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
  /** The revision that this one undoes. */
  undoes?: number | null;
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

/** Who speaks in a message. */
export type Role = "user" | "assistant" | "instructions" | "info" | "tool" | "debug" | "error";

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

/** How far a todo has come. Callers may give it in any case, with `-` and spaces for `_`, and by some other names: see `Status::read`. */
export type Status = "not_started" | "in_progress" | "completed" | "cancelled";

/** One step of `Transact`. */
export type Step = {
  /** Name of a mutating method. */
  method: string;
  /** Its params, without `requestId`. */
  params?: unknown;
};

/** One notification of a subscription. */
export type SubscriptionEvent = Changes & {
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
  metadata: Record<string, unknown> | null;
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

/** A comment on a todo. */
export type TodoComment = {
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

/** Answer of `Transact`. */
export type TransactOutput = {
  /** What each step answers, in order: the `value` that the method alone would have answered. */
  results: unknown[];
};

/** An entity that was deleted and can be put back, by undoing the revision that deleted it. */
export type TrashItem = {
  /** When it was deleted, in milliseconds since the Unix epoch. */
  deletedAt: number;
  /** Sort of entity. */
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
  /** The revision that this undo made; the newest one when there was nothing to put back. */
  rev: number;
};

/** One change that an undo made. */
export type UndoneChange = {
  /** Sort of entity. */
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
  /** Marks an interaction and its messages as aborted; messages still being written are asked to end. */
  "chat.abortInteraction": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Only if its `rev` is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Interaction>;
  };
  /** Ends a message that is being written, with the text so far, as aborted. An aborted one stays as it is. */
  "chat.abortMessage": {
    params: {
      /** The message. */
      messageId: EntityId;
      /** Only if the message's `rev` is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Message>;
  };
  /** Adds words to a message that is being written. Repeating what was sent before does nothing. */
  "chat.appendDelta": {
    params: {
      /** The message; begun on this connection, and its beginning answered. */
      messageId: EntityId;
      /** Where `text` begins, in bytes of UTF-8. At most the length of the text so far; what lies before that length must be what was sent before. A gap is `invalid`, with the length in `expected`. */
      offset: number;
      /** The words. */
      text: string;
    };
    result: Appended;
  };
  /** Adds a message, and the conversation and interaction for it where they are missing. */
  "chat.appendMessage": {
    params: {
      /** The text: any Unicode, up to the limit `messageBytes`. */
      content: string;
      /** Who speaks. */
      role: Role;
      /** Whether it was broken off; if so, its interaction is too. */
      aborted?: boolean | null;
      /** Its conversation; when not said that of the interaction, else the current one, made if there is none. */
      conversationId?: EntityId | null;
      /** When it was said; now when not said. */
      createdAt?: Millis | null;
      /** Its id; a new one when not said. */
      id?: EntityId | null;
      /** Its interaction, made if there is none with that id; a new one when not said. */
      interactionId?: EntityId | null;
      /** Any JSON value. */
      metadata?: unknown;
      /** Who answers. */
      provider?: string | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Message>;
  };
  /** Begins a message whose text follows in deltas; this connection owns it. Not over HTTP. */
  "chat.beginMessage": {
    params: {
      /** Who speaks. */
      role: Role;
      /** The beginning of the text; the first delta's `offset` is its length in bytes. */
      content?: string;
      /** Its conversation; when not said that of the interaction, else the current one, made if there is none. */
      conversationId?: EntityId | null;
      /** When it was said; now when not said. */
      createdAt?: Millis | null;
      /** Its id; a new one when not said. */
      id?: EntityId | null;
      /** Its interaction, made if there is none with that id; a new one when not said. */
      interactionId?: EntityId | null;
      /** Any JSON value. */
      metadata?: unknown;
      /** Who answers. */
      provider?: string | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Message>;
  };
  /** Asks the owner of a message that is being written to end it; the daemon aborts it when it does not. */
  "chat.cancelMessage": {
    params: {
      /** The message. */
      messageId: EntityId;
    };
    result: Cancelled;
  };
  /** Deletes every conversation but the current one. */
  "chat.clearHistory": {
    params: {
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Cleared>;
  };
  /** How many messages a conversation has. */
  "chat.countMessages": {
    params: {
      /** The conversation; the current one when not said. */
      conversationId?: EntityId | null;
    };
    result: Reply<number>;
  };
  /** Deletes a conversation with all that is in it; answers it. If it was current, the newest other becomes so. */
  "chat.deleteConversation": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Only if its `rev` is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Conversation>;
  };
  /** Deletes an interaction with its messages; answers it. */
  "chat.deleteInteraction": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Only if its `rev` is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Interaction>;
  };
  /** The current conversation; starts one when there is none. */
  "chat.ensureCurrent": {
    params: {
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Conversation>;
  };
  /** Ends a message that is being written: it is complete. */
  "chat.finishMessage": {
    params: {
      /** The message; begun on this connection. */
      messageId: EntityId;
      /** The whole text, instead of the text so far. */
      content?: string | null;
      /** Only if the message's `rev` is this. */
      ifRev?: number | null;
      /** Any JSON value, instead of the one given at the beginning. */
      metadata?: unknown;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Message>;
  };
  /** A conversation. */
  "chat.getConversation": {
    params: {
      /** Its id. */
      id: EntityId;
    };
    result: Reply<Conversation>;
  };
  /** An interaction with its messages; `too_large` when those are more than the limit `frameBytes`. */
  "chat.getInteraction": {
    params: {
      /** Its id. */
      id: EntityId;
    };
    result: Reply<Interaction>;
  };
  /** Conversations, newest first by `createdAt`. */
  "chat.listConversations": {
    params: {
      /** `next` of the page before. */
      cursor?: string | null;
      /** Most items of one page. A page also ends once it is large. */
      limit?: Limit;
    };
    result: Reply<Page<Conversation>>;
  };
  /** Interactions of a conversation with their messages, oldest first: the newest, or those next to a cursor. */
  "chat.listInteractions": {
    params: {
      /** Only what is newer than this. */
      after?: string | null;
      /** Only what is older than this. */
      before?: string | null;
      /** The conversation; the current one when not said. */
      conversationId?: EntityId | null;
      /** Most items of one page. */
      limit?: Limit;
    };
    result: Reply<Page<Interaction>>;
  };
  /** Messages of a conversation, oldest first: the newest, or those next to a cursor. */
  "chat.listMessages": {
    params: {
      /** Only what is newer than this. */
      after?: string | null;
      /** Only what is older than this. */
      before?: string | null;
      /** The conversation; the current one when not said. */
      conversationId?: EntityId | null;
      /** Most items of one page. */
      limit?: Limit;
    };
    result: Reply<Page<Message>>;
  };
  /** Full-text search in messages, best first, with a snippet. */
  "chat.search": {
    params: {
      /** What to look for: any text. */
      query: string;
      /** Only in this conversation. */
      conversationId?: EntityId | null;
      /** Most hits. */
      limit?: Limit;
    };
    result: Reply<Page<MessageHit>>;
  };
  /** Makes a conversation the current one. */
  "chat.setCurrent": {
    params: {
      /** The conversation. */
      conversationId: EntityId;
      /** Only if the conversation's `rev` is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Conversation>;
  };
  /** Starts a conversation; it becomes the current one. */
  "chat.startConversation": {
    params: {
      /** Which model answers in it. */
      aiModel?: string | null;
      /** Its id; a new one when not said. */
      id?: EntityId | null;
      /** Who answers in it. */
      provider?: string | null;
      /** Its title. */
      title?: string | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Conversation>;
  };
  /** Changes of conversations, interactions, messages and the current conversation, and words as they come. */
  "chat.subscribe": {
    params: {
      /** Only this conversation and what is in it. Which one is current comes all the same, as an entity `kv`. */
      conversationId?: EntityId | null;
      /** Whether deltas of streaming messages come too. */
      deltas?: boolean;
      /** Epoch that `since` belongs to. */
      epoch?: string | null;
      /** Begin with a snapshot of the entities; with `since`, only when the log can't serve it. */
      initial?: boolean;
      /** How many messages `initial` sends: the last ones of the conversation asked for, else of the current one, with their interactions. */
      initialMessages?: InitialMessages;
      /** Replay every revision after this one, then go on live. */
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
      /** Which model answers in it. */
      aiModel?: string | null;
      /** Only if its `rev` is this. */
      ifRev?: number | null;
      /** Who answers in it. */
      provider?: string | null;
      /** Its title. */
      title?: string | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Conversation>;
  };
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
    result: Reply<Entry | null>;
  };
  /** The entry under a key, or null. */
  "kv.get": {
    params: {
      /** The key. */
      key: Key;
    };
    result: Reply<Entry | null>;
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
    result: Reply<Entry>;
  };
  /** Entries by key, in byte order. */
  "kv.list": {
    params: {
      /** `next` of the page before. */
      cursor?: string | null;
      /** Most items of one page. A page also ends once it is large. */
      limit?: Limit;
      /** Only keys that begin with this. */
      prefix?: string | null;
    };
    result: Reply<Page<Entry>>;
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
    result: Reply<Entry>;
  };
  /** Changes of entries. */
  "kv.subscribe": {
    params: {
      /** Epoch that `since` belongs to. */
      epoch?: string | null;
      /** Begin with a snapshot of the entities; with `since`, only when the log can't serve it. */
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
      /** Any JSON object; an update replaces it as a whole. */
      metadata?: Record<string, unknown> | null;
      /** Where it came from. */
      source?: string | null;
      /** Its tags, all of them. */
      tags?: Tags | null;
      /** Last moment at which it holds. */
      validUntil?: Millis | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Memory>;
  };
  /** Removes a memory; answers it. */
  "memory.delete": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Only if its `rev` is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Memory>;
  };
  /** The newest memory with that content, else the newest whose content contains it in any case, else null. */
  "memory.find": {
    params: {
      /** A content, or a part of one in any case. */
      content: string;
      /** Expired ones too. */
      includeExpired?: boolean;
    };
    result: Reply<Memory | null>;
  };
  /** One memory, expired or not. */
  "memory.get": {
    params: {
      /** Its id. */
      id: EntityId;
    };
    result: Reply<Memory>;
  };
  /** Those of some memories that exist, expired or not, each once, in the order asked for. */
  "memory.getMany": {
    params: {
      /** The memories. */
      ids: Ids;
      /** Where the last page ended. */
      cursor?: string | null;
    };
    result: Reply<Page<Memory>>;
  };
  /** Memories, newest first (by `createdAt` and id). */
  "memory.list": {
    params: {
      /** `next` of the page before. */
      cursor?: string | null;
      /** Expired ones too: whose `validUntil` has passed. */
      includeExpired?: boolean;
      /** Most items of one page. A page also ends once it is large. */
      limit?: Limit;
      /** Only memories with this tag, exactly. */
      tag?: string | null;
    };
    result: Reply<Page<Memory>>;
  };
  /** Memories with all of the words in title, content or tags, best first (of the newest 10,000 that have them); `next` is always null. */
  "memory.search": {
    params: {
      /** Any text: words, beginnings of words, Chinese in the middle of a sentence, emoji, punctuation. */
      query: string;
      /** Expired ones too. */
      includeExpired?: boolean;
      /** Most memories to answer. There are fewer once they are large. */
      limit?: Limit;
    };
    result: Reply<Page<MemoryHit>>;
  };
  /** Changes of memories. */
  "memory.subscribe": {
    params: {
      /** Epoch that `since` belongs to. */
      epoch?: string | null;
      /** Begin with a snapshot of the entities; with `since`, only when the log can't serve it. */
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
      /** Its id. */
      id: EntityId;
      /** What is to be remembered. */
      content?: string;
      /** Only if its `rev` is this. */
      ifRev?: number | null;
      /** Any JSON object; an update replaces it as a whole. */
      metadata?: Record<string, unknown> | null;
      /** Where it came from. */
      source?: string | null;
      /** Its tags, all of them. */
      tags?: Tags | null;
      /** What it is about. */
      title?: string;
      /** Last moment at which it holds. */
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
      /** Sort of entity, as changes name it: `todo`, `comment`, `kv`. */
      entity: string;
      /** Its id; of an entry of kv its key. */
      id: string;
      /** `next` of the page before. */
      cursor?: string | null;
      /** Most items of one page. A page also ends once it is large. */
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
  /** What a write with that `requestId` answered: its `rev` and `value`. */
  "store.result": {
    params: {
      /** The id that the write carried. */
      requestId: RequestId;
    };
    result: Reply<unknown>;
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
      /** Begin with a snapshot of the entities; with `since`, only when the log can't serve it. */
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
    result: Reply<TransactOutput>;
  };
  /** What was deleted and can still be put back, newest first. */
  "store.trash": {
    params: {
      /** `next` of the page before. */
      cursor?: string | null;
      /** Most items of one page. A page also ends once it is large. */
      limit?: Limit;
      /** Only changes of these modules. */
      modules?: string[] | null;
    };
    result: Reply<Page<TrashItem>>;
  };
  /** Puts back what a revision changed, as a new revision. */
  "store.undo": {
    params: {
      /** The revision to undo. An undo can be undone too: that is redo. */
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
    result: Reply<TodoComment>;
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
      /** Any JSON object; an update replaces it as a whole. */
      metadata?: Record<string, unknown> | null;
      /** Where it came from. */
      source?: string | null;
      /** How far it has come; `not_started` when not said. */
      status?: Status | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Todo>;
  };
  /** Removes a todo and its comments; answers the todo. */
  "todo.delete": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Only if its `rev` is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<Todo>;
  };
  /** Removes a comment; answers it. */
  "todo.deleteComment": {
    params: {
      /** Its id. */
      id: EntityId;
      /** Only if its `rev` is this. */
      ifRev?: number | null;
      /** Makes the write happen once: a repeat with the same id changes nothing and gets the same answer. */
      requestId?: RequestId;
    };
    result: Reply<TodoComment>;
  };
  /** The todo with that id, else the newest with that title, whatever its case. */
  "todo.find": {
    params: {
      /** An id, or a title in any case. */
      identifier: string;
    };
    result: Reply<Todo>;
  };
  /** One todo. */
  "todo.get": {
    params: {
      /** Its id. */
      id: EntityId;
    };
    result: Reply<Todo>;
  };
  /** Todos by due date, those without one last; then by `createdAt` and id. */
  "todo.list": {
    params: {
      /** `next` of the page before. */
      cursor?: string | null;
      /** Only todos that are due later than this. */
      dueAfter?: Millis | null;
      /** Only todos that are due earlier than this. */
      dueBefore?: Millis | null;
      /** Archived ones too: completed or cancelled, and last updated before the daemon's local midnight. */
      includeArchived?: boolean;
      /** Most items of one page. A page also ends once it is large. */
      limit?: Limit;
      /** Only todos with one of these. */
      status?: Status[] | null;
    };
    result: Reply<Page<Todo>>;
  };
  /** The comments of some todos, oldest first (by `createdAt` and id). */
  "todo.listComments": {
    params: {
      /** The todos; one that does not exist has no comments. */
      todoIds: Ids;
      /** `next` of the page before. */
      cursor?: string | null;
      /** Most items of one page. A page also ends once it is large. */
      limit?: Limit;
    };
    result: Reply<Page<TodoComment>>;
  };
  /** Changes of todos and comments. */
  "todo.subscribe": {
    params: {
      /** Epoch that `since` belongs to. */
      epoch?: string | null;
      /** Begin with a snapshot of the entities; with `since`, only when the log can't serve it. */
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
      /** Its id. */
      id: EntityId;
      /** More about it. */
      description?: string | null;
      /** When it is due. */
      dueAt?: Millis | null;
      /** Only if its `rev` is this. */
      ifRev?: number | null;
      /** Any JSON object; an update replaces it as a whole. */
      metadata?: Record<string, unknown> | null;
      /** Where it came from. */
      source?: string | null;
      /** How far it has come. */
      status?: Status;
      /** What is to be done. White space around it is taken off. */
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
