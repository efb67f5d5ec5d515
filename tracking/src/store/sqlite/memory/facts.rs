//! What is asked of all runs that a query finds, rather than of a page of them.

use super::super::columns::Seen;
use super::super::database::{Failure, Session};
use super::super::found::{FoundId, FoundRun};
use super::super::logged::Logged;
use super::{BYTES_MAX, KEYS_MAX, Kept, LOGGED_BYTES_MAX, Memory, Tables, experiments_of, suits};
use crate::facts::marks::{Keys, MarkTally};
use crate::facts::{KeyFact, KeyKind};
use crate::search::{Compiled, RunQuery};
use mlctl_filter::Field;
use mlctl_sqlite::Changed;
use std::sync::PoisonError;

impl Memory {
    /// Shows `visit` every run that a query finds, with some fields; says no when another way must
    /// be taken, before it has shown any.
    pub(in super::super) fn visit(
        &self,
        db: &Session<'_>,
        changes: impl FnOnce() -> Option<Changed>,
        (query, compiled): (&RunQuery, &Compiled),
        fields: &[Field],
        visit: &mut dyn FnMut(&FoundRun<'_>),
    ) -> Result<bool, Failure> {
        if !suits(fields) {
            return Ok(false);
        }
        let experiments = experiments_of(query);
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(changed) = changes() else { return Ok(false) };
        tables.note(&changed);
        if !tables.bring_up_to_date(db, &experiments, fields)? {
            return Ok(false);
        }
        for kept in experiments.iter().filter_map(|experiment| tables.kept.get(experiment)) {
            kept.each_found((query, compiled), fields, |place, seen| {
                let who = kept.table.runs[place];
                let (id, start_time) = (FoundId::Number(who.id), who.start_time);
                visit(&FoundRun { facts: seen, id, start_time });
            });
        }
        tables.drop_large(&experiments, fields);
        tables.make_room();
        Ok(true)
    }

    /// Lists the keys that the found runs have; `None` when another way must be taken.
    pub(in super::super) fn keys(
        &self,
        db: &Session<'_>,
        changes: impl FnOnce() -> Option<Changed>,
        (query, compiled): (&RunQuery, &Compiled),
        kind: KeyKind,
    ) -> Result<Option<Vec<KeyFact>>, Failure> {
        let fields = super::super::found::fields(compiled, &[]);
        if !suits(&fields) {
            return Ok(None);
        }
        let experiments = experiments_of(query);
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(changed) = changes() else { return Ok(None) };
        tables.note(&changed);
        if !tables.bring_up_to_date(db, &experiments, &fields)? {
            return Ok(None);
        }
        let mut tally = MarkTally::default();
        for experiment in &experiments {
            let Some(mut kept) = tables.kept.remove(experiment) else { continue };
            let keys = &mut tables.keys[kind as usize];
            let fits = kept.bring_logged_up_to_date(db, *experiment, (kind, keys))?;
            if let (true, Some(logged)) = (fits, &kept.logged[kind as usize]) {
                kept.each_found((query, compiled), &fields, |place, _| tally.add(logged.of(place)));
            }
            if !fits {
                kept.logged = Default::default();
            }
            tables.kept.insert(*experiment, kept);
            if !fits {
                return Ok(None);
            }
        }
        let facts = tally.facts(&tables.keys[kind as usize]);
        tables.make_room();
        tables.make_room_of_logged();
        Ok(Some(facts))
    }
}

impl Tables {
    /// Forgets columns when there is too much of them, so that a question about long texts, which
    /// is seldom asked twice, does not take the experiment out of the memory.
    fn drop_large(&mut self, experiments: &[i64], fields: &[Field]) {
        let bytes: usize = self.kept.values().map(|kept| kept.table.bytes()).sum();
        if bytes <= BYTES_MAX {
            return;
        }
        for experiment in experiments {
            if let Some(kept) = self.kept.get_mut(experiment) {
                kept.table.columns.retain(|(field, _)| !fields.contains(field));
            }
        }
    }

    /// Forgets what runs logged, of the experiments that were not asked for the longest, as long as
    /// there is too much of it.
    fn make_room_of_logged(&mut self) {
        if self.keys.iter().any(|keys| keys.len() > KEYS_MAX) {
            // Numbers of keys that nobody has any more are not used again.
            self.keys = Default::default();
            self.kept.values_mut().for_each(|kept| kept.logged = Default::default());
        }
        loop {
            let bytes: usize = self.kept.values().map(Kept::logged_bytes).sum();
            let holders = self.kept.values_mut().filter(|kept| kept.logged_bytes() > 0);
            match holders.min_by_key(|kept| kept.used) {
                Some(oldest) if bytes > LOGGED_BYTES_MAX => oldest.logged = Default::default(),
                _ => return,
            }
        }
    }
}

impl Kept {
    /// Shows the places of the runs that a query finds, with their fields.
    fn each_found(
        &self,
        (query, compiled): (&RunQuery, &Compiled),
        fields: &[Field],
        mut visit: impl FnMut(usize, &Seen<'_>),
    ) {
        let columns: Vec<_> =
            fields.iter().filter_map(|field| Some((field, self.table.column(field)?))).collect();
        for (place, run) in self.table.runs.iter().enumerate() {
            let seen = Seen { columns: &columns, place };
            if run.shown_by(query.view) && compiled.admits(&seen) {
                visit(place, &seen);
            }
        }
    }

    /// Reads what is missing or changed of what runs logged; says no when it does not fit.
    fn bring_logged_up_to_date(
        &mut self,
        db: &Session<'_>,
        experiment: i64,
        (kind, keys): (KeyKind, &mut Keys),
    ) -> Result<bool, Failure> {
        let slot = &mut self.logged[kind as usize];
        match slot {
            Some(logged) => logged.refresh(db, experiment, (kind, keys), &self.table)?,
            None => *slot = Some(Logged::read(db, experiment, (kind, keys), &self.table)?),
        }
        Ok(slot.as_ref().is_some_and(|logged| logged.bytes() <= LOGGED_BYTES_MAX))
    }

    fn logged_bytes(&self) -> usize {
        self.logged.iter().flatten().map(Logged::bytes).sum()
    }
}
