//! The guard of the integration tests is itself tried: a leak must be seen, and a clean test must pass.

mod common;

use std::sync::mpsc::sync_channel;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_clean_test_passes() {
    common::run(LIMIT, async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, server) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
        drop((client.unwrap(), server.unwrap()));
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_thread_left_behind_is_named() {
    let (stop, wait) = sync_channel::<()>(0);
    let left = std::panic::catch_unwind(|| {
        let _guard = common::guard(LIMIT);
        std::thread::Builder::new().name("forgotten".into()).spawn(move || wait.recv()).unwrap()
    });
    drop(stop);
    let sentence = *left.unwrap_err().downcast::<String>().unwrap();
    assert!(sentence.contains("thread “forgotten”"), "{sentence}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_left_open_is_named() {
    let mut kept = None;
    let left = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = common::guard(LIMIT);
        kept = Some(tempfile::tempfile().unwrap());
    }));
    assert!(left.unwrap_err().downcast::<String>().unwrap().contains("file "));
}
