//! Two machines over two connections that follow W3C's state rules, with signaling that delays, reorders, doubles and
//! loses what it is given.
