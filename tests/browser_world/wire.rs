//! Questions and answers with a browser, as numbered JSON over one WebSocket: what the DevTools protocol and WebDriver
//! BiDi have in common. Every question is bounded; events that nobody asked for are dropped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Longest wait for an answer: longer than anything a page itself waits for.
const ANSWER: Duration = Duration::from_secs(40);

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Value, String>>>>>;

/// One WebSocket to a browser.
pub struct Wire {
    questions: mpsc::Sender<String>,
    waiting: Waiting,
    numbers: AtomicU64,
    task: JoinHandle<()>,
}

impl Wire {
    /// Connects to what a browser listens on.
    pub async fn connect(address: &str) -> Self {
        let config = WebSocketConfig::default().max_message_size(Some(16 << 20));
        let connecting = tokio_tungstenite::connect_async_with_config(address, Some(config), true);
        let (socket, _) =
            tokio::time::timeout(ANSWER, connecting).await.expect("a browser that answers").expect("its WebSocket");
        let (questions, mut to_send) = mpsc::channel::<String>(64);
        let waiting = Waiting::default();
        let answered = Arc::clone(&waiting);
        let task = tokio::spawn(async move {
            let (mut out, mut back) = socket.split();
            loop {
                tokio::select! {
                    text = to_send.recv() => match text {
                        Some(text) => if out.send(Message::text(text)).await.is_err() { break },
                        None => break,
                    },
                    message = back.next() => match message {
                        Some(Ok(Message::Text(text))) => hand_over(&answered, text.as_str()),
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => break,
                    },
                }
            }
            // Whoever still waits learns that nothing will come.
            answered.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
        Self { questions, waiting, numbers: AtomicU64::new(1), task }
    }

    /// Asks, and waits for the answer. `session` is DevTools' name of a page.
    pub async fn ask(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value, String> {
        let id = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut question = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            question["sessionId"] = session.into();
        }
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer);
        self.questions.send(question.to_string()).await.map_err(|_| format!("{method}: the browser is gone"))?;
        let answer = tokio::time::timeout(ANSWER, answered).await.map_err(|_| format!("{method}: no answer"))?;
        answer.map_err(|_| format!("{method}: the browser is gone"))?.map_err(|e| format!("{method}: {e}"))
    }

    /// Asks for what has no answer.
    pub async fn tell(&self, session: &str, method: &str) {
        let id = self.numbers.fetch_add(1, Ordering::Relaxed);
        let question = json!({ "id": id, "method": method, "params": {}, "sessionId": session });
        self.questions.send(question.to_string()).await.expect("the browser is there");
    }

    /// Lets the WebSocket go.
    pub async fn close(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

fn hand_over(waiting: &Waiting, text: &str) {
    let Ok(mut message) = serde_json::from_str::<Value>(text) else { return };
    let Some(id) = message["id"].as_u64() else { return };
    let Some(answer) = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) else { return };
    let result = match &message["error"] {
        Value::Null => Ok(message["result"].take()),
        error => Err(format!("{error} {}", message["message"].as_str().unwrap_or_default())),
    };
    let _ = answer.send(result);
}
