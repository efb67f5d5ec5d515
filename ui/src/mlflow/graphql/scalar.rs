//! MLflow's own scalar.

use juniper::{GraphQLScalar, ParseScalarResult, Scalar, ScalarToken, ScalarValue};

/// A 64-bit integer, which answers spell as text because JavaScript's numbers end at 2⁵³.
#[derive(Clone, Copy, Debug, GraphQLScalar)]
#[graphql(
    name = "LongString",
    to_output_with = Self::text,
    from_input_with = Self::from_input,
    parse_token_with = parse_token
)]
pub(super) struct Long(pub(super) i64);

impl Long {
    fn text(&self) -> String {
        self.0.to_string()
    }

    fn from_input(input: &Scalar<impl ScalarValue>) -> Result<Self, Box<str>> {
        let number = match input.try_to_int() {
            Some(number) => Some(i64::from(number)),
            None => input.try_as_str().and_then(|text| text.parse().ok()),
        };
        number.map(Self).ok_or_else(|| {
            "a LongString must be an integer, or a string with an \
                                        integer"
                .into()
        })
    }
}

fn parse_token<S: ScalarValue>(token: ScalarToken<'_>) -> ParseScalarResult<S> {
    match token {
        ScalarToken::Int(_) => <i32 as juniper::ParseScalarValue<S>>::from_str(token),
        _ => <String as juniper::ParseScalarValue<S>>::from_str(token),
    }
}

impl From<i64> for Long {
    fn from(number: i64) -> Self {
        Self(number)
    }
}
