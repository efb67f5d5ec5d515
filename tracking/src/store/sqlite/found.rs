//! The runs that a query finds, seen one by one without being loaded: out of the columns in memory,
//! or while the rows of one statement stream by.

use super::columns::parse_id;
use super::database::{Failure, Session};
use super::{SqliteStore, experiments, search};
use crate::entity::RunStatus;
use crate::search::{Compiled, RunQuery};
use crate::{Result, RunId};
use mlctl_filter::{Entity, Expr, Facts, Field, Scalar, Values};

/// A run that a query finds.
pub(super) struct FoundRun<'a> {
    /// What the filter looks at, and what was asked for besides.
    pub(super) facts: &'a dyn Facts,
    pub(super) id: FoundId<'a>,
    pub(super) start_time: i64,
}

/// An id of a run, as a number when it is of the kind that MLflow makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum FoundId<'a> {
    Number(u128),
    Text(&'a str),
}

impl<'a> FoundId<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        parse_id(text).map_or(Self::Text(text), Self::Number)
    }

    pub(super) fn spelled(self) -> String {
        match self {
            Self::Number(number) => format!("{number:032x}"),
            Self::Text(text) => text.to_owned(),
        }
    }

    /// Returns the id, checked; what cannot be an id is none.
    pub(super) fn run_id(self) -> Option<RunId> {
        RunId::parse(self.spelled()).ok()
    }
}

impl FoundRun<'_> {
    pub(super) fn text(&self, field: &Field) -> Option<&str> {
        match self.facts.values(field) {
            Values::One(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns the state, which must be among the fields that were asked for.
    pub(super) fn status(&self, field: &Field) -> RunStatus {
        let status = self.text(field).and_then(|text| RunStatus::parse(text).ok());
        status.unwrap_or(RunStatus::Running)
    }
}

pub(super) fn status_field() -> Field {
    Field::new(Entity::Attribute, "status")
}

/// Lists what the filter looks at and what is wanted besides, each field once.
pub(super) fn fields(compiled: &Compiled, wanted: &[Field]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for field in compiled.filter.iter().flat_map(Expr::fields).chain(wanted) {
        if !fields.contains(field) {
            fields.push(field.clone());
        }
    }
    fields
}

impl SqliteStore {
    /// Shows `add` every run that a query finds, with the fields that are wanted, to add to what
    /// `start` makes. A read that has to be repeated starts anew.
    pub(super) fn tally<T>(
        &self,
        doing: &'static str,
        (query, compiled): (&RunQuery, &Compiled),
        wanted: &[Field],
        start: impl Fn() -> T,
        add: impl Fn(&mut T, &FoundRun<'_>),
    ) -> Result<T> {
        self.database.read(doing, |db| self.tally_in(db, (query, compiled), wanted, &start, &add))
    }

    /// Does the work of [`Self::tally`] on a view of the file.
    pub(super) fn tally_in<T>(
        &self,
        db: &Session<'_>,
        (query, compiled): (&RunQuery, &Compiled),
        wanted: &[Field],
        start: impl Fn() -> T,
        add: impl Fn(&mut T, &FoundRun<'_>),
    ) -> std::result::Result<T, Failure> {
        experiments::numbers(&query.experiment_ids)?;
        let fields = fields(compiled, wanted);
        let mut tally = start();
        let mut visit = |run: &FoundRun<'_>| add(&mut tally, run);
        let changes = || self.database.take_changes();
        if !self.memory.visit(db, changes, (query, compiled), &fields, &mut visit)? {
            search::visit(db, (query, compiled), &fields, &mut visit)?;
        }
        Ok(tally)
    }
}
