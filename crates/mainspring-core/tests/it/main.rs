//! The integration tests of mainspring-core, in one binary.

mod cron_properties;
mod cron_tables;
mod oracle;
