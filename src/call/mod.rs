//! Floor 1: what a call is, as pure machines: chat ([`chat`]), what both sides tell each other ([`control`]).

pub mod chat;
pub mod control;
