//! `sqlite:path/to/file.db?synchronous=normal`.

use std::path::{Path, PathBuf};

use mainspring_core::error::{Error, ErrorKind};

use crate::connection::Synchronous;

/// Where the database is and how it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) path: PathBuf,
    pub(crate) synchronous: Synchronous,
    pub(crate) network_fs: bool,
}

impl Address {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            synchronous: Synchronous::Full,
            network_fs: false,
        }
    }

    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let rest = url
            .strip_prefix("sqlite:")
            .ok_or_else(|| wrong(url, "it names no SQLite"))?;
        let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path == ":memory:" {
            return Err(wrong(url, "it names no file"));
        }
        let mut address = Self::new(Path::new(path));
        for option in options.split('&').filter(|option| !option.is_empty()) {
            address.set(url, option)?;
        }
        Ok(address)
    }

    fn set(&mut self, url: &str, option: &str) -> Result<(), Error> {
        match option {
            "synchronous=full" => self.synchronous = Synchronous::Full,
            "synchronous=normal" => self.synchronous = Synchronous::Normal,
            "synchronous=off" => self.synchronous = Synchronous::Off,
            "network_fs=force" => self.network_fs = true,
            "network_fs=refuse" => self.network_fs = false,
            other => return Err(wrong(url, &format!("{other:?} is no option"))),
        }
        Ok(())
    }
}

fn wrong(url: &str, why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("{url:?} is no database: {why}")).with_hint(
        "write sqlite:path/to/file.db, with ?synchronous=full|normal|off or ?network_fs=force",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_path_with_options() {
        let plain = Address::parse("sqlite:data/app.db").unwrap();
        assert_eq!(plain, Address::new(Path::new("data/app.db")));
        let all = Address::parse("sqlite:///srv/a.db?synchronous=normal&network_fs=force").unwrap();
        assert_eq!(all.path, Path::new("/srv/a.db"));
        assert_eq!(
            (all.synchronous, all.network_fs),
            (Synchronous::Normal, true)
        );
        for bad in [
            "postgres://x",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:a.db?sync=full",
        ] {
            let error = Address::parse(bad).unwrap_err();
            assert!(error.is_config() && error.hint().is_some(), "{bad}");
        }
    }
}
