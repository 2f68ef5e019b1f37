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

/// Rooms in all. One takes about 0.5 KiB and 0.5 KiB a member: 4.5 KiB with eight, 9 MiB for all.
pub const ROOMS: u32 = 2_000;
/// Rooms one person is in. An address is in as many as its connections may be.
pub const ROOMS_PER_CONNECTION: u32 = 4;
/// Members of a room, unless who opens it wants fewer: in a mesh everybody sends to everybody.
pub const ROOM_MEMBERS: u32 = 8;
/// The most members an operator can allow, and a client takes note of.
pub const ROOM_MEMBERS_MOST: u32 = 32;
/// How long the seat of somebody whose connection ended is kept.
pub const ROOM_GRACE: Duration = Duration::from_secs(10);
/// How much later than the last one a wrong password is answered.
pub const ROOM_REFUSAL: Duration = Duration::from_secs(1);
/// Wrong passwords a connection may try at once; then one each [`ROOM_ATTEMPT_EVERY`].
pub const ROOM_ATTEMPTS: u32 = 5;
/// The same of an address (of IPv6, its first 64 bits), over all its connections.
pub const ROOM_ATTEMPTS_PER_ADDRESS: u32 = 20;
/// See [`ROOM_ATTEMPTS`].
pub const ROOM_ATTEMPT_EVERY: Duration = Duration::from_secs(30);
/// Addresses remembered for that. Overflow: the one nearest to being forgotten anyway.
pub const ROOM_ADDRESSES: usize = 4_096;
/// Joins a connection may ask for at once; then one each [`ROOM_JOIN_EVERY`]. Each is told to the whole room.
pub const ROOM_JOINS: u32 = 10;
/// See [`ROOM_JOINS`].
pub const ROOM_JOIN_EVERY: Duration = Duration::from_secs(1);

/// How long an entry is valid, seconds.
pub const ENTRY_LIFE: u64 = 600;
/// How often a client signs a new one.
pub const ENTRY_RENEW: Duration = Duration::from_secs(240);
/// Rooms a client wants to be in. Overflow: the newest is refused.
pub const CLIENT_ROOMS: usize = 16;
/// How long a client waits for the answer to a join.
pub const ROOM_ANSWER: Duration = Duration::from_secs(15);
/// Memberships that are over, remembered by a client. Overflow: the oldest is forgotten, and
/// with it whatever does not outlive it is refused.
pub const REMEMBERED_ENTRIES: usize = 1_024;

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
    /// [`ROOMS`].
    pub rooms: u32,
    /// [`ROOMS_PER_CONNECTION`].
    pub rooms_per_connection: u32,
    /// [`ROOM_MEMBERS`]; at most [`ROOM_MEMBERS_MOST`].
    pub room_members: u32,
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
            rooms: ROOMS,
            rooms_per_connection: ROOMS_PER_CONNECTION,
            room_members: ROOM_MEMBERS,
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

/// Something that may happen `burst` times at once and then once `every` so often, in eight bytes (the generic cell
/// rate algorithm). For what is rarer than a [`Bucket`] counts, and kept for many.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    until: std::time::Instant,
}

impl Pace {
    /// One of which nothing was taken.
    pub fn new(now: std::time::Instant) -> Self {
        Self { until: now }
    }

    /// Whether it may happen now.
    pub fn is_free(&self, now: std::time::Instant, burst: u32, every: Duration) -> bool {
        self.until.saturating_duration_since(now) <= every * burst.saturating_sub(1)
    }

    /// It happened.
    pub fn take(&mut self, now: std::time::Instant, every: Duration) {
        self.until = self.until.max(now) + every;
    }

    /// When it is as if nothing had ever been taken.
    pub fn settled(&self) -> std::time::Instant {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_pace_gives_its_burst_and_then_one_at_a_time() {
        let (start, every) = (Instant::now(), Duration::from_secs(30));
        let mut pace = Pace::new(start);
        let mut taken = |at: Instant| {
            (0..100).take_while(|_| pace.is_free(at, 5, every).then(|| pace.take(at, every)).is_some()).count()
        };
        assert_eq!([0, 29, 30, 31, 90, 1000].map(|s| taken(start + Duration::from_secs(s))), [5, 0, 1, 0, 2, 5]);
    }

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
