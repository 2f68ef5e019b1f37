//! What every integration test opens and closes with: a limit to its time, and a look at what it left behind.
//!
//! ```text
//! mod common;
//!
//! #[test]
//! fn something() {
//!     let _guard = common::guard(Duration::from_secs(30));                 // a plain test
//!     …
//! }
//!
//! #[test]
//! fn something_async() {
//!     common::run(Duration::from_secs(30), async { … });                   // inside a runtime of its own
//! }
//! ```
//!
//! Invariants: a test that hangs ends the process with a sentence and the names of its threads; a test that passes
//! has joined its threads and closed its files (Linux). Tests of one file run one after another under either, so that
//! the look at the process is theirs alone.

#![allow(dead_code, reason = "each test file takes what it needs of this")]
#![allow(clippy::print_stderr, reason = "the process ends at once; nobody collects a log")]

pub mod dice;
pub mod heap;
pub mod tone;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Threads that run (or wait to run) a test of this file: they are nobody's leak.
static TEST_THREADS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// How long what a test started may take to be gone after its last line.
const GRACE: Duration = Duration::from_secs(5);

/// From here to the end of its scope: at most `limit`, alone in this process, and nothing left behind.
///
/// # Panics
/// At its drop, where threads or files are left behind and the test had not failed already.
pub fn guard(limit: Duration) -> Guard {
    let thread = this_thread();
    lock(&TEST_THREADS).extend(thread);
    let turn = lock(&ONE_AT_A_TIME);
    // tokio opens one pair of sockets for signals in a process and keeps it: that must have happened before we look
    drop(tokio::runtime::Builder::new_current_thread().enable_all().build());
    Guard { limit: Some(Limit::start(limit)), before: Kept::now(), thread, _turn: turn }
}

/// Runs a future on a runtime of its own (two workers) under a [`guard`]; the runtime is gone before the leak check.
pub fn run<T>(limit: Duration, body: impl Future<Output = T>) -> T {
    let _guard = guard(limit);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let value = runtime.block_on(body);
    runtime.shutdown_timeout(GRACE);
    value
}

/// Runs a closure under a limit only, without the leak check.
pub fn with_limit<T>(limit: Duration, body: impl FnOnce() -> T) -> T {
    let _limit = Limit::start(limit);
    body()
}

/// Waits until `condition` gives something, looking every 10 ms; the words say what was awaited.
///
/// # Panics
/// When the limit is over.
pub fn wait_for<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A TCP port of this machine that nobody listens on just now.
pub fn free_port() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free TCP port");
    socket.local_addr().expect("its address").port()
}

/// A UDP port of this machine that nobody has just now.
pub fn free_udp_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free UDP port");
    socket.local_addr().expect("its address").port()
}

/// See [`guard`].
pub struct Guard {
    limit: Option<Limit>,
    before: Kept,
    thread: Option<u32>,
    _turn: MutexGuard<'static, ()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.limit.take());
        let left = if std::thread::panicking() { None } else { self.before.left_behind() };
        if let Some(thread) = self.thread {
            lock(&TEST_THREADS).remove(&thread);
        }
        if let Some(left) = left {
            panic!("the test left something behind:\n{left}");
        }
    }
}

/// Ends the process when it is not dropped in time: a hang must not hold the whole run.
struct Limit {
    done: Option<SyncSender<()>>,
    watcher: Option<JoinHandle<()>>,
}

impl Limit {
    fn start(limit: Duration) -> Self {
        let (done, wait) = sync_channel(1);
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let watch = move || {
            if wait.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                let threads = threads().into_values().collect::<Vec<_>>().join(", ");
                eprintln!("{test}: still running after {limit:?}; its threads: {threads}");
                std::process::abort();
            }
        };
        let watcher = std::thread::Builder::new().name("limit".into()).spawn(watch).expect("a thread");
        Self { done: Some(done), watcher: Some(watcher) }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

/// What a process holds: threads by number, open files by number. Empty where there is no `/proc`.
struct Kept {
    threads: BTreeMap<u32, String>,
    files: BTreeMap<u32, String>,
}

impl Kept {
    fn now() -> Self {
        Self { threads: threads(), files: files() }
    }

    /// What is there now and was not before, once it has had its [`GRACE`] to go.
    fn left_behind(&self) -> Option<String> {
        let start = Instant::now();
        loop {
            let now = Self::now();
            let known = lock(&TEST_THREADS).clone();
            let mut left = Vec::new();
            for (id, name) in &now.threads {
                if !self.threads.contains_key(id) && !known.contains(id) {
                    left.push(format!("  thread “{name}”"));
                }
            }
            for (number, target) in &now.files {
                if self.files.get(number) != Some(target) {
                    left.push(format!("  file {number} → {target}"));
                }
            }
            if left.is_empty() {
                return None;
            }
            if start.elapsed() > GRACE {
                return Some(left.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn this_thread() -> Option<u32> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

fn threads() -> BTreeMap<u32, String> {
    entries("/proc/self/task", |path| Some(std::fs::read_to_string(path.join("comm")).ok()?.trim().to_owned()))
}

/// Open files, apart from the listing of them itself.
fn files() -> BTreeMap<u32, String> {
    let mut files =
        entries("/proc/self/fd", |path| Some(std::fs::read_link(path).ok()?.to_string_lossy().into_owned()));
    files.retain(|_, target| !target.starts_with("/proc/"));
    files
}

fn entries(folder: &str, read: impl Fn(&std::path::Path) -> Option<String>) -> BTreeMap<u32, String> {
    let listing = std::fs::read_dir(folder).into_iter().flatten().flatten();
    listing.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, read(&entry.path())?))).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
