//! The model registry.

use crate::browser::{Browser, escaped};
use crate::hostile::{HOSTILE, check_page};
use crate::seed::{NOW, crops, site};
use axum::http::StatusCode;
use mlctl_registry::gate::RunMetrics;
use mlctl_registry::store::{memory::MemoryStore as Registry, set_gates};
use mlctl_registry::{
    Gates, ModelName, NewVersion, RegistryStore, Result, Stamp, TagValue, VersionNumber, VersionRef,
};
use mlctl_tracking::store::memory::MemoryStore;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Metrics that a gate asks for.
#[derive(Debug)]
struct Fixed(f64);

impl RunMetrics for Fixed {
    fn metrics(&self, _: &str) -> Result<Option<BTreeMap<String, f64>>> {
        Ok(Some(BTreeMap::from([("rmse".to_owned(), self.0)])))
    }
}

struct Place {
    browser: Browser,
    registry: Arc<Registry>,
    model: ModelName,
}

/// A model with two versions and a gate: production asks for `rmse <= 0.8` and an approval.
fn place(name: &str, trusts_names: bool) -> Place {
    let (_, tracking, _, runs) = crops();
    let registry = Arc::new(Registry::new().with_metrics(Arc::new(Fixed(0.795))));
    let model = ModelName::parse(name).unwrap();
    let stamp = Stamp::new("ana", NOW - 3_600_000).because("first");
    for run in &runs[..2] {
        let mut new = NewVersion::of(model.clone(), "file:///models/churn");
        new.create_model_if_missing = true;
        new.run_id = Some(run.as_str().to_owned());
        registry.create_version(&new, &stamp).unwrap();
    }
    let gates = Gates::parse("Production: rmse <= 0.8; approval").unwrap();
    set_gates(registry.as_ref(), &model, &gates, &stamp).unwrap();
    let mut site = site(&tracking);
    site.registry = Some(registry.clone());
    site.trusts_names = trusts_names;
    Place { browser: Browser::new(site), registry, model }
}

impl Place {
    fn version(&self) -> String {
        format!("/models/{}/2", escaped(self.model.as_str()))
    }

    fn stage(&self) -> String {
        let number = VersionRef::Number(VersionNumber::parse("2").unwrap());
        self.registry.get_version(&self.model, &number).unwrap().current_stage.to_string()
    }

    fn act(&self, what: &str, who: &str) -> crate::browser::Answer {
        let here = self.version();
        let fields = [("do", what), ("stage", "Production"), ("who", who), ("why", "better")];
        self.browser.send(&here, &format!("{here}/move"), &fields)
    }
}

#[test]
fn models_are_listed_with_their_newest_version() {
    let place = place("churn", false);

    let page = place.browser.page("/models");

    assert!(page.contains(">churn<") && page.contains("version 2"), "{page}");
    assert!(place.browser.page("/models?q=CHU").contains(">churn<"));
    assert!(place.browser.page("/models?q=none").contains("No model has `none` in its name"));
}

#[test]
fn a_model_shows_its_versions_with_metrics_and_its_gates() {
    let place = place("churn", false);

    let page = place.browser.page("/models/churn");

    assert!(page.contains("Version 2") && page.contains(">loss<"), "{page}");
    assert!(page.contains("rmse &lt;= 0.8") && page.contains("approval"), "{page}");
}

#[test]
fn a_gate_is_shown_with_both_numbers_and_keeps_the_version_out() {
    let place = place("churn", false);

    let page = place.browser.page("/models/churn/2");
    let refused = place.act("move", "");

    assert!(page.contains("✓") && page.contains("0.795 against 0.8"), "{page}");
    assert!(page.contains("✕") && page.contains("conditions are not met"), "{page}");
    assert_eq!(place.stage(), "None");
    assert!(refused.status.is_client_error(), "{}", refused.status);
    assert!(refused.text().contains("approv"), "{}", refused.text());
}

#[test]
fn two_people_bring_a_version_into_a_stage() {
    let place = place("churn", true);

    place.act("request", "ana");
    assert!(place.browser.page("/approvals").contains(">ana<"));
    let own = place.act("approve", "ana");
    assert!(own.status.is_client_error(), "nobody approves their own request");
    place.act("approve", "bo");
    place.act("move", "bo");

    assert_eq!(place.stage(), "Production");
    let page = place.browser.page("/models/churn");
    assert!(page.contains("by <bdi dir=\"auto\" title=\"bo\">bo</bdi>"), "{page}");
    let history = place.browser.page("/models/churn/history");
    for text in ["requested for Production", "approved for Production", "moved from None"] {
        assert!(history.contains(text), "{text}");
    }
}

#[test]
fn without_users_nobody_approves() {
    let place = place("churn", false);
    place.act("request", "ana");

    let answer = place.act("approve", "bo");

    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text().contains("does not accept approvals"), "{}", answer.text());
    let requests = place.registry.requests(&place.model).unwrap();
    assert!(requests[0].approved.is_none() && requests[0].requested.who == "anonymous");
}

#[test]
fn the_past_is_shown_as_it_was() {
    let place = place("churn", true);
    place.act("force", "bo");

    let before = place.browser.page(&format!("/models/churn?at={}", NOW - 1));
    let now = place.browser.page(&format!("/models/churn?at={NOW}"));

    assert!(!before.contains(">Production<") && before.contains("This is the past"), "{before}");
    assert!(now.contains(">Production<"), "{now}");
    assert!(place.browser.page("/models/churn?at=2000-01-01").contains("did not exist then"));
    assert_eq!(place.browser.get("/models/churn?at=soon").status, StatusCode::BAD_REQUEST);
}

#[test]
fn aliases_and_descriptions_are_changed_by_forms() {
    let place = place("churn", false);
    let send = |to: &str, fields: &[(&str, &str)]| {
        place.browser.send("/models/churn", &format!("/models/churn/{to}"), fields)
    };

    send("alias", &[("alias", "champion"), ("version", "2")]);
    send("describe", &[("description", "**Who** leaves")]);
    let page = place.browser.page("/models/churn");
    assert!(page.contains("@champion") && page.contains("<strong>Who</strong>"), "{page}");
    send("unalias", &[("alias", "champion")]);
    assert!(!place.browser.page("/models/churn").contains("@champion"));
    let kept = send("delete", &[("confirm", "chur")]);
    assert_eq!(kept.status, StatusCode::BAD_REQUEST);
    let gone = send("delete", &[("confirm", "churn")]);
    assert_eq!(gone.header("location"), "/models");
    assert_eq!(place.browser.get("/models/churn").status, StatusCode::NOT_FOUND);
}

#[test]
fn a_server_without_a_registry_says_so() {
    let browser = Browser::new(site(&Arc::new(MemoryStore::new())));

    for path in ["/models", "/models/churn", "/models/churn/1", "/approvals"] {
        let answer = browser.get(path);
        assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED, "{path}");
        assert!(answer.text().contains("no model registry"), "{path}");
    }
}

#[test]
fn hostile_names_are_text() {
    for text in HOSTILE.iter().filter(|text| ModelName::parse(text).is_ok()) {
        let place = place(text, true);
        let key = mlctl_registry::TagKey::parse("k").unwrap();
        let value = TagValue::parse(text).unwrap();
        let stamp = Stamp::new(*text, NOW).because(*text);
        place.registry.set_model_tag(&place.model, &key, &value, &stamp).unwrap();
        place.registry.describe_model(&place.model, Some(text), &stamp).unwrap();
        let name = escaped(text);
        let pages = [
            "/models".to_owned(),
            format!("/models/{name}"),
            format!("/models/{name}/2"),
            format!("/models/{name}/history"),
            "/approvals".to_owned(),
            format!("/search?q={name}"),
        ];
        place.act("request", text);
        for path in pages {
            check_page(&place.browser.page(&path), &path);
        }
    }
}
