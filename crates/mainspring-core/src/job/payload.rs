//! A job's data, as a store keeps it: JSON with a version and a checksum.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{BoxError, Error, ErrorKind};

use super::Job;

/// The largest payload, in bytes. A job should name its data, not carry it: rows stay small, and
/// what the worker reads is as fresh as its attempt.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// A job's data as JSON, with the version of its shape and a checksum (CRC-32, ISO-HDLC) that finds
/// a bit flipped at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    json: Bytes,
    version: u16,
    checksum: u32,
}

impl Payload {
    /// Writes a job.
    ///
    /// # Errors
    /// When it cannot be written as JSON, or is larger than [`PAYLOAD_BYTES_MAX`].
    pub fn of<J: Job>(job: &J) -> Result<Self, Error> {
        Self::encode(job, J::VERSION)
    }

    /// Writes any data as a payload of this version.
    ///
    /// # Errors
    /// When it cannot be written as JSON, or is larger than [`PAYLOAD_BYTES_MAX`].
    pub fn encode<T: Serialize>(data: &T, version: u16) -> Result<Self, Error> {
        let json = serde_json::to_vec(data).map_err(|error| {
            Error::new(ErrorKind::Input, "the job cannot be written as JSON")
                .with_source(BoxError::from(error))
        })?;
        Self::from_json(json, version)
    }

    /// Takes JSON that has been written already; that it is JSON is not checked.
    ///
    /// # Errors
    /// When it is larger than [`PAYLOAD_BYTES_MAX`].
    pub fn from_json(json: impl Into<Bytes>, version: u16) -> Result<Self, Error> {
        let json = json.into();
        if json.len() > PAYLOAD_BYTES_MAX {
            let message = format!("a payload of {} bytes is too large", json.len());
            return Err(Error::new(ErrorKind::Limit, message).with_hint(format!(
                "at most {PAYLOAD_BYTES_MAX} bytes; keep the data in a table and its id in the job"
            )));
        }
        let checksum = crc32fast::hash(&json);
        Ok(Self {
            json,
            version,
            checksum,
        })
    }

    /// What a store has read; a store checks nothing, [`decode`](Payload::decode) does.
    pub fn stored(json: impl Into<Bytes>, version: u16, checksum: u32) -> Self {
        Self {
            json: json.into(),
            version,
            checksum,
        }
    }

    /// The JSON text.
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// The version of its shape.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The checksum of the JSON text.
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Whether the JSON text is what was written.
    pub fn is_intact(&self) -> bool {
        crc32fast::hash(&self.json) == self.checksum
    }

    /// Reads the job, an older one through [`Job::upgrade`].
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when the text is not what was written, [`ErrorKind::Input`] when it
    /// does not fit the job, or is newer than it.
    pub fn decode<J: Job>(&self) -> Result<J, Error> {
        if !self.is_intact() {
            let message = "the payload is not what was written: its checksum differs";
            return Err(Error::new(ErrorKind::Corrupt, message)
                .with_hint("check the storage; restore the database from a backup"));
        }
        match self.version {
            version if version == J::VERSION => self.parse(),
            version if version < J::VERSION => {
                J::upgrade(version, self.parse()?).map_err(|error| {
                    let message = format!("version {version} of the payload cannot be upgraded");
                    Error::new(ErrorKind::Input, message)
                        .with_source(error)
                        .with_hint("let the job's `upgrade` read that version, or discard the job")
                })
            }
            version => {
                let message = format!(
                    "the payload has version {version}, this program knows {}",
                    J::VERSION
                );
                Err(Error::new(ErrorKind::Input, message)
                    .with_hint("a newer program enqueued it; deploy that one here"))
            }
        }
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.json).map_err(|error| {
            Error::new(ErrorKind::Input, "the payload does not fit the job")
                .with_source(BoxError::from(error))
                .with_hint("raise the job's version and write an `upgrade` when its shape changes")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Mail {
        to: String,
        urgent: bool,
    }

    impl Job for Mail {
        const KIND: &'static str = "mail";
        const VERSION: u16 = 2;

        fn upgrade(version: u16, mut payload: serde_json::Value) -> Result<Self, BoxError> {
            assert_eq!(version, 1);
            payload["urgent"] = false.into();
            Ok(serde_json::from_value(payload)?)
        }
    }

    fn mail() -> Mail {
        Mail {
            to: "ada".into(),
            urgent: false,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let payload = Payload::of(&mail()).unwrap();
        assert_eq!(payload.decode::<Mail>().unwrap(), mail());
    }

    #[test]
    fn an_older_version_is_upgraded_and_a_newer_one_refused() {
        let old = Payload::from_json(&br#"{"to":"ada"}"#[..], 1).unwrap();
        assert_eq!(old.decode::<Mail>().unwrap(), mail());
        let new = Payload::from_json(&br#"{"to":"ada"}"#[..], 3).unwrap();
        let error = new.decode::<Mail>().unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("deploy")));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let payload = Payload::of(&mail()).unwrap();
        for bit in 0..payload.json().len() * 8 {
            let mut json = payload.json().to_vec();
            json[bit / 8] ^= 1 << (bit % 8);
            let flipped = Payload::stored(json, 2, payload.checksum());
            let error = flipped.decode::<Mail>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "bit {bit}");
        }
    }

    #[test]
    fn a_large_payload_is_refused() {
        let error = Payload::from_json(vec![b' '; PAYLOAD_BYTES_MAX + 1], 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(Payload::from_json(vec![b' '; PAYLOAD_BYTES_MAX], 1).is_ok());
    }
}
