//! The entities of chat: conversations, interactions, messages and their search index.

use super::repository::pieces;
use crate::modules::text_search::index_text;
use crate::store::{Entity, EntityKind, ReadTx, Result, Table, WriteTx, entity};
use rusqlite::params;
use std::sync::LazyLock;
use stina_protocol::chat::{Conversation, Interaction, Message, MessageState};

const MODULE: &str = super::NAME;

impl Entity for Conversation {
    const KIND: EntityKind = EntityKind::of::<Self>(MODULE, "conversation", "chat_conversations");
    const ROW: Option<&'static str> = Some("seq");

    fn table() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(Table::of::<Conversation>);
        &TABLE
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn set_rev(&mut self, rev: u64) {
        self.rev = rev;
    }

    fn row(&self) -> u64 {
        self.seq
    }

    fn set_row(&mut self, row: u64) {
        self.seq = row;
    }

    fn remove_parts(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let those = "WHERE conversation_id = ? ORDER BY created_at, seq";
        Ok(entity::remove_all::<Message>(tx, those, [self.id.as_str()])?
            && entity::remove_all::<Interaction>(tx, those, [self.id.as_str()])?)
    }
}

impl Entity for Interaction {
    const KIND: EntityKind = EntityKind::of::<Self>(MODULE, "interaction", "chat_interactions");
    const ROW: Option<&'static str> = Some("seq");
    const ELSEWHERE: &'static [&'static str] = &["messages"];

    fn table() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(Table::of::<Interaction>);
        &TABLE
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn set_rev(&mut self, rev: u64) {
        self.rev = rev;
    }

    fn scope(&self) -> Option<&str> {
        Some(&self.conversation_id)
    }

    fn row(&self) -> u64 {
        self.seq
    }

    fn set_row(&mut self, row: u64) {
        self.seq = row;
    }

    fn remove_parts(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        entity::remove_all::<Message>(
            tx,
            "WHERE interaction_id = ? ORDER BY created_at, seq",
            [self.id.as_str()],
        )
    }
}

impl Entity for Message {
    const KIND: EntityKind = EntityKind::of::<Self>(MODULE, "message", "chat_messages");
    const ROW: Option<&'static str> = Some("seq");

    fn table() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(Table::of::<Message>);
        &TABLE
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }

    fn set_rev(&mut self, rev: u64) {
        self.rev = rev;
    }

    fn scope(&self) -> Option<&str> {
        Some(&self.conversation_id)
    }

    fn row(&self) -> u64 {
        self.seq
    }

    fn set_row(&mut self, row: u64) {
        self.seq = row;
    }

    /// Adds the saved text to a streaming message, and the `aborted` of its interaction.
    fn complete(mut self, tx: &ReadTx<'_>) -> Result<Self> {
        if self.state == MessageState::Streaming {
            self.content.push_str(&pieces::text(tx, self.seq)?);
            let interaction: Option<Interaction> = entity::find(tx, &self.interaction_id)?;
            self.aborted |= interaction.is_some_and(|interaction| interaction.aborted);
        }
        Ok(self)
    }

    /// A streaming message comes back without its writer: complete and aborted, with the text that was saved.
    fn put_back(mut self, _: i64) -> Self {
        if self.state == MessageState::Streaming {
            (self.state, self.aborted) = (MessageState::Complete, true);
        }
        self
    }

    /// The index has complete messages only.
    fn index(tx: &WriteTx<'_>, before: Option<&Self>, after: Option<&Self>) -> Result<()> {
        let complete = |message: &&Self| message.state == MessageState::Complete;
        let (before, after) = (before.filter(complete), after.filter(complete));
        if before.map(|message| &message.content) == after.map(|message| &message.content) {
            return Ok(());
        }
        if let Some(before) = before {
            tx.execute("DELETE FROM chat_search WHERE rowid = ?", [before.seq])?;
        }
        if let Some(after) = after {
            let words = index_text(&after.content);
            tx.execute("INSERT INTO chat_search (rowid, words) VALUES (?, ?)", params![after.seq, words])?;
        }
        Ok(())
    }
}
