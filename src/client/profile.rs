//! The profile directory: everything this person's copy of the program keeps.
//!
//! | file | what | if it is bad |
//! |---|---|---|
//! | `lock` | held while the program runs | a second copy is told so |
//! | `identity.key` | the key the ID comes from ([`super::identity`]) | nothing starts, the file stays |
//! | `settings.toml` | choices ([`super::preferences`]) | kept aside, defaults taken, said |
//! | `history.sqlite` | chat and recent calls ([`super::history`]) | kept aside, a new one made, said |
//! | `pasted` | pictures that were pasted, until the program ends (`client::files`) | removed at the next start |
//!
//! Invariant: nothing is ever deleted because it cannot be read.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why the profile cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The system names no home directory.
    #[error("this system names no home directory; say where to keep the profile with --profile DIR")]
    NoHome,
    /// The directory cannot be made or entered.
    #[error("the profile directory {0} cannot be used: {1}; choose another with --profile DIR")]
    Directory(PathBuf, io::Error),
    /// Another copy of the program has it.
    #[error(
        "another copy of Visavis is running with the profile {0}; close that one, or start this one with --profile and another directory"
    )]
    InUse(PathBuf),
    /// The key cannot be read.
    #[error("the identity key {0} cannot be read: {1}; make it readable for you alone, or restore it from a copy")]
    Unreadable(PathBuf, io::Error),
    /// The key is not a key.
    #[error(
        "the identity key {0} is damaged (64 hexadecimal digits are expected); restore it from a copy, or move it away to get a new ID"
    )]
    Damaged(PathBuf),
    /// The key can be read by others, and that cannot be changed.
    #[error("the identity key {0} can be read by other users and this cannot be changed ({1}); run: chmod 600 {0}")]
    TooOpen(PathBuf, io::Error),
    /// A file cannot be written.
    #[error(
        "{0} cannot be written: {1}; nothing was changed; free some space or check the permissions, then try again"
    )]
    Write(PathBuf, io::Error),
}

/// The directory, locked for this process until dropped.
#[derive(Debug)]
pub struct Profile {
    directory: PathBuf,
    /// Held, never read: the lock goes with it.
    _lock: File,
}

impl Profile {
    /// Where the profile is when nobody says otherwise: the platform's directory for an application's own files.
    ///
    /// # Errors
    /// [`ProfileError::NoHome`].
    pub fn default_directory() -> Result<PathBuf, ProfileError> {
        let directories = directories::ProjectDirs::from("", "", "visavis").ok_or(ProfileError::NoHome)?;
        Ok(directories.data_dir().to_owned())
    }

    /// Makes the directory if it is not there (readable by the owner only) and locks it.
    ///
    /// # Errors
    /// [`ProfileError::Directory`], [`ProfileError::InUse`].
    pub fn open(directory: &Path) -> Result<Self, ProfileError> {
        let unusable = |e| ProfileError::Directory(directory.to_owned(), e);
        if !directory.is_dir() {
            create_private_directory(directory).map_err(unusable)?;
        }
        // The lock file's content means nothing; the lock ends with the process, however it ends.
        let lock =
            File::options().create(true).write(true).truncate(false).open(directory.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { directory: directory.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(ProfileError::InUse(directory.to_owned())),
            Err(TryLockError::Error(e)) => Err(unusable(e)),
        }
    }

    /// A file of the profile.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

fn create_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Writes a file for the owner only, whole or not at all: a new file beside it, synced, takes its name.
///
/// # Errors
/// What the system says; the old file is as it was.
pub(super) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let written = (|| {
        let mut options = File::options();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Moves a file that cannot be used to `name.bad-N`, N the first free number, and says where it is.
///
/// # Errors
/// What the system says.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut number = 1;
    loop {
        let aside = path.with_file_name(format!("{name}.bad-{number}"));
        if !aside.exists() {
            fs::rename(path, &aside)?;
            return Ok(aside);
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_copy_is_told() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("a/b");
        let first = Profile::open(&directory).unwrap();
        assert!(matches!(Profile::open(&directory), Err(ProfileError::InUse(_))));
        drop(first);
        Profile::open(&directory).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_new_directory_is_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("profile");
        let _profile = Profile::open(&directory).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_is_set_aside_is_kept_each_time() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("settings.toml");
        for text in ["one", "two"] {
            fs::write(&path, text).unwrap();
            set_aside(&path).unwrap();
        }
        assert_eq!(fs::read_to_string(home.path().join("settings.toml.bad-1")).unwrap(), "one");
        assert_eq!(fs::read_to_string(home.path().join("settings.toml.bad-2")).unwrap(), "two");
    }

    #[test]
    fn a_file_that_cannot_take_its_place_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("settings.toml");
        fs::create_dir(&path).unwrap(); // rename over a directory fails
        assert!(write_private(&path, b"x").is_err());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
