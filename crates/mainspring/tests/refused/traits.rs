//! Types that lack what a method of the app wants of them.

use std::net::IpAddr;

use mainspring::prelude::*;
use mainspring::sqlite::rusqlite::Connection;

pub struct Plain;

//~ error: `Plain` is not a component
//~ implement `Component` for it: a `name`, and `start` or `stop` as `async fn`
pub fn component() -> App {
    App::new("demo").component(Plain)
}

//~ error: `Plain` is not an action
//~ implement `Action` for it: `const NAME`, `type Input` (`Deserialize`, `Validate`)
//~ and `async fn call(&self, ctx: ActionContext, input: Self::Input)
//~ a plain axum handler goes to `App::routes`
pub fn action() -> App {
    App::new("demo").action(Plain)
}

//~ error: `&str` is not an app
//~ make one with `App::new("name")`
pub fn app() -> App {
    Web::action("demo", Block);
    App::new("demo")
}

pub struct Block;

//~ error: `IpAddr` does not say whether it is valid
//~ `Validate` is needed for an action's input
//~ write `impl Validate for IpAddr {}` if it has no rules
impl Action for Block {
    const NAME: &'static str = "demo.block";
    type Input = IpAddr;
    type Output = ();

    async fn call(&self, _ctx: ActionContext, _address: IpAddr) -> Result<(), ActionError> {
        Ok(())
    }
}

//~ error: rusqlite::Connection` is no transaction that jobs can join
//~ pass `&mut tx`, a transaction of sqlx on SQLite, and turn on the feature `sqlx`
//~ a transaction of rusqlite goes to the method that ends in `_blocking`
pub fn in_tx<J: Job>(jobs: &Jobs, job: J, mut tx: Connection) {
    let _ = jobs.enqueue(job).in_tx(&mut tx);
}

//~ error: `Plain` is no transaction that jobs can join by blocking
//~ pass `&mut tx`, a transaction of `mainspring::sqlite::rusqlite`
//~ a transaction of sqlx goes to the method without `_blocking`
pub fn in_tx_blocking<J: Job>(jobs: &Jobs, job: J, mut tx: Plain) {
    let _ = jobs.enqueue(job).in_tx_blocking(&mut tx);
}
