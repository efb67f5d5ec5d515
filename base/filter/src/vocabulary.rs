//! What one kind of search knows: prefixes, attributes and what may be asked of them.

use crate::operator::Operators;

/// Which of a thing's properties a field belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A property that every thing of its kind has, such as a run's status.
    Attribute,
    /// The latest value of a metric.
    Metric,
    /// A parameter.
    Param,
    /// A tag.
    Tag,
    /// A property of a run's datasets, one of [`DATASET_KEYS`].
    Dataset,
}

impl Entity {
    /// The prefix that [`Field`]s print; every vocabulary that has the entity lists it.
    pub(crate) fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Attribute => None,
            Self::Metric => Some("metrics"),
            Self::Param => Some("params"),
            Self::Tag => Some("tags"),
            Self::Dataset => Some("datasets"),
        }
    }
}

/// The properties of a dataset that a filter can name.
pub const DATASET_KEYS: [&str; 3] = ["name", "digest", "context"];

/// How the values of a field compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// As numbers.
    Number,
    /// As text.
    Text,
}

/// What one kind of search knows, usually a `static` of the crate that does the search.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary {
    /// What is searched, in the singular, for messages: `run`.
    pub what: &'static str,
    /// The prefixes, each with what it stands for. The plurals `metrics`, `params`, `tags` and
    /// `datasets` must be among them if their entity is, because a printed tree uses them.
    pub prefixes: &'static [(&'static str, Entity)],
    /// The attributes, in the order in which messages list them.
    pub attributes: &'static [Attribute],
}

impl Vocabulary {
    /// Finds an attribute by its name or one of its aliases.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|known| known.name == name || known.aliases.contains(&name))
    }

    /// Finds what a prefix stands for.
    pub fn entity(&self, prefix: &str) -> Option<Entity> {
        self.prefixes.iter().find(|(known, _)| *known == prefix).map(|(_, entity)| *entity)
    }

    /// The kind of a field's values. An attribute that the vocabulary lacks counts as text.
    pub fn kind(&self, field: &Field) -> Kind {
        match field.entity {
            Entity::Attribute => {
                self.attribute(&field.key).map_or(Kind::Text, |attribute| attribute.kind)
            }
            Entity::Metric => Kind::Number,
            Entity::Param | Entity::Tag | Entity::Dataset => Kind::Text,
        }
    }

    /// The operators that apply to a field.
    pub fn operators(&self, field: &Field) -> Operators {
        let attribute = match field.entity {
            Entity::Attribute => self.attribute(&field.key),
            _ => None,
        };
        attribute.map_or(Operators::of(self.kind(field)), |attribute| attribute.operators)
    }
}

/// An attribute of a search.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// The canonical name, which is what a tree holds.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// How its values compare.
    pub kind: Kind,
    /// The operators that it accepts; with [`Operators::NONE`] it is there to order by only.
    pub operators: Operators,
}

impl Attribute {
    /// An attribute that compares as text and accepts all that text does.
    pub const fn text(name: &'static str) -> Self {
        Self { name, aliases: &[], kind: Kind::Text, operators: Operators::TEXT }
    }

    /// An attribute that compares as a number and accepts all that numbers do.
    pub const fn number(name: &'static str) -> Self {
        Self { name, aliases: &[], kind: Kind::Number, operators: Operators::NUMBER }
    }

    /// The same with other spellings of its name.
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// The same of which every thing has a value: to ask whether it is missing has no meaning.
    pub const fn always(self) -> Self {
        Self { operators: self.operators.without(Operators::NULL), ..self }
    }

    /// The same with only these operators.
    pub const fn operators(self, operators: Operators) -> Self {
        Self { operators, ..self }
    }
}

/// What a test looks at.
///
/// Its text is the canonical spelling: `` metrics.`a/b` ``, attributes without a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Whose property it is.
    pub entity: Entity,
    /// The key: for attributes the canonical name.
    pub key: String,
}

impl Field {
    /// Names a field.
    pub fn new(entity: Entity, key: impl Into<String>) -> Self {
        Self { entity, key: key.into() }
    }
}
