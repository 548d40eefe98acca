//! What the builder and the environment say together, and every error in it.

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::lifecycle::{Part, Plan, Problem};
use mainspring_core::periodic::Plan as _;

use crate::app::{App, Registered, Settings};
use crate::environment::Environment;

/// The plan for the lifecycle machine, with every configuration error in it.
pub(super) fn plan(app: &App, environment: &Environment) -> Plan {
    let mut plan = Plan::new(&app.name);
    plan.mode = Settings::mode(environment).unwrap_or_default();
    plan.http = !app.endpoints.is_empty();
    plan.health = health(&app.settings, environment).is_some();
    plan.stores = false;
    plan.limits = app.settings.limits;
    plan.parts = app.parts.iter().map(part).collect();
    plan.problems = errors(app, environment).iter().map(problem).collect();
    plan
}

/// Every configuration error, also those of the parts.
pub(super) fn problems(app: &App, environment: &Environment) -> Vec<Problem> {
    plan(app, environment).check()
}

/// All problems as one error.
pub(super) fn error(problems: Vec<Problem>) -> Option<Error> {
    let errors = problems.into_iter().map(|problem| {
        let error = Error::new(
            ErrorKind::Config,
            format!("{}: {}", problem.what, problem.message),
        );
        match problem.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    });
    Error::join(ErrorKind::Config, "configuration errors", errors.collect())
}

/// Where the health server listens, if anywhere.
pub(super) fn health(settings: &Settings, environment: &Environment) -> Option<String> {
    settings.health_address(environment)
}

fn part(registered: &Registered) -> Part {
    match registered {
        Registered::Component(component) => {
            Part::component(component.name()).with_start_limit(component.start_timeout())
        }
        Registered::Hook(name, _) => Part::hook(name),
    }
}

fn errors(app: &App, environment: &Environment) -> Vec<Error> {
    let mut errors = Vec::new();
    errors.extend(Settings::mode(environment).err());
    let mut names = std::collections::BTreeSet::new();
    for (name, plan, _) in &app.periodics {
        if name.trim().is_empty() {
            errors.push(config(
                "a periodic has no name",
                "give it one: logs and metrics use it",
            ));
        } else if !names.insert(name) {
            let message = format!("periodic \"{name}\": its name is registered more than once");
            errors.push(config(&message, "rename one of them, or register it once"));
        }
        for fault in plan.faults() {
            let message = format!("periodic \"{name}\": {fault}");
            errors.push(config(&message, fault.hint().unwrap_or_default()));
        }
    }
    errors.extend(app.probes.errors());
    app.endpoints
        .iter()
        .for_each(|endpoint| endpoint.check(environment, &mut errors));
    errors
}

fn config(message: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Config, message).with_hint(hint)
}

fn problem(error: &Error) -> Problem {
    let problem = Problem::new("configuration", error);
    match error.hint() {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}
