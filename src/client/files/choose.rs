//! The system's own dialog to choose files.
//!
//! On Linux it belongs to the desktop and is asked for over D-Bus (xdg-desktop-portal, interface `FileChooser`), by hand: a
//! crate that does it cannot tell a desktop without such a dialog from a person who chose nothing. Elsewhere `rfd` shows it.

use std::path::PathBuf;

/// There is no dialog: in the system's words.
#[derive(Debug, thiserror::Error)]
#[error("this desktop shows no dialog to choose files ({0}); drop them on the window, or write where they are")]
pub(in crate::client) struct NoDialog(String);

/// Shows it until something is chosen; nothing, where the person changed their mind. May take as long as people do; dropping
/// the future ends the waiting, and on Linux takes the dialog away too.
///
/// # Errors
/// [`NoDialog`].
pub(super) async fn choose() -> Result<Vec<PathBuf>, NoDialog> {
    system::choose().await.map_err(NoDialog)
}

#[cfg(not(feature = "gui"))]
mod system {
    pub(super) async fn choose() -> Result<Vec<std::path::PathBuf>, String> {
        Err("this program was built without a window".to_owned())
    }
}

#[cfg(all(feature = "gui", not(target_os = "linux")))]
mod system {
    pub(super) async fn choose() -> Result<Vec<std::path::PathBuf>, String> {
        let chosen = rfd::AsyncFileDialog::new().set_title(super::TITLE).pick_files().await;
        Ok(chosen.unwrap_or_default().iter().map(|file| file.path().to_owned()).collect())
    }
}

#[cfg(feature = "gui")]
const TITLE: &str = "Send files";

#[cfg(all(feature = "gui", target_os = "linux"))]
mod system {
    use std::collections::HashMap;
    use std::path::PathBuf;
    use std::time::Duration;

    use futures_util::StreamExt;
    use tokio::time::timeout;
    use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};
    use zbus::{Connection, MatchRule, MessageStream, message::Type};

    use super::TITLE;
    use crate::model::link;
    use crate::model::transfer::TransferId;

    const PORTAL: &str = "org.freedesktop.portal.Desktop";
    const DESKTOP: &str = "/org/freedesktop/portal/desktop";
    const CHOOSER: &str = "org.freedesktop.portal.FileChooser";
    const REQUEST: &str = "org.freedesktop.portal.Request";

    /// Longest until the dialog is there: the desktop may have to start it first.
    const ANSWER: Duration = Duration::from_secs(30);

    /// Chosen at most; more in one go is a folder, which can be sent as one.
    const MOST: usize = 1000;

    pub(super) async fn choose() -> Result<Vec<PathBuf>, String> {
        // A connection of its own: closing it takes the dialog away.
        let connection = Connection::session().await.map_err(|e| e.to_string())?;
        ask(&connection).await.map_err(|e| e.to_string())
    }

    pub(super) async fn ask(bus: &Connection) -> zbus::Result<Vec<PathBuf>> {
        // Where the answer will come is said by ourselves, so that we listen before it can.
        let token = format!("visavis_{}", TransferId::random());
        let us = bus.unique_name().map_or("nobody".to_owned(), |name| name.trim_start_matches(':').replace('.', "_"));
        let answers = MatchRule::builder()
            .msg_type(Type::Signal)
            .interface(REQUEST)?
            .member("Response")?
            .path(format!("{DESKTOP}/request/{us}/{token}"))?
            .build();
        let mut answers = MessageStream::for_match_rule(answers, bus, Some(1)).await?;
        let options = HashMap::from([
            ("handle_token", Value::from(token.as_str())),
            ("multiple", Value::from(true)),
            ("modal", Value::from(true)),
        ]);
        let body = ("", TITLE, options);
        let asking = bus.call_method(Some(PORTAL), DESKTOP, Some(CHOOSER), "OpenFile", &body);
        let late = |_| zbus::Error::Failure("it does not answer".to_owned());
        let asked = timeout(ANSWER, asking).await.map_err(late)??;
        asked.body().deserialize::<OwnedObjectPath>()?;
        let Some(answer) = answers.next().await.transpose()? else {
            return Err(zbus::Error::Failure("it is gone".to_owned()));
        };
        let (code, mut results): (u32, HashMap<String, OwnedValue>) = answer.body().deserialize()?;
        match code {
            0 => {
                let uris = results.remove("uris").map(Vec::<String>::try_from).transpose()?.unwrap_or_default();
                Ok(uris.iter().take(MOST).filter_map(|uri| link::file(uri)).collect())
            }
            1 => Ok(Vec::new()),
            _ => Err(zbus::Error::Failure("it ended by itself".to_owned())),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::os::unix::net::UnixStream;

        /// A desktop that answers with this code and these links at once.
        struct Desktop(u32, Vec<&'static str>);

        #[zbus::interface(name = "org.freedesktop.portal.FileChooser")]
        impl Desktop {
            async fn open_file(
                &self,
                #[zbus(connection)] bus: &Connection,
                _parent: String,
                title: String,
                options: HashMap<String, OwnedValue>,
            ) -> zbus::fdo::Result<OwnedObjectPath> {
                assert_eq!((title.as_str(), bool::try_from(&options["multiple"])), (TITLE, Ok(true)));
                let token = <&str>::try_from(&options["handle_token"]).unwrap();
                let path = format!("{DESKTOP}/request/nobody/{token}");
                let results = HashMap::from([("uris", Value::from(self.1.clone()))]);
                bus.emit_signal(None::<&str>, path.as_str(), REQUEST, "Response", &(self.0, results)).await?;
                Ok(path.try_into().unwrap())
            }
        }

        /// What comes of it with this desktop, or with one that has no such dialog.
        async fn chosen(desktop: Option<Desktop>) -> Result<Vec<PathBuf>, String> {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let guid = zbus::Guid::generate();
            let theirs = zbus::connection::Builder::async_io_unix_stream(theirs).server(guid).unwrap().p2p();
            let theirs = match desktop {
                Some(desktop) => theirs.serve_at(DESKTOP, desktop),
                None => theirs.serve_at("/elsewhere", Desktop(0, vec![])),
            };
            let ours = zbus::connection::Builder::async_io_unix_stream(ours).p2p();
            let (_theirs, ours) = tokio::try_join!(theirs.unwrap().build(), ours.build()).unwrap();
            let asked = timeout(Duration::from_secs(20), ask(&ours)).await.expect("an answer in time");
            asked.map_err(|e| super::super::NoDialog(e.to_string()).to_string())
        }

        #[tokio::test]
        async fn what_is_chosen_are_paths_and_nothing_is_nothing() {
            let links = vec!["file:///home/noor/a%20b.png", "https://example.org/", "file:///c"];
            let paths = ["/home/noor/a b.png", "/c"].map(PathBuf::from);
            assert_eq!(chosen(Some(Desktop(0, links.clone()))).await, Ok(paths.to_vec()));
            assert_eq!(chosen(Some(Desktop(1, links))).await, Ok(vec![]), "the person changed their mind");
        }

        #[tokio::test]
        async fn a_desktop_without_it_is_told_in_words() {
            for desktop in [None, Some(Desktop(2, vec![]))] {
                let why = chosen(desktop).await.unwrap_err();
                assert!(why.contains("no dialog") && why.contains("drop them on the window"), "{why}");
            }
        }
    }
}
