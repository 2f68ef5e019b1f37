//! Files by JSON Lines.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use super::*;

/// A file of so many bytes, and its SHA-256 in hexadecimal digits.
fn file(home: &TempDir, name: &str, size: usize) -> (PathBuf, String) {
    use sha2::Digest as _;
    let content: Vec<u8> = (0..size).map(|at| (at * 31 + at / 255) as u8).collect();
    let path = home.path().join(name);
    std::fs::write(&path, &content).unwrap();
    (path, sha2::Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect())
}

fn same(done: &Value, path: &Path, hash: &str) {
    assert_eq!(done["sha256"], hash);
    assert_eq!(std::fs::read(done["path"].as_str().unwrap()).unwrap(), std::fs::read(path).unwrap());
}

#[test]
fn files_go_by_lines() {
    let _guard = common::guard(LIMIT);
    let (home, a, b) = profiles();
    let server = Served::start();
    let downloads = home.path().join("there");
    let into = downloads.to_str().unwrap();
    let mut callee = Copy::start(&b, &server.url, &["--answer", "video", "--downloads", into]);
    let id = callee.id();
    let mut caller = Copy::start(&a, &server.url, &["--call", &id]);
    caller.event("connected");
    callee.event("connected");
    let (path, hash) = file(&home, "two words.bin", 300_000);
    caller.tell(&json!({"command": "file", "path": path}).to_string());
    let offer = callee.event("file_offered");
    assert_eq!((&offer["name"], &offer["size"]), (&json!("two words.bin"), &json!(300_000)));
    let ours = caller.event("file_offered");
    assert_eq!((&ours["id"], &ours["mine"], &offer["mine"]), (&offer["id"], &json!(true), &json!(false)));
    callee.tell(&json!({"command": "accept_file", "id": offer["id"]}).to_string());
    same(&callee.event("file_done"), &path, &hash);
    same(&caller.event("file_done"), &path, &hash);

    for (command, reason) in [("refuse_file", "refused"), ("cancel_file", "cancelled")] {
        caller.tell(&json!({"command": "file", "path": path}).to_string());
        let id = callee.event("file_offered")["id"].clone();
        callee.tell(&json!({"command": command, "id": id}).to_string());
        assert_eq!(caller.event("file_failed")["reason"], reason);
        assert_eq!(callee.event("file_failed")["id"], id);
    }
    callee.tell(&json!({"command": "cancel_file", "id": offer["id"]}).to_string());
    assert!(callee.event("error")["message"].as_str().unwrap().contains("is over already"));
    caller.tell(&json!({"command": "file", "path": home.path().join("nothing")}).to_string());
    assert!(caller.event("error")["message"].as_str().unwrap().contains("is not there"));
    caller.tell(r#"{"command":"accept_file","id":"12"}"#);
    assert!(caller.event("error")["message"].as_str().unwrap().contains("32 hexadecimal digits"));
}

#[test]
fn a_file_goes_on_over_another_path() {
    let _guard = common::guard(LIMIT);
    let Some(network) = Network::start() else {
        eprintln!("skipped: a network namespace and nft need root");
        return;
    };
    let (home, a, b) = profiles();
    let server = Served::spawn(network.program());
    let downloads = home.path().join("there");
    let more = ["--answer", "video", "--accept-files", "--downloads", downloads.to_str().unwrap()];
    let mut callee = Copy::start_in(network.program(), &b, &server.url, &more);
    let id = callee.id();
    let mut caller = Copy::start_in(network.program(), &a, &server.url, &["--call", &id]);
    caller.event("first_frame");
    let (path, hash) = file(&home, "long.bin", 200_000_000);
    caller.tell(&json!({"command": "file", "path": path}).to_string());
    while callee.event("file_progress")["done"] == 0 {}
    network.cut_datagrams();
    for state in ["reconnecting", "connected"] {
        while caller.event("state")["state"] != state {}
    }
    same(&callee.event("file_done"), &path, &hash);
    same(&caller.event("file_done"), &path, &hash);
}
