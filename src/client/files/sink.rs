//! Writing one file that is received: as `name.XXXXXXXX.part` until it is whole and its hash is right, then under its name, or
//! that with a number where it is taken.
//!
//! Invariants: nothing outside of the folder is touched; nothing that is there is overwritten.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::disk::disk;
use super::source::SLICE;
use crate::call::transfer::{Fault, Hash, Why, name};
use crate::model::transfer::{TransferId, amount};

/// Left free on the disk, bytes: a full one harms more than a file that does not come.
const SPARE: u64 = 16 << 20;

/// Highest number behind a name that is taken.
const NUMBERS: u32 = 9999;

/// One that is being written.
pub(super) struct Sink {
    folder: PathBuf,
    part: PathBuf,
    name: String,
    size: u64,
    /// `None` while nothing comes.
    file: Option<File>,
    /// Bytes written and hashed.
    have: u64,
    /// Bytes there from an earlier attempt, to be hashed first.
    there: u64,
    hasher: Sha256,
}

impl Sink {
    /// Finds or makes its place. `reserved` bytes of the disk are promised to others. `name` is safe already, and made so once more.
    pub fn open(folder: &Path, name: &str, id: TransferId, size: u64, reserved: u64) -> Result<Self, Fault> {
        let name = name::safe(name);
        fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
        let part = folder.join(format!("{name}.{}.part", &id.to_string()[..8]));
        let (file, there) = place(&part, size).map_err(|e| failed(&part, &e))?;
        let sink = Self {
            folder: folder.to_owned(),
            part,
            name,
            size,
            file: Some(file),
            have: 0,
            there,
            hasher: Sha256::new(),
        };
        if let Some(free) = free(folder)
            && free < (size - there).saturating_add(reserved).saturating_add(SPARE)
        {
            let words = format!(
                "“{}” needs {} and {} of the disk are free in {}; make room there or choose another folder in the settings",
                sink.name,
                amount(size - there),
                amount(free.saturating_sub(reserved)),
                folder.display(),
            );
            if there == 0 {
                sink.remove();
            }
            return Err(Fault { why: Why::Space, words });
        }
        Ok(sink)
    }

    /// Bytes that are still to come.
    pub fn missing(&self) -> u64 {
        self.size - self.have.max(self.there)
    }

    /// Hashes on what is there; how much that is and its hash once it is known.
    pub fn hash(&mut self) -> Result<Option<(u64, Hash)>, Fault> {
        let len = usize::try_from(self.there - self.have).unwrap_or(SLICE).min(SLICE);
        let mut bytes = vec![0; len];
        self.with(|file| file.read_exact(&mut bytes))?;
        self.hasher.update(&bytes);
        self.have += len as u64;
        Ok((self.have == self.there).then(|| (self.have, self.so_far())))
    }

    fn so_far(&self) -> Hash {
        Hash(self.hasher.clone().finalize().into())
    }

    /// Throws away what is there.
    pub fn rewind(&mut self) -> Result<(), Fault> {
        self.with(|file| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0)).map(drop)
        })?;
        (self.have, self.there, self.hasher) = (0, 0, Sha256::new());
        Ok(())
    }

    /// Writes on; how much is there then.
    pub fn write(&mut self, at: u64, bytes: &[u8]) -> Result<u64, Fault> {
        if at != self.have || bytes.len() as u64 > self.size - self.have {
            return Err(disk(format!("{} was written out of order", self.part.display())));
        }
        self.with(|file| file.write_all(bytes))?;
        self.hasher.update(bytes);
        self.have += bytes.len() as u64;
        Ok(self.have)
    }

    /// Nothing comes for now.
    pub fn pause(&mut self) {
        self.file = None;
        self.there = self.there.max(self.have);
    }

    /// Gives it its name, if its hash is this.
    pub fn finish(&mut self, sha256: Hash) -> Result<PathBuf, Fault> {
        if self.have != self.size || self.so_far() != sha256 {
            let words = format!("“{}” arrived damaged and was thrown away; ask for it again", self.name);
            return Err(Fault { why: Why::Damaged, words });
        }
        self.file = None; // some systems move no file that is open
        let mut number = 1;
        loop {
            let name = if number == 1 { self.name.clone() } else { name::numbered(&self.name, number) };
            let path = self.folder.join(name);
            // To make it is what claims the name; then it may be replaced, for it is ours.
            match File::create_new(&path) {
                Ok(_) => {
                    return match fs::rename(&self.part, &path) {
                        Ok(()) => Ok(path),
                        Err(e) => {
                            let _ = fs::remove_file(&path); // empty, and ours
                            Err(failed(&path, &e))
                        }
                    };
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists && number < NUMBERS => number += 1,
                Err(e) => return Err(failed(&path, &e)),
            }
        }
    }

    /// Removes what is there.
    pub fn remove(self) {
        drop(self.file);
        if let Err(e) = fs::remove_file(&self.part) {
            tracing::debug!("{}: {e}", self.part.display());
        }
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut File) -> io::Result<T>) -> Result<T, Fault> {
        let done = match &mut self.file {
            Some(file) => work(file),
            None => Err(io::Error::other("it is not open")),
        };
        done.map_err(|e| failed(&self.part, &e))
    }
}

/// The file with what an earlier attempt left in it, if that can be the beginning of this one.
fn place(part: &Path, size: u64) -> io::Result<(File, u64)> {
    match fs::symlink_metadata(part) {
        Ok(found) if found.is_file() && found.len() <= size => {
            Ok((File::options().read(true).write(true).open(part)?, found.len()))
        }
        Ok(found) if found.is_file() => {
            fs::remove_file(part)?;
            Ok((File::options().read(true).write(true).create_new(true).open(part)?, 0))
        }
        Ok(_) => Err(io::Error::other("something else is in its place")),
        Err(_) => Ok((File::options().read(true).write(true).create_new(true).open(part)?, 0)),
    }
}

fn failed(path: &Path, error: &io::Error) -> Fault {
    let (why, words) = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => (
            Why::Space,
            format!("the disk is full: {} cannot be written; make room, then ask for it again", path.display()),
        ),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            let what = "you may not write there; choose another folder for received files in the settings";
            (Why::Disk, format!("{}: {what}", path.display()))
        }
        _ => (Why::Disk, format!("{} cannot be written: {error}", path.display())),
    };
    Fault { why, words }
}

/// Bytes that are free for us where this folder is; `None` where the system does not tell.
#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn receive(folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf, Fault> {
        let mut sink = Sink::open(folder, name, TransferId([1; 16]), content.len() as u64, 0)?;
        assert_eq!(sink.hash()?, Some((0, hash(b""))));
        sink.write(0, content)?;
        sink.finish(hash(content))
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number_and_nothing_is_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("new/folder");
        for content in ["one", "two", "three"] {
            receive(&folder, "a.txt", content.as_bytes()).unwrap();
        }
        assert_eq!(names(&folder), ["a (2).txt", "a (3).txt", "a.txt"]);
        assert_eq!(fs::read_to_string(folder.join("a.txt")).unwrap(), "one");
        assert_eq!(fs::read_to_string(folder.join("a (3).txt")).unwrap(), "three");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("in");
        for name in ["../out", "/tmp/out", "..", "a/../../out", "..\\out"] {
            let path = receive(&folder, name, b"x").unwrap();
            assert_eq!(path.parent(), Some(folder.as_path()), "{name}");
        }
        assert_eq!(names(home.path()), ["in"]);
    }

    #[test]
    fn what_is_damaged_gets_no_name() {
        let home = tempfile::tempdir().unwrap();
        let mut sink = Sink::open(home.path(), "a", TransferId([1; 16]), 3, 0).unwrap();
        sink.write(0, b"abc").unwrap();
        assert_eq!(sink.finish(hash(b"abd")).unwrap_err().why, Why::Damaged);
        sink.remove();
        assert_eq!(names(home.path()), Vec::<String>::new());
    }

    #[test]
    fn a_part_is_found_again_and_nothing_else_is_taken_for_it() {
        let home = tempfile::tempdir().unwrap();
        let mut sink = Sink::open(home.path(), "a", TransferId([1; 16]), 6, 0).unwrap();
        sink.write(0, b"abc").unwrap();
        drop(sink);
        assert_eq!(names(home.path()), ["a.01010101.part"]);
        let mut sink = Sink::open(home.path(), "a", TransferId([1; 16]), 6, 0).unwrap();
        assert_eq!(sink.hash().unwrap(), Some((3, hash(b"abc"))));
        sink.write(3, b"def").unwrap();
        assert!(sink.write(6, b"g").is_err(), "longer than was offered");
        sink.finish(hash(b"abcdef")).unwrap();
        assert_eq!(fs::read_to_string(home.path().join("a")).unwrap(), "abcdef");
        fs::create_dir(home.path().join("a.01010101.part")).unwrap();
        assert!(Sink::open(home.path(), "a", TransferId([1; 16]), 6, 0).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_does_not_fit_on_the_disk_is_refused_before_it_comes() {
        let home = tempfile::tempdir().unwrap();
        let fault = Sink::open(home.path(), "huge", TransferId([1; 16]), 1 << 60, 0).err().unwrap();
        assert_eq!(fault.why, Why::Space);
        assert!(fault.words.contains("needs") && fault.words.contains("TB"), "{}", fault.words);
        let free = free(home.path()).unwrap();
        assert!(Sink::open(home.path(), "b", TransferId([2; 16]), 10, free).is_err(), "all of it is promised");
        assert_eq!(names(home.path()), Vec::<String>::new());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_written_is_said() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "x").unwrap();
        let fault = Sink::open(&file, "a", TransferId([1; 16]), 1, 0).err().unwrap();
        assert!(fault.why == Why::Disk && fault.words.contains("cannot be written"), "{}", fault.words);
    }
}
