//! The program: arguments to window, headless client or server.
fn main() {}
