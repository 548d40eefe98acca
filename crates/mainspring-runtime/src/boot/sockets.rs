//! Binding: all sockets, every conflict told together.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use mainspring_core::activity::TaskKind;
use mainspring_core::error::Error;
use mainspring_core::lifecycle::{BindConflict, Event, StartStep};
use mainspring_core::spawn::panic_message;
use mainspring_core::telemetry::event;

use super::{Shell, Step};
use crate::app::{Message, Shared};
use crate::endpoint::{Endpoint, Site};
use crate::environment::HEALTH_ADDR;
use crate::failure::with_sources;
use crate::health::{BoundProbes, HealthServer};
use crate::metrics::Registry;

/// Everything that will listen.
pub(super) struct Sockets {
    pub(super) endpoints: Vec<Box<dyn Endpoint>>,
    pub(super) health: Option<String>,
    pub(super) site: Site,
    pub(super) probes: Option<BoundProbes>,
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
        let bind = async move {
            let bound = AssertUnwindSafe(sockets.bind()).catch_unwind().await;
            shared.tell(bound.unwrap_or_else(|payload| panicked(&panic_message(&*payload))));
        };
        let name = Arc::from("bind sockets");
        let task = ctx
            .env()
            .spawner
            .spawn(ctx.scope(), TaskKind::Body, &name, bind);
        let step = StartStep::Bind;
        self.step = Some(Step { step, ctx, task });
    }
}

impl Sockets {
    async fn bind(mut self) -> Message {
        let mut bound = Vec::new();
        let mut conflicts = Vec::new();
        for endpoint in std::mem::take(&mut self.endpoints) {
            if !endpoint.is_wanted(&self.site.environment) {
                continue;
            }
            let listener = endpoint.name().to_owned();
            match endpoint.bind(self.site.clone()).await {
                Ok(endpoint) => {
                    self.listening(&listener, endpoint.local_addr());
                    bound.push(endpoint);
                }
                Err(error) => conflicts.push(conflict(&listener, &error)),
            }
        }
        let mut health = None;
        if let (Some(address), Some(probes)) = (&self.health, self.probes.take()) {
            let (name, metrics) = (self.app.clone(), self.metrics.clone());
            let server = HealthServer::bind(&self.site, address, name, probes, metrics);
            match server.await {
                Ok(server) => {
                    self.listening("health", server.local_addr());
                    health = Some(server.with_shared(Arc::clone(&self.shared)));
                }
                Err(error) => conflicts.push(BindConflict {
                    listener: "health".to_owned(),
                    address: address.clone(),
                    error: error.to_string(),
                    hint: format!("set {HEALTH_ADDR} to a free address"),
                }),
            }
        }
        match conflicts.is_empty() {
            true => Message::Bound(bound, health),
            false => Message::Event(Event::BindFailed(conflicts)),
        }
    }

    fn listening(&self, listener: &str, address: SocketAddr) {
        self.shared.add_address(listener, address);
        let app = &*self.app;
        tracing::info!(name: event::APP_LISTENING, app, listener, %address, "a listener is bound");
    }
}

/// A panic while binding, as a conflict of everything: nobody knows how far it came.
fn panicked(message: &str) -> Message {
    let conflict = BindConflict {
        listener: "all".to_owned(),
        address: String::new(),
        error: format!("panicked: {message}"),
        hint: "this is a fault in an endpoint; report it with the message above".to_owned(),
    };
    Message::Event(Event::BindFailed(vec![conflict]))
}

fn conflict(listener: &str, error: &Error) -> BindConflict {
    BindConflict {
        listener: listener.to_owned(),
        address: String::new(),
        error: with_sources(error),
        hint: error.hint().unwrap_or("use another address").to_owned(),
    }
}
