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

/** The envelope of every data method. */
export type Reply = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: Entry | null;
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
  value: ChangePage;
};

/** The envelope of every data method. */
export type Reply5 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: unknown;
};

/** The envelope of every data method. */
export type Reply6 = {
  /** Revision that a read saw, or that a write made. */
  rev: number;
  /** The result itself. */
  value: TransactOutput;
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
    result: Reply4;
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
    result: Reply5;
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
    result: Reply6;
  };
  /** Ends a subscription; answers whether there was one. Params: `[id]`. */
  "store.unsubscribe": {
    params: {
      /** Id that `subscribe` answered. */
      subscription: number;
    };
    result: boolean;
  };
}

/** Params of every notification, by method. */
export interface Notifications {
  "kv.event": { subscription: number; result: SubscriptionEvent };
  "store.event": { subscription: number; result: SubscriptionEvent };
}
