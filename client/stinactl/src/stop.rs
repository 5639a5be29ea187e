//! `stinactl stop`: ends the daemon.

use super::context::{Context, TIMEOUT};
use super::failure::Failure;
use rustix::process::{Pid, test_kill_process};
use std::path::Path;
use std::time::Duration;
use stina_client::{Client, ConnectionState, Error};

/// Stop the daemon and wait until it has ended
#[derive(Debug, clap::Args)]
pub(super) struct Stop {}

/// How often to check whether it has ended.
const LOOK: Duration = Duration::from_millis(10);

impl Stop {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Context { client, out, timeout } = context;
        let pid = match client.state() {
            ConnectionState::Connected { pid, .. } => pid,
            ConnectionState::Reconnecting { why, reason, .. } => {
                let socket = client.options().socket.clone();
                return Err(Error::NotReachable { socket, why, reason, source: None }.into());
            }
            _ => return Err(Error::Closed.into()),
        };
        let rev = client.store().stop().await?;
        client.close().await;
        let limit = timeout.unwrap_or(TIMEOUT);
        if tokio::time::timeout(limit, ended(client, pid)).await.is_err() {
            return Err(Failure::Other(format!("stinad (pid {pid}) has not ended within {limit:?}")));
        }
        match rev {
            Some(rev) if out.json => out.json(&serde_json::json!({ "rev": rev }))?,
            _ if out.json => {}
            _ => out.line(&format!("stinad (pid {pid}) has stopped"))?,
        }
        Ok(())
    }
}

/// Waits until the daemon has ended: it removes its socket once everything is on disk; or it died before that, or
/// another one answers already.
async fn ended(client: &Client, pid: u32) {
    let is_alive = || Pid::from_raw(pid.cast_signed()).is_some_and(|pid| test_kill_process(pid).is_ok());
    let socket: &Path = &client.options().socket;
    while socket.exists() && is_alive() && !is_another(client, pid).await {
        tokio::time::sleep(LOOK).await;
    }
}

async fn is_another(client: &Client, pid: u32) -> bool {
    let another = Client::connect(client.options().clone()).await;
    another
        .is_ok_and(|client| matches!(client.state(), ConnectionState::Connected { pid: p, .. } if p != pid))
}
