//! The current conversation, an entry of kv.

use crate::modules::kv;
use crate::store::{ReadTx, Result, WriteTx, entity};
use stina_protocol::Json;
use stina_protocol::chat::{CURRENT_KEY, Conversation};

/// The current conversation. Any client may write the entry; if it names no conversation, there is no current one.
///
/// # Errors
/// SQLite's.
pub fn get(tx: &ReadTx<'_>) -> Result<Option<Conversation>> {
    let entry = kv::repository::get(tx, CURRENT_KEY)?;
    let id = entry.and_then(|entry| entry.value.to::<String>().ok());
    id.map_or(Ok(None), |id| entity::find(tx, &id))
}

/// Makes a conversation the current one; `None` clears it.
///
/// # Errors
/// SQLite's.
pub fn set(tx: &mut WriteTx<'_>, id: Option<&str>) -> Result<()> {
    let Some(id) = id else {
        kv::repository::delete(tx, CURRENT_KEY, None)?;
        return Ok(());
    };
    let value = Json::of(id)?;
    if kv::repository::get(tx, CURRENT_KEY)?.is_none_or(|entry| entry.value != value) {
        kv::repository::set(tx, CURRENT_KEY, value, None)?;
    }
    Ok(())
}
