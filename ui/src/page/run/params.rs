//! The params of a run.

use super::overview::Against;
use crate::table::param;
use crate::widget;
use maud::{Markup, html};
use mlctl_tracking::entity::Run;

pub(super) fn section(run: &Run, against: Option<&Against<'_>>) -> Markup {
    html! {
        section.card {
            h2 { "Params" }
            @if run.data.params.is_empty() { p.quiet { "This run logged no params." } } @else {
                table.plain-table { tbody {
                    @for one in &run.data.params {
                        @let other = against.map(|against| param(against.run, one.key.as_str()));
                        @let differs = other.is_some_and(|other| other != Some(one.value.as_str()));
                        tr .marked[differs] {
                            th scope="row" { (widget::text(one.key.as_str())) }
                            td.code { (widget::text(&one.value)) }
                            @if let Some(other) = other {
                                td.code {
                                    @match other {
                                        Some(other) if differs => { (widget::text(other)) }
                                        Some(_) => { span.quiet { "equal" } }
                                        None => { span.quiet { "not logged" } }
                                    }
                                }
                            }
                        }
                    }
                } }
            }
        }
    }
}
