//! Debian's coturn in a namespace, on all its ports: 3478 for UDP and TCP, 5349 for TLS.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::namespaces::{Host, World};
use crate::common::wait_for;

/// The name in the relay's certificate.
pub const NAME: &str = "turn.visavis.test";

/// For credentials with an expiry.
const SECRET: &str = "the relay's secret";

/// How users are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// `ann`, `secret`.
    Fixed,
    /// RFC-less but usual: user `expiry:id`, password base64(HMAC-SHA1(secret, user)).
    Timed,
}

/// A running coturn.
pub struct Relay {
    /// Where it is.
    pub host: Host,
    child: Child,
    reader: Option<JoinHandle<()>>,
    log: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
}

impl Relay {
    /// Starts one at 203.0.113.10 and 2001:db8::10 (`address` names which it listens on).
    pub fn start(world: &mut World, users: Users) -> Self {
        let host = world.host("turn", 10);
        Self::on(host, users)
    }

    /// Starts one on a machine that has these addresses.
    pub fn on(host: Host, users: Users) -> Self {
        let folder = TempDir::new().expect("a folder");
        let names = vec![NAME.to_owned(), "203.0.113.10".to_owned(), "2001:db8::10".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let at = |file: &str| folder.path().join(file).to_string_lossy().into_owned();
        std::fs::write(at("cert.pem"), made.cert.pem()).expect("it is written");
        std::fs::write(at("key.pem"), made.signing_key.serialize_pem()).expect("it is written");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &host.namespace, "turnserver", "-n", "--no-cli", "--fingerprint"]);
        command.args(["--listening-ip=203.0.113.10", "--relay-ip=203.0.113.10"]);
        command.args(["--listening-ip=2001:db8::10", "--relay-ip=2001:db8::10"]);
        command.args(["--listening-port=3478", "--tls-listening-port=5349", "--realm=visavis.test", "--verbose"]);
        command.arg(format!("--cert={}", at("cert.pem"))).arg(format!("--pkey={}", at("key.pem")));
        command.arg(format!("--pidfile={}", at("pid"))).arg(format!("--userdb={}", at("users")));
        command.args(["--log-file=stdout", "--simple-log", "--allocation-default-address-family=keep"]);
        match users {
            Users::Fixed => command.args(["--lt-cred-mech", "--user=ann:secret"]),
            Users::Timed => command.arg("--use-auth-secret").arg(format!("--static-auth-secret={SECRET}")),
        };
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("coturn starts");
        let output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let relay = Self { host, child, reader: Some(reader), log, folder };
        let listens = "ss -Hlnt sport = :5349 | grep -q 203.0.113.10 && ss -Hlnu sport = :3478 | grep -q 203.0.113.10";
        wait_for("coturn", Duration::from_secs(20), || {
            let look = ["netns", "exec", &relay.host.namespace, "sh", "-c", listens];
            Command::new("ip").args(look).status().is_ok_and(|status| status.success()).then_some(())
        });
        relay
    }

    /// The file with its certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Ends it at once, as a machine that fails.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(4000);
            eprintln!("coturn's last words:\n{}", log.get(from..).unwrap_or(&log));
        }
    }
}

/// A server for a peer's list.
pub fn server(url: &str) -> Value {
    json!({"urls": [url], "username": "ann", "credential": "secret"})
}

/// One with credentials that end then, seconds since 1970.
pub fn timed_server(url: &str, expires: u64) -> Value {
    let user = format!("{expires}:ann");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
    let password = data_encoding::BASE64.encode(ring::hmac::sign(&key, user.as_bytes()).as_ref());
    json!({"urls": [url], "username": user, "credential": password, "expires": expires})
}
