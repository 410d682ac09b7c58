//! Files, directories and programs: there, ours, and closed to others.

use super::Check;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Less free space than this and the record itself is in danger.
const FREE_BYTES_MIN: u64 = 256 * 1024 * 1024;

pub fn data_directory(path: &Path, pack_bytes_max: u64) -> Vec<Check> {
    let what = "data directory";
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => return vec![Check::fail(what, format!("{shown} is not a directory"), "set `data` to a directory")],
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return vec![Check::warn(
                what,
                format!("there is no {shown}"),
                "fine before the first start; it will be made",
            )];
        }
        Err(error) => return vec![Check::fail(what, format!("{shown}: {error}"), "let the gate's user enter it")],
    };
    let mode = metadata.permissions().mode() & 0o777;
    let written = tempfile::Builder::new().prefix(".doctor-").tempfile_in(path);
    let first = match written {
        Err(error) => Check::fail(
            what,
            format!("cannot write to {shown}: {error}"),
            format!("chown it to the gate's user: {shown}"),
        ),
        Ok(_) if mode & 0o077 != 0 => {
            Check::warn(what, format!("others may enter {shown} (mode {mode:04o})"), format!("chmod 0700 {shown}"))
        }
        Ok(_) => Check::ok(what, format!("{shown}, mode {mode:04o}")),
    };
    vec![first, free_space(path, pack_bytes_max)]
}

/// A push needs its pack and as much again to index and to keep it.
#[allow(clippy::useless_conversion, reason = "the system's types have 32 bits on some machines")]
fn free_space(path: &Path, pack_bytes_max: u64) -> Check {
    let what = "free space";
    let fix = "make room, or move `data` to a larger disk";
    let Ok(stat) = nix::sys::statvfs::statvfs(path) else { return Check::fail(what, "cannot be told", fix) };
    let free = u64::from(stat.blocks_available()).saturating_mul(u64::from(stat.fragment_size()));
    let shown = format!("{} MiB", free / (1024 * 1024));
    match free {
        free if free < FREE_BYTES_MIN => Check::fail(what, shown, fix),
        free if free < pack_bytes_max.saturating_mul(2) => {
            Check::warn(what, format!("{shown} is less than two of the largest packs"), fix)
        }
        _ => Check::ok(what, shown),
    }
}

pub fn private_key(name: &str, path: &Path) -> Check {
    let what = format!("identity of {name}");
    let mut check = secret(what.clone(), path);
    if check.state == super::State::Fail {
        if !path.exists() {
            let shown = path.display();
            check.fix = format!("ssh-keygen -t ed25519 -N '' -f {shown}, and let {shown}.pub push there");
        }
        return check;
    }
    // Other formats than OpenSSH's own are left to ssh.
    match ssh_key::PrivateKey::read_openssh_file(path) {
        Ok(key) if key.is_encrypted() => {
            let fix = format!("nobody is there to type it: ssh-keygen -p -N '' -f {}", path.display());
            Check::fail(what, "the key has a passphrase", fix)
        }
        Ok(_) | Err(_) => check,
    }
}

/// A file that only its owner may read.
pub fn secret(what: String, path: &Path) -> Check {
    let shown = path.display();
    let metadata = match std::fs::File::open(path).and_then(|file| file.metadata()) {
        Ok(metadata) => metadata,
        Err(error) => {
            return Check::fail(
                what,
                format!("cannot read {shown}: {error}"),
                "put it there, readable for the gate's user",
            );
        }
    };
    let mode = metadata.permissions().mode() & 0o777;
    if !metadata.is_file() || metadata.len() == 0 {
        return Check::fail(what, format!("{shown} is empty or no file"), "put the credential into it");
    }
    if mode & 0o077 != 0 {
        return Check::fail(what, format!("others may read {shown} (mode {mode:04o})"), format!("chmod 0600 {shown}"));
    }
    Check::ok(what, format!("{shown}, mode {mode:04o}"))
}

/// A program by its path, or by its name on PATH.
pub fn program(what: &str, name: &str, fix: &str) -> Check {
    let is_program = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    let found = if name.contains('/') {
        Some(Path::new(name).to_owned()).filter(|path| is_program(path))
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| is_program(path))
    };
    match found {
        Some(path) => Check::ok(what, path.display().to_string()),
        None => Check::fail(what, format!("there is no program {name}"), fix),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use std::fs::{Permissions, set_permissions, write};

    #[test]
    fn a_secret_is_for_its_owner_only() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        let state = || secret("token".to_owned(), &path).state;
        assert_eq!(state(), State::Fail);
        write(&path, "").expect("written");
        set_permissions(&path, Permissions::from_mode(0o600)).expect("chmod");
        assert_eq!(state(), State::Fail);
        write(&path, "x").expect("written");
        assert_eq!(state(), State::Ok);
        for mode in [0o640, 0o604, 0o666] {
            set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
            assert_eq!(state(), State::Fail, "{mode:o}");
        }
    }

    #[test]
    fn the_data_directory_may_be_made_later_but_not_open_to_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let states = |path: &Path| data_directory(path, 1).iter().map(|check| check.state).collect::<Vec<_>>();
        assert_eq!(states(&dir.path().join("none")), [State::Warn]);
        set_permissions(dir.path(), Permissions::from_mode(0o700)).expect("chmod");
        assert_eq!(states(dir.path())[0], State::Ok);
        set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("chmod");
        assert_eq!(states(dir.path())[0], State::Warn);
        assert_eq!(free_space(dir.path(), u64::MAX).state, State::Warn);
    }

    #[test]
    fn a_program_is_found_on_the_path() {
        assert_eq!(program("sh", "sh", "").state, State::Ok);
        assert_eq!(program("sh", "/bin/sh", "").state, State::Ok);
        assert_eq!(program("none", "no-such-program-anywhere", "").state, State::Fail);
        assert_eq!(program("dir", "/bin", "").state, State::Fail);
    }
}
