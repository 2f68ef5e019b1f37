//! Files that are sent: which ones a path means, and reading one.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::disk::disk;
use crate::call::transfer::{Fault, Hash, MAX_OPEN, Why};
use crate::model::transfer::TransferId;

/// Hashed at once, bytes.
pub(super) const SLICE: usize = 1 << 20;

/// Deepest that folders are looked into.
const DEPTH: u32 = 8;

/// A file as it was when it was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub path: PathBuf,
    pub name: String,
    pub size: u64,
    pub modified: Option<SystemTime>,
}

/// The files that these paths mean, a folder being the set of files in it; and what cannot be sent, in words.
pub(super) fn look(paths: &[PathBuf]) -> (Vec<Found>, Vec<String>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let before = files.len();
        gather(path, DEPTH, &mut files, &mut problems);
        if files.len() == before && problems.is_empty() {
            problems.push(format!("there is no file in {}", path.display()));
        }
    }
    if files.len() > MAX_OPEN {
        files.clear();
        problems.push(format!(
            "these are more than {MAX_OPEN} files; put them into one, for instance a zip file, and send that"
        ));
    }
    (files, problems)
}

/// Keeps a picture in a file of its own.
pub(super) fn keep(folder: &Path, png: &[u8]) -> io::Result<Found> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{}.png", TransferId::random()));
    let mut file = File::create_new(&path)?;
    file.write_all(png)?;
    let found = file.metadata()?;
    Ok(Found { path, name: "Pasted image.png".to_owned(), size: found.len(), modified: found.modified().ok() })
}

fn gather(path: &Path, depth: u32, files: &mut Vec<Found>, problems: &mut Vec<String>) {
    if files.len() > MAX_OPEN {
        return;
    }
    // Links are followed where a person named them, but not inside of a folder: they may lead anywhere.
    let found = if depth == DEPTH { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let found = match found {
        Ok(found) => found,
        Err(e) => return problems.push(unreadable(path, &e)),
    };
    if found.is_dir() {
        let mut inside: Vec<PathBuf> = match fs::read_dir(path) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).take(10_000).collect(),
            Err(e) => return problems.push(unreadable(path, &e)),
        };
        inside.sort();
        if depth > 0 {
            inside.iter().for_each(|path| gather(path, depth - 1, files, problems));
        }
    } else if found.is_file() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push(Found { path: path.to_owned(), name, size: found.len(), modified: found.modified().ok() });
    } else if depth == DEPTH {
        problems.push(format!("{} is neither a file nor a folder", path.display()));
    }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("{} is not there; check its name", path.display()),
        io::ErrorKind::PermissionDenied => format!("{} may not be read by you", path.display()),
        _ => format!("{} cannot be read: {error}", path.display()),
    }
}

/// One that is open. Read from the beginning to the end, hashed on the way.
pub(super) struct Source {
    found: Found,
    file: File,
    at: u64,
    hasher: Sha256,
}

impl Source {
    pub fn open(found: Found) -> Result<Self, Fault> {
        let gone = |e: io::Error| Fault { why: Why::Vanished, words: unreadable(&found.path, &e) };
        let file = File::open(&found.path).map_err(gone)?;
        let source = Self { found, file, at: 0, hasher: Sha256::new() };
        source.check()?;
        Ok(source)
    }

    /// Whether it is still what was offered.
    fn check(&self) -> Result<(), Fault> {
        let now = self.file.metadata().map_err(|e| self.broken(&e))?;
        let same = now.is_file() && now.len() == self.found.size && now.modified().ok() == self.found.modified;
        if same { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> Fault {
        let words = format!("{} was changed since it was offered; send it again", self.found.path.display());
        Fault { why: Why::Changed, words }
    }

    fn broken(&self, error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(),
            _ => disk(unreadable(&self.found.path, error)),
        }
    }

    /// The next piece, and the hash of the whole after the last one.
    pub fn read(&mut self, at: u64, len: u32) -> Result<(Bytes, Option<Hash>), Fault> {
        if at != self.at {
            return Err(disk(format!("{} was read out of order", self.found.path.display())));
        }
        let bytes = self.take(len as usize)?;
        let whole = self.whole();
        if whole.is_some() {
            self.check()?;
        }
        Ok((bytes.into(), whole))
    }

    fn take(&mut self, len: usize) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; len];
        self.file.read_exact(&mut bytes).map_err(|e| self.broken(&e))?;
        self.hasher.update(&bytes);
        self.at += len as u64;
        Ok(bytes)
    }

    /// Hashes on towards the first `until` bytes; their hash once it is there.
    pub fn hash(&mut self, until: u64) -> Result<Option<Hash>, Fault> {
        let left = usize::try_from(until - self.at).unwrap_or(SLICE);
        self.take(left.min(SLICE))?;
        Ok((self.at == until).then(|| self.so_far()))
    }

    /// Begins again.
    pub fn rewind(&mut self) -> Result<(), Fault> {
        self.file.seek(SeekFrom::Start(0)).map_err(|e| self.broken(&e))?;
        (self.at, self.hasher) = (0, Sha256::new());
        Ok(())
    }

    fn so_far(&self) -> Hash {
        Hash(self.hasher.clone().finalize().into())
    }

    /// The hash of the whole, where all of it was read.
    pub fn whole(&self) -> Option<Hash> {
        (self.at == self.found.size).then(|| self.so_far())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_set_of_its_files() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("a/b")).unwrap();
        for name in ["a/one", "a/b/two", "three"] {
            fs::write(home.path().join(name), name).unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc", home.path().join("a/etc")).unwrap();
        let (files, problems) = look(&[home.path().join("a"), home.path().join("three")]);
        let names: Vec<_> = files.iter().map(|of| (of.name.as_str(), of.size)).collect();
        assert_eq!(names, [("two", 7), ("one", 5), ("three", 5)]);
        assert_eq!(problems, Vec::<String>::new());
        let (files, problems) = look(&[home.path().join("nothing")]);
        assert!(files.is_empty() && problems[0].contains("is not there"), "{problems:?}");
        for n in 0..=MAX_OPEN {
            fs::write(home.path().join(format!("a/{n}")), "").unwrap();
        }
        let (files, problems) = look(&[home.path().join("a")]);
        assert!(files.is_empty() && problems[0].contains("zip"), "{problems:?}");
    }

    #[test]
    fn a_file_that_changes_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x");
        fs::write(&path, "0123456789").unwrap();
        let found = look(std::slice::from_ref(&path)).0.remove(0);
        let mut source = Source::open(found.clone()).unwrap();
        assert_eq!(source.read(0, 4).unwrap(), (Bytes::from_static(b"0123"), None));
        File::options().write(true).open(&path).unwrap().set_len(6).unwrap();
        assert_eq!(source.read(4, 6).unwrap_err().why, Why::Changed);
        assert_eq!(Source::open(found.clone()).err().map(|fault| fault.why), Some(Why::Changed));
        fs::remove_file(&path).unwrap();
        assert_eq!(Source::open(found).err().map(|fault| fault.why), Some(Why::Vanished));
    }

    #[test]
    fn the_hash_of_a_part_is_that_of_its_bytes() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x");
        let content = vec![7; 3 * SLICE + 5];
        fs::write(&path, &content).unwrap();
        let found = look(&[path]).0.remove(0);
        let mut source = Source::open(found).unwrap();
        let until = 2 * SLICE as u64 + 3;
        assert_eq!((source.hash(until).unwrap(), source.hash(until).unwrap()), (None, None));
        let part = Hash(Sha256::digest(&content[..until as usize]).into());
        assert_eq!(source.hash(until).unwrap(), Some(part));
        let (bytes, whole) = source.read(until, (SLICE + 2) as u32).unwrap();
        assert_eq!((bytes.len(), whole), (SLICE + 2, Some(Hash(Sha256::digest(&content).into()))));
    }
}
