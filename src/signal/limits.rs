//! Every bound of signaling in one place.

use std::time::Duration;

use serde::Deserialize;

/// Version of the protocol.
pub const VERSION: u32 = 1;

/// Largest WebSocket message, bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Messages a second a connection may send, over time.
pub const RATE: u32 = 20;
/// Messages it may send at once, after a pause.
pub const BURST: u32 = 60;
/// Connections from one address.
pub const CONNECTIONS_PER_ADDRESS: u32 = 20;
/// Connections in all.
pub const CONNECTIONS: u32 = 10_000;
/// From the TCP connection to a valid login.
pub const REGISTER: Duration = Duration::from_secs(5);
/// Silence after which a connection is closed.
pub const IDLE: Duration = Duration::from_secs(60);
/// Messages waiting to be written to one connection. Overflow: the connection is closed.
pub const OUTGOING: usize = 64;
/// How long one connection may take to read what was written to it.
pub const WRITE: Duration = Duration::from_secs(10);

/// How long ago two people must have exchanged an envelope to be told of each other's going.
pub const ACQUAINTED: Duration = Duration::from_secs(60);
/// How many such people are remembered a connection. Overflow: the one longest silent is forgotten.
pub const ACQUAINTANCES: usize = 16;

/// How long an envelope is valid, seconds.
pub const ENVELOPE_LIFE: u64 = 60;
/// How far two clocks may be apart, seconds.
pub const CLOCK_SKEW: u64 = 120;
/// Calls whose last sequence a client remembers. Overflow: see [`Guard`](super::envelope::Guard).
pub const REMEMBERED_CALLS: usize = 4096;

/// What a client allows itself, well below [`RATE`] and [`BURST`] so that a network that stalls and then delivers
/// at once does not make it look like a flood.
pub const CLIENT_RATE: u32 = 15;
/// See [`CLIENT_RATE`].
pub const CLIENT_BURST: u32 = 40;
/// Envelopes a client holds back for that. Overflow: the newest is refused as undeliverable.
pub const CLIENT_QUEUE: usize = 256;
/// How often a client asks for a sign of life.
pub const PING: Duration = Duration::from_secs(20);
/// How long it waits for one.
pub const PONG: Duration = Duration::from_secs(10);
/// From the attempt to connect to `welcome`.
pub const CONNECT: Duration = Duration::from_secs(15);
/// First pause before another attempt; doubles each time.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(300);
/// Longest pause.
pub const BACKOFF_MOST: Duration = Duration::from_secs(7);
/// A connection that lasted so long starts the pauses anew.
pub const STABLE: Duration = Duration::from_secs(10);

/// The bounds a server's operator can change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// [`MAX_MESSAGE`].
    pub message_bytes: usize,
    /// [`RATE`].
    pub messages_per_second: u32,
    /// [`BURST`].
    pub burst: u32,
    /// [`CONNECTIONS_PER_ADDRESS`].
    pub connections_per_address: u32,
    /// [`CONNECTIONS`].
    pub connections: u32,
    /// [`REGISTER`], seconds.
    pub register_seconds: u32,
    /// [`IDLE`], seconds.
    pub idle_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: MAX_MESSAGE,
            messages_per_second: RATE,
            burst: BURST,
            connections_per_address: CONNECTIONS_PER_ADDRESS,
            connections: CONNECTIONS,
            register_seconds: REGISTER.as_secs() as u32,
            idle_seconds: IDLE.as_secs() as u32,
        }
    }
}

/// A token bucket: `rate` a second over time, `burst` at once.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    level: f64,
    at: std::time::Instant,
}

impl Bucket {
    /// A full one.
    pub fn new(now: std::time::Instant, rate: u32, burst: u32) -> Self {
        let (rate, burst) = (f64::from(rate.max(1)), f64::from(burst.max(1)));
        Self { rate, burst, level: burst, at: now }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: std::time::Instant) -> bool {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        self.level = (self.level + gained).min(self.burst);
        self.at = self.at.max(now);
        let enough = self.level >= 1.0;
        if enough {
            self.level -= 1.0;
        }
        enough
    }

    /// When the next one can be taken.
    pub fn next(&self) -> std::time::Instant {
        // A microsecond more than the quotient, so that rounding cannot make it come too early.
        self.at + Duration::from_secs_f64(((1.0 - self.level) / self.rate).max(0.0)) + Duration::from_micros(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, 20, 60);
        assert_eq!((0..100).filter(|_| bucket.take(start)).count(), 60);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| bucket.take(later)).count(), 20);
        assert!(!bucket.take(later) && bucket.take(bucket.next()));
    }
}
