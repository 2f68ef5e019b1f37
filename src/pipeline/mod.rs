//! Floor 4: media on its way between the devices and the transport.
//!
//! ```text
//! publish    source ─ cap-… ─┬─ slot ─ preview
//!                            └─ slot ─ enc-… ─ bounded queue of encoded pictures, one for each output
//! subscribe  bounded queue of encoded pictures ─ dec-… ─ slot ─ player
//! ```
//!
//! One thread for each video and each direction of work, each started here, named, and joined by `stop`. Pictures are
//! handed over by newest-wins slots: a slow reader loses pictures, it never delays anyone. A worker's panic ends its
//! track, not the program.

pub mod audio;
mod behind;
mod freeze;
pub mod publish;
pub mod subscribe;
pub mod sync;
mod worker;
