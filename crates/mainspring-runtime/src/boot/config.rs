//! What the builder and the environment say together, and every error in it.

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::lifecycle::{Part, Plan, Problem};
use mainspring_core::periodic::Plan as _;

use crate::app::{App, Registered, Settings};
use crate::environment::{Environment, HEALTH_ADDR};
use crate::metrics::{NAME_BYTES_MAX, shown};

/// The plan for the lifecycle machine, with every configuration error in it.
pub(super) fn plan(app: &App, environment: &Environment) -> Plan {
    let mut plan = Plan::new(&app.name);
    plan.mode = Settings::mode(environment).unwrap_or_default();
    plan.http = !app.endpoints.is_empty();
    plan.health = health(&app.settings, environment).is_some();
    plan.stores = app.jobs.jobs.is_some();
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
    limits(&app.settings, &mut errors);
    errors.extend(health_address(&app.settings, environment));
    long_names(app, &mut errors);
    let mut names = std::collections::BTreeSet::new();
    for (name, plan, _) in &app.periodics {
        let is_first = names.insert(name);
        let name = shown(name);
        if name.trim().is_empty() {
            errors.push(config(
                "a periodic has no name",
                "give it one: logs and metrics use it",
            ));
        } else if !is_first {
            let message = format!("periodic \"{name}\": its name is registered more than once");
            errors.push(config(&message, "rename one of them, or register it once"));
        }
        for fault in plan.faults() {
            let message = format!("periodic \"{name}\": {fault}");
            errors.push(config(&message, fault.hint().unwrap_or_default()));
        }
    }
    app.jobs.errors(environment, &mut errors);
    errors.extend(app.probes.errors());
    app.endpoints
        .iter()
        .for_each(|endpoint| endpoint.check(environment, &mut errors));
    errors
}

/// Limits that let nothing happen are slips: nobody means an app that may not even stop.
fn limits(settings: &Settings, errors: &mut Vec<Error>) {
    let follow_ups = settings.follow_ups;
    let zeros = [
        (
            follow_ups.running == 0,
            "follow-ups: none may run",
            "set FollowUpLimits::running to 1 or more",
        ),
        (
            follow_ups.waiting == 0,
            "follow-ups: none may wait",
            "set FollowUpLimits::waiting to 1 or more",
        ),
        (
            settings.limits.budget.total.is_zero(),
            "the shutdown budget is zero",
            "give App::shutdown_budget more than zero: every part is cut otherwise",
        ),
    ];
    let zeros = zeros.into_iter().filter(|(is_zero, ..)| *is_zero);
    errors.extend(zeros.map(|(_, message, hint)| config(message, hint)));
}

/// An address that no network could bind, found before anything is bound.
fn health_address(settings: &Settings, environment: &Environment) -> Option<Error> {
    let address = health(settings, environment)?;
    let parts = address.rsplit_once(':');
    if parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        return None;
    }
    let message = format!("the health address \"{}\" cannot be used", shown(&address));
    let hint = format!("write it as `host:port`, in `App::health` or in {HEALTH_ADDR}");
    Some(config(&message, &hint))
}

/// Names are in every line of the log and of the metrics, so they have a bound.
fn long_names(app: &App, errors: &mut Vec<Error>) {
    let parts = app.parts.iter().map(|registered| match registered {
        Registered::Component(component) => ("component", component.name()),
        Registered::Hook(name, _) => ("hook", &**name),
    });
    let periodics = app.periodics.iter().map(|(name, ..)| ("periodic", &**name));
    let all = std::iter::once(("app", &*app.name))
        .chain(parts)
        .chain(periodics)
        .chain(app.probes.names().map(|name| ("probe", name)));
    for (kind, name) in all.filter(|(_, name)| name.len() > NAME_BYTES_MAX) {
        let (start, bytes) = (shown(name), name.len());
        errors.push(config(
            &format!("{kind} \"{start}…\": its name has {bytes} bytes"),
            &format!("use at most {NAME_BYTES_MAX} bytes"),
        ));
    }
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
