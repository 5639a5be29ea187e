//! Tokio's waits, by the system's clock. Tokio's own clock may be paused, in a caller's test: it then skips every wait
//! while a reply is on its way, and a deadline would pass at once.

pub(crate) use std::time::Instant;

use std::time::Duration;

/// The time has passed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Elapsed;

/// Waits that long.
pub(crate) async fn sleep(time: Duration) {
    let began = Instant::now();
    while let Some(left) = time.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        tokio::time::sleep(left).await;
    }
}

/// Waits until that time.
pub(crate) async fn sleep_until(time: Instant) {
    sleep(time.saturating_duration_since(Instant::now())).await;
}

/// Runs a future for that long at most.
pub(crate) async fn timeout<T>(time: Duration, future: impl Future<Output = T>) -> Result<T, Elapsed> {
    tokio::select! {
        biased;
        output = future => Ok(output),
        () = sleep(time) => Err(Elapsed),
    }
}

/// Runs a future until that time at most.
pub(crate) async fn timeout_at<T>(time: Instant, future: impl Future<Output = T>) -> Result<T, Elapsed> {
    timeout(time.saturating_duration_since(Instant::now()), future).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_skips_no_wait() {
        let (began, time) = (Instant::now(), Duration::from_millis(30));
        assert_eq!(timeout(time, std::future::pending::<()>()).await, Err(Elapsed));
        assert!(began.elapsed() >= time);
    }

    #[tokio::test]
    async fn a_future_that_is_ready_comes_before_a_time_that_has_passed() {
        assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        assert_eq!(timeout(Duration::MAX, async { 1 }).await, Ok(1));
        assert_eq!(timeout_at(Instant::now(), std::future::pending::<()>()).await, Err(Elapsed));
    }

    /// Answers `store.hello` and then writes, on a thread of its own.
    fn answer(listener: &UnixListener) {
        let (stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        for (id, line) in lines.map_while(Result::ok).enumerate() {
            let result = match line.contains("store.hello") {
                true => {
                    r#"{"server":{"version":"0","pid":1},"protocol":1,"capabilities":[],"epoch":"e","rev":0,
                    "oldestRev":0,"dbPath":""}"#
                }
                false => r#"{"rev":1,"value":{"key":"a","value":1,"rev":1,"updatedAt":0}}"#,
            };
            let result = result.replace('\n', "");
            writeln!(&stream, r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_loses_no_write() {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("stinad.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let daemon = std::thread::spawn(move || answer(&listener));
        let client = crate::Client::builder().socket(socket).connect().await.unwrap();
        for n in 0..100 {
            client.kv().set("a", n).await.unwrap();
        }
        client.close().await;
        drop(client);
        daemon.join().unwrap();
    }
}
