//! How long packets are: what a payload takes on the wire, into how large ones pictures are cut, and what that leaves of
//! a path for the pictures themselves. Pure arithmetic.

/// Bytes of a packet on the wire beyond RTP: IPv4, UDP, and the tag of SRTP.
pub(crate) const WIRE: usize = 28 + 10;
/// Bytes of an RTP header with the extensions we send.
const HEADER: usize = 12 + 8;
/// Largest RTP payload: with headers, extensions, SRTP and UDP it fits in 1200 bytes of QUIC-safe path MTU.
pub(crate) const PAYLOAD: usize = 1100;
/// Smallest that pictures are cut into, and how long one may occupy a slow path: sound waits behind it.
const SMALLEST: usize = 350;
const LONGEST: f64 = 0.010;
/// The encoder aims at this share of what it may have: it is not exact.
const AIM: f64 = 0.97;

/// A packet with so much in it, on the wire; bytes.
pub(crate) fn on_wire(payload: usize) -> usize {
    payload + HEADER + WIRE
}

/// Into how large payloads pictures are cut on a path of so many bit/s.
pub(super) fn payload_at(bps: f64) -> usize {
    ((bps * LONGEST / 8.0) as usize).clamp(SMALLEST, PAYLOAD)
}

/// What encoded pictures may have of a path of so many bit/s, where so much leaves beside them; bit/s.
pub(super) fn left(bps: f64, beside: f64) -> u64 {
    ((AIM * bps - beside) / overhead(payload_at(bps))).max(0.0) as u64
}

/// What a path must carry for that, bit/s.
pub(super) fn needed(pictures: u64, beside: f64) -> f64 {
    pictures as f64 / AIM * overhead(PAYLOAD) + beside
}

/// Bytes on the wire for one of a payload.
fn overhead(payload: usize) -> f64 {
    on_wire(payload) as f64 / payload as f64
}
