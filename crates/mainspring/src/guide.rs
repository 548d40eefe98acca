#![doc = include_str!("../../../docs/guides/README.md")]
