//! `history.sqlite`: what was written with whom, whom one talked to last, and how loud each person is played.
//!
//! One connection, used from the actor only; every statement is small. Write-ahead logging without a sync at each
//! commit: a crash of the program loses nothing, a power cut may lose the last lines.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::profile::{Profile, set_aside};
use crate::model::chat::{ChatLine, Delivery};
use crate::model::id::PeerId;
use crate::model::outcome::Direction;
use crate::model::snapshot::Recent;

/// Lines of one conversation that are kept; older ones go.
pub const KEPT_LINES: u32 = 10_000;

/// People in the list of recent calls; older ones go.
pub const KEPT_RECENTS: u32 = 200;

/// People whose volume is kept; of more, those go with whom one has not talked for longest.
pub const KEPT_VOLUMES: u32 = 1000;

const VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE chat (
        peer TEXT NOT NULL, number INTEGER NOT NULL, mine INTEGER NOT NULL, text TEXT NOT NULL,
        time INTEGER NOT NULL, delivery INTEGER NOT NULL, PRIMARY KEY (peer, number)
    ) WITHOUT ROWID;
    CREATE TABLE recent (
        peer TEXT PRIMARY KEY, name TEXT NOT NULL, direction INTEGER NOT NULL, video INTEGER NOT NULL,
        outcome TEXT NOT NULL, time INTEGER NOT NULL, seconds INTEGER NOT NULL
    ) WITHOUT ROWID;
    PRAGMA user_version = 1;
";

/// Later than the rest: made where it is missing, and no matter to programs that do not know it.
const VOLUME: &str =
    "CREATE TABLE IF NOT EXISTS volume (peer TEXT PRIMARY KEY, percent INTEGER NOT NULL) WITHOUT ROWID;";

/// Why something was not kept or found.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The database's own words.
    #[error("the history cannot be kept: {0}; free some space or check the permissions of the profile directory")]
    Database(#[from] rusqlite::Error),
    /// What is in the file is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Written by a later version of the program.
    #[error("the history was written by a newer version of Visavis (format {0})")]
    Newer(i64),
}

impl HistoryError {
    /// Whether the system is what is wrong (a full disk, permissions) and not the file, which then stays in its place.
    fn passes(&self) -> bool {
        use rusqlite::ErrorCode as Code;
        let Self::Database(error) = self else { return false };
        matches!(
            error.sqlite_error_code(),
            Some(
                Code::DiskFull
                    | Code::SystemIoFailure
                    | Code::CannotOpen
                    | Code::PermissionDenied
                    | Code::ReadOnly
                    | Code::DatabaseBusy
                    | Code::DatabaseLocked
                    | Code::FileLockingProtocolFailed
                    | Code::OutOfMemory
            )
        )
    }
}

/// The open database.
#[derive(Debug)]
pub struct History {
    database: Connection,
}

impl History {
    /// Opens the profile's history. One that is damaged is kept aside and a new one made; where even that does not
    /// work, or the disk is full, this run's history lives in memory. A sentence says so.
    ///
    /// # Errors
    /// [`HistoryError`] where not even memory can be had.
    pub fn open(profile: &Profile) -> Result<(Self, Option<String>), HistoryError> {
        let path = profile.path("history.sqlite");
        let why = match Self::at(&path) {
            Ok(history) => return Ok((history, None)),
            Err(why) => why,
        };
        let (why, aside) = match why {
            why if why.passes() => (why, None),
            // Neither space nor permissions would help.
            HistoryError::Database(error) => (HistoryError::Damaged(error.to_string()), set_aside(&path).ok()),
            why => (why, set_aside(&path).ok()),
        };
        let again = aside.and_then(|aside| {
            // A write-ahead log left behind would be played into the new database.
            for rest in ["history.sqlite-wal", "history.sqlite-shm"] {
                let rest = profile.path(rest);
                if rest.exists() {
                    set_aside(&rest).ok()?;
                }
            }
            Some((aside, Self::at(&path).ok()?))
        });
        let (history, end) = match again {
            Some((aside, history)) => (history, format!("it is kept as {} and a new one begun", aside.display())),
            None => (Self::memory()?, "chat and recent calls of this run will not be kept".to_owned()),
        };
        let problem = format!("history.sqlite cannot be used ({why}); {end}");
        tracing::warn!("{problem}");
        Ok((history, Some(problem)))
    }

    fn memory() -> Result<Self, HistoryError> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn at(path: &Path) -> Result<Self, HistoryError> {
        let history = Self::prepare(Connection::open(path)?)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            if let Err(e) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)) {
                tracing::warn!("{} cannot be closed to others: {e}", path.display());
            }
        }
        Ok(history)
    }

    fn prepare(database: Connection) -> Result<Self, HistoryError> {
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "NORMAL")?;
        match database.query_row("PRAGMA user_version", [], |row| row.get(0))? {
            0 => database.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;"))?,
            VERSION => {
                let sound: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
                if sound != "ok" {
                    return Err(HistoryError::Damaged(sound));
                }
            }
            newer => return Err(HistoryError::Newer(newer)),
        }
        database.execute_batch(VOLUME)?;
        Ok(Self { database })
    }

    /// The newest `limit` lines of a conversation, oldest first. Lines that were still on their way when the program
    /// ended are [`Delivery::Failed`].
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn chat(&self, peer: PeerId, limit: u32) -> Result<Vec<ChatLine>, HistoryError> {
        let mut statement = self.database.prepare_cached(
            "SELECT number, mine, text, time, delivery FROM chat WHERE peer = ? ORDER BY number DESC LIMIT ?",
        )?;
        let rows = statement.query_map(params![peer.to_string(), limit], |row| {
            Ok(ChatLine {
                number: row.get::<_, i64>(0)?.unsigned_abs(),
                mine: row.get(1)?,
                text: row.get(2)?,
                time: row.get(3)?,
                delivery: if row.get::<_, i64>(4)? == RECEIVED { Delivery::Received } else { Delivery::Failed },
                author: String::new(),
                received_by: vec![],
            })
        })?;
        let mut lines = rows.collect::<Result<Vec<_>, _>>()?;
        lines.reverse();
        Ok(lines)
    }

    /// Keeps a line, or what became of it.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn keep_line(&self, peer: PeerId, line: &ChatLine) -> Result<(), HistoryError> {
        let number = i64::try_from(line.number).unwrap_or(i64::MAX);
        let delivery = if line.delivery == Delivery::Received { RECEIVED } else { 0 };
        let peer = peer.to_string();
        self.database
            .prepare_cached("INSERT OR REPLACE INTO chat VALUES (?, ?, ?, ?, ?, ?)")?
            .execute(params![peer, number, line.mine, line.text, line.time, delivery])?;
        self.database
            .prepare_cached("DELETE FROM chat WHERE peer = ? AND number <= ?")?
            .execute(params![peer, number - i64::from(KEPT_LINES)])?;
        Ok(())
    }

    /// Recent calls, newest first.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn recents(&self) -> Result<Vec<Recent>, HistoryError> {
        let mut statement = self.database.prepare_cached(
            "SELECT peer, name, direction, video, outcome, time, seconds FROM recent ORDER BY time DESC LIMIT ?",
        )?;
        let rows = statement.query_map([KEPT_RECENTS], |row| {
            let id: Option<PeerId> = row.get::<_, String>(0)?.parse().ok();
            let direction = if row.get::<_, bool>(2)? { Direction::Outgoing } else { Direction::Incoming };
            let (name, video, outcome, time) = (row.get(1)?, row.get(3)?, row.get(4)?, row.get(5)?);
            let seconds = row.get::<_, i64>(6)?.try_into().unwrap_or(0);
            Ok(id.map(|id| Recent { id, name, direction, video, outcome, time, seconds }))
        })?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Puts a call on top of the list, in place of an earlier one with the same person.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn keep_recent(&self, recent: &Recent) -> Result<(), HistoryError> {
        self.database.prepare_cached("INSERT OR REPLACE INTO recent VALUES (?, ?, ?, ?, ?, ?, ?)")?.execute(
            params![
                recent.id.to_string(),
                recent.name,
                recent.direction == Direction::Outgoing,
                recent.video,
                recent.outcome,
                recent.time,
                recent.seconds,
            ],
        )?;
        self.database
            .prepare_cached(
                "DELETE FROM recent WHERE peer NOT IN (SELECT peer FROM recent ORDER BY time DESC LIMIT ?)",
            )?
            .execute([KEPT_RECENTS])?;
        Ok(())
    }

    /// Takes a person off the list.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn forget_recent(&self, peer: PeerId) -> Result<(), HistoryError> {
        self.database.prepare_cached("DELETE FROM recent WHERE peer = ?")?.execute([peer.to_string()])?;
        Ok(())
    }

    /// How loud this person is played, percent; `None` for as they are.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn volume(&self, peer: PeerId) -> Result<Option<u8>, HistoryError> {
        let found = self
            .database
            .prepare_cached("SELECT percent FROM volume WHERE peer = ?")?
            .query_row([peer.to_string()], |row| row.get::<_, i64>(0))
            .optional()?;
        Ok(found.and_then(|percent| u8::try_from(percent).ok()))
    }

    /// Keeps how loud this person is played; `None`: as they are.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn keep_volume(&self, peer: PeerId, percent: Option<u8>) -> Result<(), HistoryError> {
        match percent {
            Some(percent) => self
                .database
                .prepare_cached("INSERT OR REPLACE INTO volume VALUES (?, ?)")?
                .execute(params![peer.to_string(), percent])?,
            None => self.database.prepare_cached("DELETE FROM volume WHERE peer = ?")?.execute([peer.to_string()])?,
        };
        self.database
            .prepare_cached(
                "DELETE FROM volume WHERE peer <> ?1 AND peer NOT IN (SELECT volume.peer FROM volume
                LEFT JOIN recent ON recent.peer = volume.peer WHERE volume.peer <> ?1 ORDER BY time DESC LIMIT ?2)",
            )?
            .execute(params![peer.to_string(), KEPT_VOLUMES - 1])?;
        Ok(())
    }

    /// Whether there was a conversation or a call with this person.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn knows(&self, peer: PeerId) -> Result<bool, HistoryError> {
        let found = self
            .database
            .prepare_cached("SELECT 1 FROM recent WHERE peer = ?1 UNION SELECT 1 FROM chat WHERE peer = ?1 LIMIT 1")?
            .query_row([peer.to_string()], |_| Ok(()))
            .optional()?;
        Ok(found.is_some())
    }
}

const RECEIVED: i64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> PeerId {
        PeerId::from_public_key(&[n; 32])
    }

    fn line(number: u64, text: &str, delivery: Delivery) -> ChatLine {
        ChatLine {
            number,
            mine: true,
            author: String::new(),
            text: text.into(),
            time: 7,
            delivery,
            received_by: vec![],
        }
    }

    #[test]
    fn a_conversation_is_read_back_in_order() {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::open(home.path()).unwrap();
        {
            let (history, problem) = History::open(&profile).unwrap();
            assert_eq!(problem, None);
            history.keep_line(peer(1), &line(1, "one", Delivery::Waiting)).unwrap();
            history.keep_line(peer(1), &line(2, "two 👋", Delivery::Sent)).unwrap();
            history.keep_line(peer(1), &line(1, "one", Delivery::Received)).unwrap();
            history.keep_line(peer(2), &line(1, "other", Delivery::Received)).unwrap();
        }
        let (history, _) = History::open(&profile).unwrap();
        let lines = history.chat(peer(1), 10).unwrap();
        assert_eq!(lines, [line(1, "one", Delivery::Received), line(2, "two 👋", Delivery::Failed)]);
        assert_eq!(history.chat(peer(1), 1).unwrap()[0].number, 2);
    }

    #[test]
    fn recents_have_one_entry_a_person() {
        let history = History::memory().unwrap();
        let recent = |n, time| Recent {
            id: peer(n),
            name: "Amara".into(),
            direction: Direction::Outgoing,
            video: true,
            outcome: "accepted".into(),
            time,
            seconds: 3,
        };
        for (n, time) in [(1, 10), (2, 20), (1, 30)] {
            history.keep_recent(&recent(n, time)).unwrap();
        }
        assert_eq!(history.recents().unwrap(), [recent(1, 30), recent(2, 20)]);
        assert!(history.knows(peer(2)).unwrap());
        history.forget_recent(peer(2)).unwrap();
        assert!(!history.knows(peer(2)).unwrap());
    }

    #[test]
    fn each_persons_volume_is_remembered() {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::open(home.path()).unwrap();
        {
            let (history, _) = History::open(&profile).unwrap();
            // As an earlier version left it.
            history.database.execute_batch("DROP TABLE volume").unwrap();
        }
        {
            let (history, problem) = History::open(&profile).unwrap();
            assert_eq!(problem, None);
            for (n, percent) in [(1, Some(40)), (2, Some(0)), (3, Some(150)), (1, Some(60)), (3, None)] {
                history.keep_volume(peer(n), percent).unwrap();
            }
        }
        let (history, _) = History::open(&profile).unwrap();
        assert_eq!([1, 2, 3, 4].map(|n| history.volume(peer(n)).unwrap()), [Some(60), Some(0), None, None]);
        assert!(!history.knows(peer(1)).unwrap(), "a volume is no acquaintance");
    }

    #[test]
    fn volumes_are_kept_of_so_many_people_and_of_those_talked_to_last() {
        let history = History::memory().unwrap();
        let of = |n: u32| {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&n.to_le_bytes());
            PeerId::from_public_key(&key)
        };
        let (name, outcome, direction) = (String::new(), String::new(), Direction::Outgoing);
        history.keep_recent(&Recent { id: of(7), name, direction, video: true, outcome, time: 9, seconds: 1 }).unwrap();
        (0..KEPT_VOLUMES + 20).for_each(|n| history.keep_volume(of(n), Some(0)).unwrap());
        let kept = (0..KEPT_VOLUMES + 20).filter(|n| history.volume(of(*n)).unwrap().is_some()).count();
        assert_eq!(kept, KEPT_VOLUMES as usize);
        for n in [7, KEPT_VOLUMES + 19] {
            assert_eq!(history.volume(of(n)).unwrap(), Some(0), "{n}");
        }
    }

    #[test]
    fn a_damaged_history_is_kept_aside() {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::open(home.path()).unwrap();
        std::fs::write(profile.path("history.sqlite"), "this is no database at all, by any means").unwrap();
        let (history, problem) = History::open(&profile).unwrap();
        assert!(problem.unwrap().contains("history.sqlite.bad-1"));
        assert!(profile.path("history.sqlite.bad-1").exists());
        history.keep_line(peer(1), &line(1, "one", Delivery::Received)).unwrap();
    }

    #[test]
    fn a_sound_history_stays_in_its_place_when_the_system_fails() {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::open(home.path()).unwrap();
        let (history, _) = History::open(&profile).unwrap();
        history.keep_line(peer(1), &line(1, "one", Delivery::Received)).unwrap();
        drop(history);
        let obstacle = profile.path("history.sqlite-wal");
        std::fs::create_dir(&obstacle).unwrap();
        let (history, problem) = History::open(&profile).unwrap();
        assert!(problem.unwrap().contains("will not be kept"));
        history.keep_line(peer(2), &line(1, "for now", Delivery::Received)).unwrap();
        drop(history);
        std::fs::remove_dir(&obstacle).unwrap();
        let (history, problem) = History::open(&profile).unwrap();
        assert_eq!(problem, None);
        assert_eq!(history.chat(peer(1), 10).unwrap().len(), 1);
    }
}
