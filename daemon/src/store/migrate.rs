//! Migrates a database to the schema of this binary, or refuses it before anything is touched.
//!
//! One ledger for all modules (`core_migrations`), because before a file is touched, all of them must
//! be known to this binary.

use super::connection::{self, APPLICATION_ID, Found, INCREMENTAL, Location};
use super::{OpenError, StoreConfig, backup};
use crate::limits::Limits;
use data_encoding::HEXLOWER;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// One step of a module's schema. Once released, its text never changes.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Number, counted from 1 within the module.
    pub version: u32,
    /// A few words, as in its file name.
    pub name: &'static str,
    /// The SQL.
    pub sql: &'static str,
}

impl Migration {
    fn checksum(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.sql.as_bytes()))
    }

    fn label(&self, module: &str) -> String {
        label(module, self.version, self.name)
    }
}

fn label(module: &str, version: u32, name: &str) -> String {
    format!("{module}/{version:04} {name}")
}

/// The migrations of a module, in order.
#[derive(Debug, Clone, Copy)]
pub struct ModuleSchema {
    /// Name of the module.
    pub module: &'static str,
    /// Its migrations, versions 1, 2, 3 …
    pub migrations: &'static [Migration],
}

/// The core's own tables.
pub(super) const CORE: ModuleSchema = ModuleSchema {
    module: "core",
    migrations: &[
        Migration {
            version: 1,
            name: "change_log",
            sql: include_str!("../../../migrations/core/0001_change_log.sql"),
        },
        Migration { version: 2, name: "steps", sql: include_str!("../../../migrations/core/0002_steps.sql") },
    ],
};

/// A migration that was applied to a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Applied {
    module: String,
    version: u32,
    name: String,
    checksum: String,
    stinad: String,
}

/// In the names of the copies from before migrations.
const MIGRATION_COPY: &str = "before-migration";
/// How many of those copies are kept beside the database: the newest.
const COPIES_KEPT: usize = 3;

/// A migration that a database still needs.
type Pending = (&'static str, &'static Migration);

/// Opens the database for writing, with every migration of `modules` applied. With
/// `renew`, it gets a new epoch.
pub(super) fn open(
    config: &StoreConfig,
    modules: &[ModuleSchema],
    renew: bool,
) -> Result<Connection, OpenError> {
    let schemas: Vec<ModuleSchema> = std::iter::once(CORE).chain(modules.iter().copied()).collect();
    let now = config.clock.now();
    let Some(path) = config.location.file() else {
        let mut conn = connection::writable(&config.location, &config.limits)?;
        create(&mut conn, &schemas, now)?;
        return Ok(conn);
    };
    match connection::identify(path)? {
        Found::Nothing => create_file(path, &schemas, &config.limits, now)?,
        Found::Ours => {
            let pending = look(path, &schemas, &config.limits)?;
            if let Some(witness) = &config.witness {
                witness.opening(renew);
            }
            connection::private_file(path)?;
            if let Some((module, migration)) = pending.first() {
                tracing::info!(
                    first = migration.label(module),
                    count = pending.len(),
                    "migrating the database"
                );
                let copy = backup::copy_path(path, MIGRATION_COPY, now);
                backup::verified_copy(path, &copy)?;
                tracing::info!(copy = %copy.display(), "kept a verified copy");
                // Before, not after: a migration that fails at every start must not fill the disk.
                backup::remove_old_copies(path, MIGRATION_COPY, COPIES_KEPT);
                let mut conn = connection::writable(&config.location, &config.limits)?;
                apply(&mut conn, &pending, now)?;
                // A file from before `auto_vacuum` was set takes it over.
                if conn.query_row("PRAGMA auto_vacuum", [], |row| row.get::<_, i64>(0))? != INCREMENTAL {
                    conn.execute_batch("VACUUM")?;
                }
            }
        }
    }
    Ok(connection::writable(&config.location, &config.limits)?)
}

/// Creates a new database under another name and renames it when it is complete, so that a crash leaves no partial one.
fn create_file(path: &Path, schemas: &[ModuleSchema], limits: &Limits, now: i64) -> Result<(), OpenError> {
    let new = connection::beside(path, ".new");
    for suffix in ["", "-journal", "-wal", "-shm"] {
        remove_if_there(&connection::beside(&new, suffix))?;
    }
    connection::private_file(&new)?;
    let mut conn = connection::writable(&Location::File(new.clone()), limits)?;
    create(&mut conn, schemas, now)?;
    // Everything into the main file: its header must have our application id before it has that name.
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection::keep_wal_when_closed(&conn, false)?;
    conn.close().map_err(|(_, error)| error)?;
    File::open(&new)?.sync_all()?;
    std::fs::rename(&new, path)?;
    backup::sync_directory(path)?;
    Ok(())
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn create(conn: &mut Connection, schemas: &[ModuleSchema], now: i64) -> Result<(), OpenError> {
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    let pending: Vec<Pending> =
        schemas.iter().flat_map(|s| s.migrations.iter().map(|m| (s.module, m))).collect();
    apply(conn, &pending, now)
}

/// Compares the ledger with the migrations of this binary, on a read-only handle.
fn look(path: &Path, schemas: &[ModuleSchema], limits: &Limits) -> Result<Vec<Pending>, OpenError> {
    let conn = connection::look_at(path)?;
    connection::read_settings(&conn, limits)?;
    let applied = ledger(&conn)?;
    for row in &applied {
        let schema = schemas.iter().find(|s| s.module == row.module);
        let known = schema.and_then(|s| s.migrations.iter().find(|m| m.version == row.version));
        let migration = || label(&row.module, row.version, &row.name);
        let path = || PathBuf::from(path);
        match known {
            None => {
                return Err(OpenError::Newer {
                    path: path(),
                    needed: row.stinad.clone(),
                    migration: migration(),
                });
            }
            Some(known) if known.checksum() != row.checksum => {
                return Err(OpenError::Changed {
                    path: path(),
                    migration: migration(),
                    applied_by: row.stinad.clone(),
                });
            }
            Some(_) => {}
        }
    }
    let is_applied =
        |module: &str, version| applied.iter().any(|a| a.module == module && a.version == version);
    let all = schemas.iter().flat_map(|s| s.migrations.iter().map(|m| (s.module, m)));
    Ok(all.filter(|(module, m)| !is_applied(module, m.version)).collect())
}

/// Every migration that was applied to a database.
pub(super) fn ledger(conn: &Connection) -> rusqlite::Result<Vec<Applied>> {
    let sql = "SELECT module, version, name, checksum, stinad FROM core_migrations ORDER BY module, version";
    conn.prepare(sql)?
        .query_map([], |row| {
            Ok(Applied {
                module: row.get(0)?,
                version: row.get(1)?,
                name: row.get(2)?,
                checksum: row.get(3)?,
                stinad: row.get(4)?,
            })
        })?
        .collect()
}

/// Foreign keys are off meanwhile, so that a migration may rebuild a table that others refer to: with them on, dropping the
/// old one would delete the rows that refer to it, or fail. SQLite ignores the setting within a transaction.
/// Source: <https://www.sqlite.org/lang_altertable.html#otheralter>.
fn apply(conn: &mut Connection, pending: &[Pending], now: i64) -> Result<(), OpenError> {
    conn.pragma_update(None, "foreign_keys", false)?;
    for (module, migration) in pending {
        apply_one(conn, module, migration, now)?;
    }
    conn.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

fn apply_one(conn: &mut Connection, module: &str, migration: &Migration, now: i64) -> Result<(), OpenError> {
    let label = || migration.label(module);
    let failed = |source| OpenError::Migration { migration: label(), source };
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    run(&tx, module, migration, now).map_err(failed)?;
    let dangling =
        tx.query_row("SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
    if let Some((table, parent)) = dangling.optional().map_err(failed)? {
        // Dropping the transaction rolls it back.
        return Err(OpenError::ForeignKeys { migration: label(), table, parent });
    }
    tx.commit().map_err(failed)
}

fn run(tx: &Connection, module: &str, migration: &Migration, now: i64) -> rusqlite::Result<()> {
    tx.execute_batch(migration.sql)?;
    tx.execute(
        "INSERT INTO core_migrations (module, version, name, checksum, stinad, applied_at) VALUES (?, ?, ?, ?, ?, ?)",
        params![module, migration.version, migration.name, migration.checksum(), env!("CARGO_PKG_VERSION"), now],
    )?;
    tx.execute("INSERT OR IGNORE INTO core_meta (name, value) VALUES ('epoch', ?)", [new_epoch()]).map(drop)
}

fn new_epoch() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Begins a new history and returns its epoch: a subscriber with a cursor of the old one is `reset`.
pub(super) fn renew_epoch(conn: &Connection) -> rusqlite::Result<String> {
    let epoch = new_epoch();
    conn.execute("UPDATE core_meta SET value = ? WHERE name = 'epoch'", [&epoch])?;
    Ok(epoch)
}

/// The epoch of an open database.
pub(super) fn epoch(conn: &Connection) -> rusqlite::Result<String> {
    let epoch = conn.query_row("SELECT value FROM core_meta WHERE name = 'epoch'", [], |row| row.get(0));
    Ok(epoch.optional()?.unwrap_or_default())
}

/// Newest migration of each module.
pub(crate) fn versions(tx: &super::ReadTx<'_>) -> super::Result<std::collections::BTreeMap<String, u32>> {
    Ok(ledger(tx.conn())?.into_iter().map(|a| (a.module, a.version)).collect())
}
