//! Binding: all sockets, every conflict told together.

use std::sync::Arc;

use mainspring_core::activity::TaskKind;
use mainspring_core::error::Error;
use mainspring_core::lifecycle::{BindConflict, Event};

use super::Shell;
use crate::app::{Message, Shared};
use crate::endpoint::{Endpoint, Site};
use crate::environment::HEALTH_ADDR;
use crate::health::{BoundProbes, HealthServer};
use crate::metrics::Registry;

/// Everything that will listen.
pub(super) struct Sockets {
    pub(super) endpoints: Vec<Box<dyn Endpoint>>,
    pub(super) health: Option<String>,
    pub(super) site: Site,
    pub(super) probes: BoundProbes,
    pub(super) app: String,
    pub(super) metrics: Registry,
    pub(super) shared: Arc<Shared>,
}

impl Shell {
    pub(super) fn bind(&mut self) {
        let Some(sockets) = self.sockets.take() else {
            return;
        };
        let ctx = self.ctx.child();
        let shared = Arc::clone(&self.shared);
        let bind = async move { shared.tell(sockets.bind().await) };
        let name = Arc::from("bind sockets");
        let task = ctx
            .env()
            .spawner
            .spawn(ctx.scope(), TaskKind::Body, &name, bind);
        self.step = Some((ctx, task));
    }
}

impl Sockets {
    async fn bind(self) -> Message {
        let mut bound = Vec::new();
        let mut conflicts = Vec::new();
        for endpoint in self.endpoints {
            if !endpoint.is_wanted(&self.site.environment) {
                continue;
            }
            let listener = endpoint.name().to_owned();
            match endpoint.bind(self.site.clone()).await {
                Ok(endpoint) => {
                    self.shared.add_address(&listener, endpoint.local_addr());
                    bound.push(endpoint);
                }
                Err(error) => conflicts.push(conflict(&listener, "", &error)),
            }
        }
        let mut health = None;
        if let Some(address) = &self.health {
            let name = self.app;
            let server = HealthServer::bind(&self.site, address, name, self.probes, self.metrics);
            match server.await {
                Ok(server) => {
                    self.shared.add_address("health", server.local_addr());
                    health = Some(server.with_shared(Arc::clone(&self.shared)));
                }
                Err(error) => conflicts.push(BindConflict {
                    listener: "health".to_owned(),
                    address: address.clone(),
                    error: error.to_string(),
                    setting: HEALTH_ADDR.to_owned(),
                }),
            }
        }
        match conflicts.is_empty() {
            true => Message::Bound(bound, health),
            false => Message::Event(Event::BindFailed(conflicts)),
        }
    }
}

fn conflict(listener: &str, address: &str, error: &Error) -> BindConflict {
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        text = format!("{text}: {source}");
    }
    let setting = error.hint().unwrap_or("another address").to_owned();
    BindConflict {
        listener: listener.to_owned(),
        address: address.to_owned(),
        error: text,
        setting,
    }
}
