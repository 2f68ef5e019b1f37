//! Floor 0: the nouns everything else speaks in.
//!
//! Plain values without clocks, threads, sockets or tokio: identifiers ([`id`]), what a person can ask for
//! ([`command`]), everything a window shows ([`snapshot`]), one-off facts ([`notice`]), pictures ([`frame`]), encoded
//! media ([`encoded`]), the newest-wins hand-over between threads ([`slot`]), settings, devices, statistics, the
//! sentences of a call's end ([`outcome`]) and of a path's troubles ([`quality`]).
//!
//! Invariants: a [`snapshot::Snapshot`] is complete (a reader needs no second source of state); a
//! [`id::PeerId`] always has a valid checksum; a [`frame::VideoFrame`] always has planes of exactly its size.

pub mod body;
pub mod chat;
pub mod clock;
pub mod command;
pub mod description;
pub mod device;
pub mod encoded;
pub mod frame;
pub mod ice;
pub mod id;
pub mod invitation;
pub mod link;
pub mod mention;
pub mod notice;
pub mod outcome;
pub mod pool;
pub mod preference;
pub mod quality;
pub mod reaction;
pub mod report;
pub mod settings;
pub mod slot;
pub mod snapshot;
pub mod sound;
pub mod source;
pub mod stats;
pub mod transfer;
