//! One page of a browser with one peer connection: `page.js` from Rust.

use std::fmt::Display;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::SOON;
use super::browser::Kind;
use super::log::Log;
use super::wire::Wire;

/// A page; clones speak of the same one.
#[derive(Clone)]
pub struct Page(Arc<Inner>);

struct Inner {
    kind: Kind,
    wire: Arc<Wire>,
    name: String,
    log: Log<Value>,
    /// Where its candidates go, while they go anywhere.
    candidates: Mutex<Option<mpsc::Sender<String>>>,
    pump: Mutex<Option<JoinHandle<()>>>,
}

impl Page {
    pub(super) async fn new(kind: Kind, wire: Arc<Wire>, name: String) -> Self {
        let page = Self(Arc::new(Inner {
            kind,
            wire,
            name,
            log: Log::default(),
            candidates: Mutex::default(),
            pump: Mutex::default(),
        }));
        super::soon("the page", async || {
            page.try_run("typeof happened").await.is_ok_and(|is| is == "function").then_some(())
        })
        .await;
        let events = page.clone();
        let pump = tokio::spawn(async move {
            while let Ok(Value::Array(entries)) = events.try_run("happened()").await {
                for entry in entries {
                    let route = events.0.candidates.lock().expect("no panic").clone();
                    match route {
                        Some(route) if entry["kind"] == "candidate" => {
                            let _ = route.send(entry["candidate"].to_string()).await;
                        }
                        _ => events.0.log.push(entry),
                    }
                }
            }
        });
        *page.0.pump.lock().expect("no panic") = Some(pump);
        page
    }

    async fn try_run(&self, code: &str) -> Result<Value, String> {
        // One text, whatever comes: both protocols have their own idea of an object.
        let code = format!("(async () => JSON.stringify((await ({code})) ?? null))()");
        let text = match self.0.kind {
            Kind::Chromium | Kind::ShyChromium => {
                let params = json!({ "expression": code, "awaitPromise": true, "returnByValue": true });
                let answer = self.0.wire.ask(Some(&self.0.name), "Runtime.evaluate", params).await?;
                if !answer["exceptionDetails"].is_null() {
                    return Err(answer["exceptionDetails"]["exception"]["description"].to_string());
                }
                answer["result"]["value"].as_str().map(str::to_owned)
            }
            Kind::Firefox => {
                let target = json!({ "context": self.0.name });
                let params = json!({ "expression": code, "target": target, "awaitPromise": true });
                let answer = self.0.wire.ask(None, "script.evaluate", params).await?;
                if answer["type"] != "success" {
                    return Err(answer["exceptionDetails"]["text"].to_string());
                }
                answer["result"]["value"].as_str().map(str::to_owned)
            }
        };
        serde_json::from_str(&text.ok_or("no text")?).map_err(|e| e.to_string())
    }

    /// What the code gives, its promise awaited.
    pub async fn run(&self, code: impl Display) -> Value {
        let code = code.to_string();
        self.try_run(&code).await.unwrap_or_else(|e| panic!("{code:.200}: {e}"))
    }

    /// What is wrong with the code.
    pub async fn error(&self, code: impl Display) -> Option<String> {
        self.try_run(&code.to_string()).await.err()
    }

    /// Waits until the expression is true in the page.
    pub async fn until(&self, what: &str, condition: impl Display) -> Value {
        let condition = condition.to_string();
        let value = self.run(format!("until(() => {condition}, {})", SOON.as_millis())).await;
        if value.is_null() {
            let now = self
                .run("({eyes, heard: heard(), connection: pc?.connectionState, ice: pc?.iceConnectionState})")
                .await;
            let inbound = self.run("stats('inbound-rtp')").await;
            panic!("waited {SOON:?} in vain in the browser for {what} ({condition}); there is {now:#} {inbound:#}");
        }
        value
    }

    /// Waits for something that the page tells; see `tell` in `page.js`.
    pub async fn told(&self, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let find = |entry: &Value| (entry["kind"] == kind && wanted(entry)).then(|| entry.clone());
        self.0.log.until(kind, SOON, find).await
    }

    /// The same, if it was told already.
    pub fn was_told(&self, kind: &str) -> Option<Value> {
        self.0.log.take(|entry| (entry["kind"] == kind).then(|| entry.clone()))
    }

    /// Waits for this state of the connection.
    pub async fn connection(&self, state: &str) {
        self.told("connection", |told| told["state"] == state).await;
    }

    /// From now on the candidates go there, those told before first.
    pub async fn send_candidates(&self, to: mpsc::Sender<String>) {
        let mut early = Vec::new();
        {
            let mut route = self.0.candidates.lock().expect("no panic");
            while let Some(told) = self.was_told("candidate") {
                early.push(told["candidate"].to_string());
            }
            *route = Some(to.clone());
        }
        for candidate in early {
            let _ = to.send(candidate).await;
        }
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Crashes it.
    pub(super) async fn kill(&self) {
        assert_eq!(self.0.kind, Kind::Chromium, "only Chromium crashes on demand");
        self.clone().close().await;
        self.0.wire.tell(&self.0.name, "Page.crash").await;
    }

    /// Ends the page's own task; the page itself goes with its browser.
    pub async fn close(self) {
        let pump = self.0.pump.lock().expect("no panic").take();
        if let Some(pump) = pump {
            pump.abort();
            let _ = pump.await;
        }
        *self.0.candidates.lock().expect("no panic") = None;
    }
}
