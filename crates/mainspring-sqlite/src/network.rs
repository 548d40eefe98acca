//! Whether a file lies on a file system of another machine.

use std::path::Path;

use mainspring_core::error::{Error, ErrorKind};

/// The file systems whose locks or shared memory SQLite's write-ahead log cannot trust.
const NETWORK: [&str; 16] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "fuse.sshfs",
    "fuse.glusterfs",
    "glusterfs",
    "lustre",
    "beegfs",
    "ocfs2",
    "gfs2",
    "fuse.s3fs",
];

/// Refuses a file of another machine.
pub(crate) fn check(path: &Path) -> Result<(), Error> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let Ok(folder) = folder.unwrap_or(Path::new(".")).canonicalize() else {
        return Ok(());
    };
    // Where there is no such list, nothing can be said.
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    match file_system(&mounts, &folder) {
        Some(kind) if NETWORK.contains(&kind) => Err(Error::new(
            ErrorKind::Config,
            format!("{} lies on a network file system ({kind})", path.display()),
        )
        .with_hint("use a local disk; `?network_fs=force` takes the risk of a damaged database")),
        _ => Ok(()),
    }
}

/// The kind of the mount that a folder lies in: the longest one that holds it, the last of equals.
fn file_system<'m>(mounts: &'m str, folder: &Path) -> Option<&'m str> {
    let mut found = None;
    let mut length = 0;
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (Some(point), Some(kind)) = (words.nth(1), words.next()) else {
            continue;
        };
        let point = point.replace("\\040", " ");
        if folder.starts_with(&point) && point.len() >= length {
            length = point.len();
            found = Some(kind);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_decides() {
        let mounts =
            "/dev/a / ext4 rw 0 0\nhost:/x /srv/data nfs4 rw 0 0\n/dev/b /srv/data/l xfs rw";
        for (folder, kind) in [
            ("/srv", "ext4"),
            ("/srv/data/a", "nfs4"),
            ("/srv/data/l/m", "xfs"),
        ] {
            assert_eq!(
                file_system(mounts, Path::new(folder)),
                Some(kind),
                "{folder}"
            );
        }
    }
}
