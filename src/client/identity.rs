//! The key a person's ID comes from: 32 random bytes, kept as 64 hexadecimal digits in `identity.key`, readable by
//! the owner only. Made at the first start; never overwritten.

use std::fs;
use std::io;
use std::path::Path;

use super::profile::{Profile, ProfileError, write_private};

/// The ed25519 seed of this profile.
///
/// A key file that others may read is closed to them first.
///
/// # Errors
/// [`ProfileError`]: unreadable, damaged, too open and not to be closed, or not to be written.
pub fn load_or_create(profile: &Profile) -> Result<[u8; 32], ProfileError> {
    let path = profile.path("identity.key");
    match fs::read(&path) {
        Ok(bytes) => {
            close_to_others(&path)?;
            parse(&bytes).ok_or(ProfileError::Damaged(path))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|e| ProfileError::Write(path.clone(), io::Error::other(e)))?;
            let text = data_encoding::HEXLOWER.encode(&seed) + "\n";
            write_private(&path, text.as_bytes()).map_err(|e| ProfileError::Write(path, e))?;
            Ok(seed)
        }
        Err(e) => Err(ProfileError::Unreadable(path, e)),
    }
}

fn parse(bytes: &[u8]) -> Option<[u8; 32]> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(unix)]
fn close_to_others(path: &Path) -> Result<(), ProfileError> {
    use std::os::unix::fs::PermissionsExt;
    let too_open = |e| ProfileError::TooOpen(path.to_owned(), e);
    let mode = fs::metadata(path).map_err(too_open)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(too_open)?;
        tracing::warn!("other users could read {}; closed it to them", path.display());
    }
    Ok(())
}

#[cfg(not(unix))]
fn close_to_others(_: &Path) -> Result<(), ProfileError> {
    Ok(()) // the user's own data directory is closed to others by its access list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_the_same() {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::open(home.path()).unwrap();
        let first = load_or_create(&profile).unwrap();
        assert_eq!(load_or_create(&profile).unwrap(), first);
        assert_ne!(first, [0; 32]);
    }

    #[test]
    fn a_damaged_key_is_refused_and_kept() {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::open(home.path()).unwrap();
        for bad in ["", "abcd", "zz"] {
            fs::write(profile.path("identity.key"), bad).unwrap();
            assert!(matches!(load_or_create(&profile), Err(ProfileError::Damaged(_))));
            assert_eq!(fs::read_to_string(profile.path("identity.key")).unwrap(), bad);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_open_to_others_is_closed() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::open(home.path()).unwrap();
        load_or_create(&profile).unwrap();
        let path = profile.path("identity.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        load_or_create(&profile).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
