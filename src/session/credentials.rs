//! When a peer's relay credentials end, so that whoever gave them is asked for new ones in time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::rtc::description::IceServer;

/// So long before the end.
const AHEAD: Duration = Duration::from_secs(60);

/// The earliest end that was not told yet, seconds since 1970.
#[derive(Debug)]
pub(super) struct Credentials(Mutex<Option<u64>>);

fn earliest(servers: &[IceServer]) -> Option<u64> {
    servers.iter().filter_map(|server| server.expires).min()
}

impl Credentials {
    pub fn of(servers: &[IceServer]) -> Self {
        Self(Mutex::new(earliest(servers)))
    }

    /// There are others now.
    pub fn renew(&self, servers: &[IceServer]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = earliest(servers);
    }

    /// Whether it is time to ask for new ones; once for each end.
    pub fn are_due(&self, now: SystemTime) -> bool {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let due = next.is_some_and(|end| now + AHEAD >= Duration::from_secs(end));
        if due {
            *next = None;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_credentials_are_asked_for_once_and_in_time() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let server = |expires| IceServer { expires, ..IceServer::default() };
        let credentials = Credentials::of(&[server(None), server(Some(5_000)), server(Some(1_000))]);
        assert!(!credentials.are_due(at(939)));
        assert!(credentials.are_due(at(940)));
        assert!(!credentials.are_due(at(2_000)));
        credentials.renew(&[server(Some(3_000))]);
        assert!(!credentials.are_due(at(2_000)));
        assert!(credentials.are_due(at(2_950)));
        assert!(!Credentials::of(&[server(None)]).are_due(at(u64::MAX / 4)));
    }
}
