//! A module whose methods take hours, unless they are interrupted.

use serde::{Deserialize, Serialize};
use std::path::Path;
use stina_protocol::method::Method;
use stinad::rpc::{Module, Registry};
use stinad::store::{Migration, Result, WriteTx};

/// The module.
pub const MODULE: Module = Module { name: "slow", migrations: &[MIGRATION], entities: &[], register };

const MIGRATION: Migration =
    Migration { version: 1, name: "slow", sql: "CREATE TABLE slow_rows (n INTEGER NOT NULL) STRICT" };

/// Numbers without a useful end.
const NUMBERS: &str =
    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000000000)";

/// What takes hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum How {
    /// One statement.
    Statement,
    /// Very many short statements.
    Statements,
    /// The same, until the file is removed.
    UntilRemoved,
}

/// Params of the methods.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowParams {
    how: How,
    /// A file that is made when the method begins.
    begun: String,
}

stina_protocol::methods! {
    /// Reads for hours.
    Read_ = "slow.read": Read(SlowParams) -> u64;
    /// Writes for hours.
    Write_ = "slow.write": Write(SlowParams) -> u64;
}

const _: fn() = || {
    fn is_method<M: Method>() {}
    is_method::<Read_>();
    is_method::<Write_>();
};

fn register(registry: &mut Registry) {
    registry.scan::<Read_>(|tx, params| {
        begin(&params)?;
        let sql = match params.how {
            How::Statement => format!("{NUMBERS} SELECT max(n) FROM numbers"),
            How::Statements | How::UntilRemoved => "SELECT count(*) FROM slow_rows".to_owned(),
        };
        while params.how != How::UntilRemoved || Path::new(&params.begun).exists() {
            tx.first(&sql, [], |_| Ok(()))?;
        }
        Ok(0)
    });
    registry.write::<Write_>(write);
}

fn write(tx: &mut WriteTx<'_>, params: SlowParams) -> Result<u64> {
    begin(&params)?;
    loop {
        match params.how {
            // Its rows are dropped one by one, so that it takes no room.
            How::Statement => {
                let sql = format!("{NUMBERS} INSERT OR IGNORE INTO slow_rows SELECT NULL FROM numbers");
                tx.execute(&sql, [])?
            }
            How::Statements | How::UntilRemoved => tx.execute("UPDATE slow_rows SET n = n + 1", [])?,
        };
    }
}

fn begin(params: &SlowParams) -> Result<()> {
    Ok(std::fs::write(Path::new(&params.begun), "")?)
}
