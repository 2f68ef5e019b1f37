//! What comes on the channel for files, to a side that takes everything.

use std::time::{Duration, Instant};

use bytes::Bytes;
use visavis::call::transfer::name;
use visavis::call::transfer::{Hash, Input, Output, Transfers};
use visavis::model::transfer::TransferId;

const ID: &str = "abababababababababababababababab";

pub fn frames() -> Vec<Vec<u8>> {
    let zeros = "0".repeat(64);
    let lines = [
        r#"{"type":"offer","id":"ID","name":"../a\\b.pdf","size":9}"#.to_owned(),
        r#"{"type":"start","id":"ID","from":0}"#.to_owned(),
        r#"{"type":"accept","id":"ID","have":3}"#.to_owned(),
        r#"{"type":"ack","id":"ID","have":3}"#.to_owned(),
        format!(r#"{{"type":"end","id":"ID","sha256":"{zeros}"}}"#),
        r#"{"type":"cancel","id":"ID","why":"space"}"#.to_owned(),
    ];
    let mut receiving = lines[0].replace("ID", ID).into_bytes();
    receiving.extend(b"\n");
    receiving.extend(lines[1].replace("ID", ID).into_bytes());
    receiving.extend(b"\n");
    receiving.extend([0xab; 16]);
    receiving.extend([0; 8]);
    receiving.extend(b"content\n");
    let all: Vec<_> = lines.iter().map(|line| line.replace("ID", ID)).collect();
    vec![receiving, all.join("\n").into_bytes()]
}

/// Each line a message, both as text and as bytes; the disk answers at once.
pub fn frame(input: &[u8]) {
    let now = Instant::now();
    let mut files = Transfers::new(now);
    files.offer(TransferId([0xab; 16]), "ours", 9).expect("the first");
    files.handle(now, Input::Open);
    for (n, line) in input.split(|byte| *byte == b'\n').enumerate() {
        let now = now + Duration::from_millis(n as u64 * 20);
        files.handle(now, Input::Text(line));
        files.handle(now, Input::Bytes(Bytes::copy_from_slice(line)));
        while let Some(output) = files.poll() {
            let answer = match output {
                Output::Offered(id) => Input::Accept(id),
                Output::OpenSink { id, turn, name: safe, .. } => {
                    assert_eq!(name::safe(&safe), safe);
                    Input::Part { id, turn, have: 0, sha256: Hash([0; 32]) }
                }
                Output::OpenSource { id, turn, .. } => Input::Opened { id, turn, from: 0, sha256: None },
                Output::Read { id, at, len } => {
                    Input::Read { id, at, bytes: vec![0; len as usize].into(), sha256: None }
                }
                Output::Write { id, at, bytes } => Input::Written { id, have: at + bytes.len() as u64 },
                Output::Finish(id, _) => Input::Kept(id),
                _ => continue,
            };
            files.handle(now, answer);
        }
        if n % 7 == 6 {
            files.handle(now, Input::Closed);
            files.handle(now, Input::Open);
        }
    }
}
