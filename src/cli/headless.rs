//! `visavis headless`: the application without a window. What it says and takes is in [`super::lines`].

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::{Answer, Common, exit, lines, stop};
use crate::client::{self, Handle};
use crate::model::command::Command;
use crate::model::id::Callee;
use crate::model::notice::Notice;
use crate::model::outcome::Outcome;
use crate::model::snapshot::{ServerState, Snapshot};

/// How long `--call` waits for the server.
const ONLINE_LIMIT: Duration = Duration::from_secs(15);

/// Options of `visavis headless`.
#[derive(Debug, Args)]
pub struct Headless {
    /// Call this ID (or “echo”) as soon as we are online, and end with that call
    #[arg(long, value_name = "ID", value_parser = super::callee)]
    pub call: Option<Callee>,
    /// What to do with calls that come in
    #[arg(long, value_enum, default_value = "never")]
    answer: Answer,
    /// Take every file that is offered
    #[arg(long)]
    accept_files: bool,
    /// Where received files go, in this run (default: as in the settings; else this user's own folder for downloads)
    #[arg(long, value_name = "DIR")]
    downloads: Option<PathBuf>,
    /// Write a stats line so often during a call
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds)]
    stats: Option<Duration>,
    /// Hang up and end after so long
    #[arg(long = "for", value_name = "SECONDS", value_parser = super::seconds)]
    limit: Option<Duration>,
}

/// Runs until told to end; returns the exit code.
pub fn run(common: &Common, headless: &Headless) -> anyhow::Result<u8> {
    let mut config = common.config()?;
    config.answer = headless.answer.into();
    config.stats_every = headless.stats;
    config.accept_files = headless.accept_files;
    config.downloads.clone_from(&headless.downloads);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (handle, mut running) = client::start(config).map_err(exit::Exit::from)?;
    let mut driver = Driver {
        notices: running.first_notices(),
        snapshots: handle.snapshots(),
        handle,
        target: headless.call,
        called: false,
        reported: false,
        code: exit::OK,
    };
    let result = runtime.block_on(driver.run(headless.limit));
    // A read of standard input cannot be called back.
    runtime.shutdown_background();
    running.stop();
    result?;
    Ok(driver.code)
}

struct Driver {
    handle: Handle,
    notices: broadcast::Receiver<Notice>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Whom to call, and end with.
    target: Option<Callee>,
    called: bool,
    reported: bool,
    code: u8,
}

impl Driver {
    async fn run(&mut self, limit: Option<Duration>) -> anyhow::Result<()> {
        let began = Instant::now();
        let far = began + Duration::from_secs(u32::MAX.into());
        let mut end = limit.map_or(far, |limit| began + limit);
        let mut online_limit = if self.target.is_some() { began + ONLINE_LIMIT } else { far };
        let mut input = read_lines();
        let mut input_open = true;
        let stop = stop::asked();
        tokio::pin!(stop);
        let mut stopping = false;
        loop {
            if self.called {
                online_limit = far;
            }
            tokio::select! {
                biased;
                notice = self.notices.recv() => match notice {
                    Ok(notice) => self.tell(&notice)?,
                    Err(broadcast::error::RecvError::Lagged(lost)) => {
                        write(&lines::error(&format!("{lost} events were lost: they were not read fast enough")))?;
                    }
                    Err(broadcast::error::RecvError::Closed) => break,
                },
                changed = self.snapshots.changed() => {
                    if changed.is_err() {
                        break; // the application has ended
                    }
                    self.look()?;
                }
                line = input.recv(), if input_open => match line {
                    Some(line) => self.obey(&line)?,
                    None => input_open = false,
                },
                asked = &mut stop, if !stopping => {
                    asked?;
                    stopping = true;
                    self.quit();
                }
                () = sleep_until(end) => {
                    end = far;
                    self.quit();
                }
                () = sleep_until(online_limit) => {
                    online_limit = far;
                    self.not_online()?;
                }
            }
        }
        while let Ok(notice) = self.notices.try_recv() {
            self.tell(&notice)?;
        }
        Ok(())
    }

    /// Writes a fact, and draws the consequences of `--call`.
    fn tell(&mut self, notice: &Notice) -> io::Result<()> {
        let snapshot = self.handle.snapshot();
        write(&lines::event(notice, |peer| match &snapshot.call {
            Some(call) => {
                let member = call.members.iter().find(|member| member.peer == *peer);
                let room = || call.named_room().map(|room| format!("the room “{}”", room.name));
                member.map(|member| member.name.clone()).or_else(room).unwrap_or_else(|| peer.to_string())
            }
            None => peer.to_string(),
        }))?;
        if let Notice::Ended { peer, outcome, .. } = notice
            && Some(*peer) == self.target
            && self.called
        {
            let taken = matches!(outcome, Outcome::Accepted | Outcome::AcceptedWithoutVideo);
            self.code = if taken { exit::OK } else { exit::CALL };
            self.quit();
        }
        Ok(())
    }

    /// Draws the consequences of the newest state.
    fn look(&mut self) -> io::Result<()> {
        let snapshot = self.snapshots.borrow_and_update().clone();
        if let Some(target) = self.target.filter(|_| !self.called) {
            match &snapshot.server {
                ServerState::Online { .. } => self.call(target)?,
                ServerState::Offline { .. } if target != Callee::Echo => self.not_online()?,
                _ if target == Callee::Echo => self.call(target)?,
                _ => {}
            }
        }
        match snapshot.call.as_ref().map(|call| &call.report) {
            Some(Some(report)) if !self.reported => {
                self.reported = true;
                write(&lines::with(serde_json::json!({"event": "report"}), report.as_ref()))?;
            }
            Some(Some(_)) => {}
            _ => self.reported = false,
        }
        Ok(())
    }

    fn call(&mut self, target: Callee) -> io::Result<()> {
        self.called = true;
        self.ask(Command::Call { to: target, video: true })
    }

    fn not_online(&mut self) -> io::Result<()> {
        if self.called {
            return Ok(());
        }
        self.called = true; // said once
        let why = match &self.handle.snapshot().server {
            ServerState::Offline { reason } | ServerState::Reconnecting { reason, .. } => reason.clone(),
            _ => "the server does not answer; check its address".to_owned(),
        };
        write(&lines::error(&format!("nobody can be called: {why}")))?;
        self.code = exit::SERVER;
        self.quit();
        Ok(())
    }

    fn obey(&mut self, line: &Input) -> io::Result<()> {
        let command = match line {
            Input::TooLong => Err(format!("this line is longer than {} bytes; write less at once", lines::MAX_LINE)),
            Input::Line(line) if line.trim().is_empty() => return Ok(()),
            Input::Line(line) => lines::read(line),
        };
        if command == Ok(lines::Line::Devices) {
            // Slow systems take a second: our lines wait, the calls do not.
            return write(&lines::with(serde_json::json!({"event": "devices"}), &crate::device::list()));
        }
        match command.and_then(|line| lines::command(line, &self.handle.snapshot())) {
            Ok(command) => self.ask(command),
            Err(why) => write(&lines::error(&why)),
        }
    }

    fn ask(&self, command: Command) -> io::Result<()> {
        match self.handle.command(command) {
            Ok(()) => Ok(()),
            Err(refused) => write(&lines::error(&refused.to_string())),
        }
    }

    fn quit(&self) {
        // Refused only if it is ending already, or so busy that `Running::stop` has to insist.
        let _ = self.handle.command(Command::Quit);
    }
}

/// One line, flushed: whoever reads waits for it.
fn write(line: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

enum Input {
    Line(String),
    TooLong,
}

/// Reads standard input on a task of its own, so that a wait for it holds up nothing.
fn read_lines() -> mpsc::Receiver<Input> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut reader = BufReader::new(tokio::io::stdin());
        let mut skipping = false;
        loop {
            let mut bytes = Vec::new();
            let limit = lines::MAX_LINE as u64;
            let Ok(read) = (&mut reader).take(limit).read_until(b'\n', &mut bytes).await else { return };
            if read == 0 {
                return;
            }
            let whole = bytes.ends_with(b"\n") || (read as u64) < limit;
            let input = match (skipping, whole) {
                (false, true) => Some(Input::Line(String::from_utf8_lossy(&bytes).into_owned())),
                (false, false) => Some(Input::TooLong),
                (true, _) => None,
            };
            skipping = !whole;
            if let Some(input) = input {
                // overflow: await; the writer of our input waits
                if sender.send(input).await.is_err() {
                    return;
                }
            }
        }
    });
    receiver
}
