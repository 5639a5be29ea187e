//! [`MirrorState`].

/// Whether a mirror is up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MirrorState {
    /// It has no entities yet: it waits for the daemon, or for the first snapshot.
    Loading,
    /// It is up to date, and changes as the store does.
    Live,
    /// It shows what it had, because the connection is lost or the store was reset. It will be live again by itself.
    Stale,
    /// It has ended: [`Mirror::ended`](super::Mirror::ended) has the reason.
    Ended,
}
