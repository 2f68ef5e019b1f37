//! Says when devices may have been plugged in or out (row P1).
//!
//! A thread of its own (`dev-watch`) looks four times a second at cheap facts: the names of device nodes, and what the sound
//! server and the display server have said meanwhile on connections that wait for their news. It says that something
//! *may* have changed; what is there now, [`list`](super::list()) tells. On systems without these facts it lists every three
//! seconds. It ends when the [`Watch`] is dropped.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// How often it looks: whoever pulls a plug hears the next device within two seconds, of which opening takes its part.
const LOOK: Duration = Duration::from_millis(if cfg!(target_os = "linux") { 250 } else { 3_000 });

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Calls `changed` on its thread after each change; it must return at once.
    pub fn start(changed: impl Fn() + Send + 'static) -> Self {
        let (stop, stopped) = sync_channel::<()>(1);
        let look = move || {
            let mut facts = Facts::new();
            // Ends when the other end of the channel is dropped.
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if facts.moved() {
                    changed();
                }
            }
        };
        let thread = Builder::new().name("dev-watch".to_owned()).spawn(look);
        let thread = thread.inspect_err(|error| tracing::error!(%error, "nobody watches for new devices")).ok();
        Self { stop: Some(stop), thread }
    }
}

impl Drop for Watch {
    /// Waits for the thread, which takes at most two seconds where a sound server is asked and does not answer.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(all(feature = "gui", target_os = "linux"))]
use linux::Facts;

#[cfg(not(all(feature = "gui", target_os = "linux")))]
struct Facts(crate::model::device::Devices);

#[cfg(not(all(feature = "gui", target_os = "linux")))]
impl Facts {
    fn new() -> Self {
        Self(super::list())
    }

    fn moved(&mut self) -> bool {
        let now = super::list();
        let moved = now.replugged(&self.0);
        self.0 = now;
        moved
    }
}

#[cfg(all(feature = "gui", target_os = "linux"))]
mod linux {
    use std::collections::BTreeSet;
    use std::ffi::{CString, OsString};
    use std::io::{self, BufReader, ErrorKind, Read};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use pulseaudio::protocol::{
        self, AuthParams, AuthReply, Command, MAX_VERSION, Prop, Props, ProtocolError, SetClientNameReply,
        SubscriptionMask,
    };

    use crate::device::screen::Plugs;

    /// Looks until a server that is not there is looked for again.
    const AGAIN: u32 = 12;

    /// Longest the sound server may take to answer.
    const LIMIT: Duration = Duration::from_secs(1);

    /// What is known of the devices without asking them.
    pub(super) struct Facts {
        nodes: BTreeSet<OsString>,
        sound: Option<News>,
        screens: Option<Plugs>,
        looks: u32,
    }

    impl Facts {
        pub(super) fn new() -> Self {
            Self { nodes: nodes(), sound: News::subscribe(), screens: Plugs::watch(), looks: 0 }
        }

        /// Whether something has changed since the last call.
        pub(super) fn moved(&mut self) -> bool {
            let nodes = nodes();
            let mut moved = nodes != self.nodes;
            self.nodes = nodes;
            self.looks += 1;
            let again = self.looks.is_multiple_of(AGAIN);
            match &mut self.sound {
                Some(news) => match news.any() {
                    Ok(any) => moved |= any,
                    Err(error) => {
                        tracing::debug!(%error, "the sound server is gone");
                        (self.sound, moved) = (None, true);
                    }
                },
                None if again => {
                    self.sound = News::subscribe();
                    moved |= self.sound.is_some();
                }
                None => {}
            }
            match &mut self.screens {
                Some(plugs) => match plugs.moved() {
                    Ok(any) => moved |= any,
                    Err(()) => (self.screens, moved) = (None, true),
                },
                None if again => {
                    self.screens = Plugs::watch();
                    moved |= self.screens.is_some();
                }
                None => {}
            }
            moved
        }
    }

    /// Cameras and sound cards the kernel has.
    fn nodes() -> BTreeSet<OsString> {
        let names = |folder| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let cameras = names("/dev").filter(|name| name.to_str().is_some_and(|name| name.starts_with("video")));
        cameras.chain(names("/dev/snd")).collect()
    }

    /// A connection to the sound server on which it says what happens to its devices.
    struct News(UnixStream);

    impl News {
        /// `None` where no server answers.
        fn subscribe() -> Option<Self> {
            let path = pulseaudio::socket_path_from_env()?;
            let socket = UnixStream::connect(path).ok()?;
            Self::introduce(socket).inspect_err(|error| tracing::debug!(%error, "the sound server tells no news")).ok()
        }

        fn introduce(socket: UnixStream) -> Result<Self, ProtocolError> {
            socket.set_read_timeout(Some(LIMIT))?;
            socket.set_write_timeout(Some(LIMIT))?;
            let mut socket = BufReader::new(socket);
            let cookie =
                pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
            let auth = AuthParams { version: MAX_VERSION, supports_shm: false, supports_memfd: false, cookie };
            protocol::write_command_message(socket.get_mut(), 0, &Command::Auth(auth), MAX_VERSION)?;
            let (_, reply) = protocol::read_reply_message::<AuthReply>(&mut socket, MAX_VERSION)?;
            let version = reply.version.min(MAX_VERSION);
            let mut names = Props::new();
            names.set(Prop::ApplicationName, CString::from(c"Visavis"));
            protocol::write_command_message(socket.get_mut(), 1, &Command::SetClientName(names), version)?;
            protocol::read_reply_message::<SetClientNameReply>(&mut socket, version)?;
            let wanted = SubscriptionMask::SINK | SubscriptionMask::SOURCE | SubscriptionMask::SERVER;
            protocol::write_command_message(socket.get_mut(), 2, &Command::Subscribe(wanted), version)?;
            protocol::read_ack_message(&mut socket)?;
            let socket = socket.into_inner();
            socket.set_nonblocking(true)?;
            Ok(Self(socket))
        }

        /// Whether anything was said; what exactly does not matter.
        fn any(&mut self) -> io::Result<bool> {
            let (mut any, mut words) = (false, [0; 4096]);
            loop {
                match self.0.read(&mut words) {
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    Ok(_) => any = true,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(any),
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
        }
    }
}
