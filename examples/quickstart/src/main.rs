//! Runs the quickstart until it gets SIGTERM or Ctrl-C.

use mainspring::environment::Environment;
use mainspring::prelude::*;
use quickstart::Settings;

#[tokio::main]
async fn main() -> Result<ShutdownReport, mainspring::Error> {
    let _log = mainspring::logger()?;
    let settings = Settings::from_env(&Environment::process());
    quickstart::app(&settings)?.serve("127.0.0.1:8080").await
}
