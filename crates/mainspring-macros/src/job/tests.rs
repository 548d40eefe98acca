use super::*;

const ITEM: &str = "struct Mail { user_id: u64, tenant: String }";

#[track_caller]
fn derived(options: &str, item: &str) -> String {
    let item = format!("{options} {item}");
    let tokens = try_expand(item.parse().unwrap()).unwrap();
    syn::parse2::<syn::ItemImpl>(tokens.clone()).unwrap();
    tokens.to_string().replace(' ', "")
}

#[track_caller]
fn holds(options: &str, expected: &str) {
    let found = derived(&format!("#[job(kind = \"mail\", {options})]"), ITEM);
    assert!(found.contains(expected), "{expected} in\n{found}");
}

#[track_caller]
fn check(item: &str, expected: &str) {
    let error = try_expand(item.parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[track_caller]
fn refused(options: &str, expected: &str) {
    check(
        &format!("#[job(kind = \"mail\", {options})] {ITEM}"),
        expected,
    );
}

#[test]
fn a_kind_is_enough() {
    let found = derived("#[job(kind = \"welcome-mail\")]", "struct Mail;");
    let expected = "#[automatically_derived]impl::mainspring::job::JobforMail\
                    {constKIND:&'static::core::primitive::str=\"welcome-mail\";}";
    assert_eq!(found, expected);
    derived(
        "#[job(kind = \"mail\")]",
        "enum Mail { Welcome(u64), Reminder }",
    );
}

#[test]
fn options_become_settings() {
    holds("queue = \"post\"", "options.queue=\"post\";");
    holds(
        "priority = \"urgent\"",
        "options.priority=::mainspring::job::Priority::Urgent;",
    );
    holds("max_attempts = 8", "options.retry.max_attempts=8u32;");
    holds("jitter = false", "options.retry.jitter=false;");
    let seconds =
        "::core::option::Option::Some(::core::time::Duration::from_nanos(30000000000u64))";
    holds("timeout = \"30s\"", &format!("options.timeout={seconds};"));
    holds(
        "timeout = \"none\"",
        "options.timeout=::core::option::Option::None;",
    );
    holds("version = 2", "constVERSION:::core::primitive::u16=2u16;");
    holds("aliases = [\"a\", \"b\"]", "=&[\"a\",\"b\"];");
    holds("aliases = \"a\"", "=&[\"a\"];");
    holds(
        "version = 2, upgrade = \"old::read\"",
        "old::read(version,payload)",
    );
    holds(
        "version = 2, upgrade = old::read",
        "old::read(version,payload)",
    );
}

#[test]
fn a_backoff_is_a_curve_a_step_and_a_cap() {
    let step = "(::core::time::Duration::from_nanos(1000000000u64));";
    let curve = |curve| format!("options.retry.backoff=::mainspring::job::Backoff::{curve}{step}");
    holds("backoff = \"exponential 1s\"", &curve("Exponential"));
    holds("backoff = \"linear 1s\"", &curve("Linear"));
    holds("backoff = \"fixed 1s\"", &curve("Fixed"));
    holds(
        "backoff = \"exponential 1s cap 1h\"",
        "options.retry.cap=::core::time::Duration::from_nanos(3600000000000u64);",
    );
}

#[test]
fn keys_are_made_of_fields() {
    holds(
        "unique(key = \"user_id\")",
        "Unique::new(::mainspring::job::key_of(&[&self.user_id]))",
    );
    holds(
        "unique(key = [\"user_id\", \"tenant\"])",
        "key_of(&[&self.user_id,&self.tenant]))",
    );
    holds(
        "unique",
        "Unique::new(<Selfas::mainspring::job::Job>::KIND)",
    );
    holds(
        "unique(scope = \"until_started\")",
        ".within(::mainspring::job::Scope::UntilStarted)",
    );
    let window = "Scope::For(::core::time::Duration::from_nanos(3600000000000u64))";
    holds("unique(scope = \"1h\", conflict = \"replace\")", window);
    holds(
        "unique(scope = \"1h\", conflict = \"replace\")",
        ".or_replace()",
    );
    holds("unique(conflict = \"error\")", ".or_error()");
    let tenant = "key_of(&[&::core::format_args!(\"tenant={}\",self.tenant)])";
    holds(
        "gate(key = \"tenant\", limit = 2)",
        &format!("{tenant},2u32)"),
    );
    holds(
        "gate(key = \"tenant\", ordered)",
        &format!("Gate::ordered(::mainspring::job::{tenant})"),
    );
    holds(
        "gate(key = \"tenant\", rate = \"10 per 1s\")",
        ".at_rate(::mainspring::job::Rate::new(10u32,\
         ::core::time::Duration::from_nanos(1000000000u64)))",
    );
    let tuple = derived(
        "#[job(kind = \"m\", unique(key = \"0\"))]",
        "struct Mail(u64);",
    );
    assert!(tuple.contains("&self.0"), "{tuple}");
}

#[test]
fn what_is_no_job_is_refused() {
    let kind = "a job needs a kind: `#[job(kind = \"welcome-mail\")]`";
    check("struct Mail;", kind);
    check("#[job(queue = \"mail\")] struct Mail;", kind);
    let generics = "a job has no generics: its kind names one type";
    check("#[job(kind = \"m\")] struct Mail<T>(T);", generics);
    check("#[job(kind = \"m\")] struct Mail<'a>(&'a str);", generics);
    check(
        "#[job(kind = \"m\")] union U { a: u8 }",
        "a job is a struct or an enum",
    );
}

#[test]
fn names_are_checked() {
    let rule = "use 1 to 128 ASCII letters, digits and the characters - _ . : /";
    for bad in ["", "a b", "ü", &"a".repeat(129)] {
        let item = format!("#[job(kind = {bad:?})] struct Mail;");
        check(&item, &format!("{bad:?} cannot name a kind: {rule}"));
    }
    refused(
        "aliases = [\"a b\"]",
        &format!("\"a b\" cannot name a kind: {rule}"),
    );
    let rule = "use 1 to 64 ASCII letters, digits and the characters - _ . : /";
    refused(
        "queue = \"a b\"",
        &format!("\"a b\" cannot name a queue: {rule}"),
    );
    refused("aliases = [\"mail\"]", "\"mail\" names this kind already");
    refused("aliases = [\"a\", \"a\"]", "\"a\" names this kind already");
}

#[test]
fn wrong_options_are_refused_with_what_is_wanted() {
    refused(
        "que = \"x\"",
        "unknown option; there are `kind`, `aliases`, `queue`, `priority`, `max_attempts`, \
         `backoff`, `jitter`, `timeout`, `unique`, `gate`, `version`, `upgrade`",
    );
    refused("kind = \"x\"", "`kind` is written twice");
    refused("queue", "write `queue = …`");
    refused("queue = 1", "`queue` wants a text");
    refused(
        "aliases = []",
        "`aliases` wants a text or a list of texts, such as [\"a\", \"b\"]",
    );
    refused(
        "max_attempts = 0",
        "`max_attempts` wants a number from 1 to 4294967295",
    );
    refused(
        "max_attempts = \"8\"",
        "`max_attempts` wants a number from 1 to 4294967295",
    );
    refused(
        "version = 65536",
        "`version` wants a number from 1 to 65535",
    );
    refused("jitter = 1", "`jitter` wants `true` or `false`");
    refused(
        "priority = \"top\"",
        "\"top\" is no priority; there are \"low\", \"normal\", \"high\" and \"urgent\"",
    );
    refused("upgrade = \"f\"", "`upgrade` needs `version = 2` or more");
    let path = "`upgrade` wants the path of a function, such as \"upgrade_mail\"";
    refused("version = 2, upgrade = \"a b\"", path);
}

#[test]
fn wrong_times_are_refused() {
    let form = "write numbers with units, longest first, such as 30s, 1h30m or 500ms";
    refused(
        "timeout = \"30\"",
        &format!("\"30\" is no duration: {form}"),
    );
    refused(
        "timeout = \"half\"",
        &format!("\"half\" is no duration: {form}"),
    );
    refused(
        "timeout = \"0s\"",
        "a timeout of zero lets nothing run; \"none\" is no limit",
    );
    refused("timeout = 30", "`timeout` wants a text");
    let backoff = "write one such as \"exponential 1s cap 1h\", \"linear 5s\" or \"fixed 30s\"";
    for bad in [
        "",
        "1s",
        "steep 1s",
        "fixed 1s cap 1h",
        "linear 1s upto 1h",
        "linear  1s",
    ] {
        refused(
            &format!("backoff = {bad:?}"),
            &format!("{bad:?} is no backoff: {backoff}"),
        );
    }
    refused(
        "backoff = \"linear 1x\"",
        &format!("\"1x\" is no duration: {form}"),
    );
}

#[test]
fn wrong_keys_are_refused() {
    refused(
        "unique(key = \"id\")",
        "no field `id`; there are `user_id`, `tenant`",
    );
    check(
        "#[job(kind = \"m\", unique(key = \"id\"))] struct M;",
        "no field `id`; it has none",
    );
    refused(
        "unique(by = \"id\")",
        "unknown option; there are `key`, `scope`, `conflict`",
    );
    let parentheses = "its options stand in parentheses; there are `key`, `scope`, `conflict`";
    refused("unique = \"id\"", parentheses);
    refused(
        "unique(scope = \"0s\")",
        "\"0s\" is no scope; there are \"until_started\", \"until_finished\" and a duration such \
         as \"1h\"",
    );
    refused(
        "unique(conflict = \"drop\")",
        "\"drop\" is no choice for a conflict; there are \"keep\", \"replace\" and \"error\"",
    );
    refused(
        "gate(limit = 2)",
        "a gate has a key: `gate(key = \"tenant_id\", limit = 2)`",
    );
    refused(
        "gate(key = \"tenant\")",
        "a gate has a `limit`, a `rate`, or is `ordered`",
    );
    let both = "`ordered` jobs run one by one: leave `limit` out";
    refused("gate(key = \"tenant\", limit = 2, ordered)", both);
    refused(
        "gate(key = \"tenant\", ordered = true)",
        "write `ordered` alone",
    );
    let zero = "`limit` wants a number from 1 to 4294967295";
    refused("gate(key = \"tenant\", limit = 0)", zero);
    for bad in ["10", "0 per 1s", "10 per 0s", "10 per second"] {
        let message = format!("{bad:?} is no rate: write one such as \"10 per 1s\"");
        refused(&format!("gate(key = \"tenant\", rate = {bad:?})"), &message);
    }
}
