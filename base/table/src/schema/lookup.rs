//! Which type a schema declares for a column, found quickly however the columns stand.

use super::{Element, Schema};
use std::cell::OnceCell;
use std::collections::HashMap;

/// The types of a schema, by name and by position.
#[derive(Debug)]
pub struct Lookup<'a> {
    schema: Option<&'a Schema>,
    /// Made when a column first stands elsewhere than in the schema.
    by_name: OnceCell<HashMap<&'a str, Option<Element>>>,
}

/// What is declared for a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// There is no schema.
    Free,
    /// There is a schema, and it lacks the column or declares a type that is not a single value's.
    Unknown,
    /// This type.
    As(Element),
}

impl Declared {
    fn of(element: Option<Element>) -> Self {
        element.map_or(Self::Unknown, Self::As)
    }
}

impl<'a> Lookup<'a> {
    /// Takes a schema, or none.
    pub fn new(schema: Option<&'a Schema>) -> Self {
        Self { schema, by_name: OnceCell::new() }
    }

    /// Returns the schema itself.
    pub fn schema(&self) -> Option<&'a Schema> {
        self.schema
    }

    /// Finds the type of a column of a table, which stands at a position.
    #[inline]
    pub fn of_column(&self, name: &str, at: usize) -> Declared {
        match self.schema {
            None => Declared::Free,
            // Most tables have the schema's own order.
            Some(Schema::Columns(columns))
                if columns.get(at).is_some_and(|column| column.name.as_deref() == Some(name)) =>
            {
                Declared::of(columns[at].data_type().map(Element::from))
            }
            Some(schema) if schema.is_named() => Declared::of(self.named(name)),
            Some(Schema::Columns(columns)) => {
                let column = columns.get(at).and_then(super::ColumnSpec::data_type);
                Declared::of(column.map(Element::from))
            }
            Some(schema) => Declared::of(schema.first_element()),
        }
    }

    /// Finds the type that is declared for a name.
    pub fn named(&self, name: &str) -> Option<Element> {
        let schema = self.schema?;
        let by_name = self.by_name.get_or_init(|| match schema {
            Schema::Columns(columns) => columns
                .iter()
                .rev()
                .filter_map(|column| {
                    Some((column.name.as_deref()?, column.data_type().map(Element::from)))
                })
                .collect(),
            Schema::Tensors(tensors) => tensors
                .iter()
                .rev()
                .filter_map(|tensor| Some((tensor.name.as_deref()?, tensor.element())))
                .collect(),
        });
        *by_name.get(name)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::DataType;

    #[test]
    fn columns_are_found_wherever_they_stand() {
        let text = r#"[{"type": "long", "name": "a"}, {"type": "double", "name": "b"},
                       {"type": "array", "items": {"type": "long"}, "name": "c"}]"#;
        let schema: Schema = serde_json::from_str(text).unwrap();
        let lookup = Lookup::new(Some(&schema));

        let found = |name, at| lookup.of_column(name, at);

        assert_eq!(found("a", 0), Declared::As(DataType::Long.into()));
        assert_eq!(found("b", 0), Declared::As(DataType::Double.into()));
        assert_eq!(found("c", 2), Declared::Unknown);
        assert_eq!(found("d", 0), Declared::Unknown);
        assert_eq!(Lookup::new(None).of_column("a", 0), Declared::Free);
    }
}
