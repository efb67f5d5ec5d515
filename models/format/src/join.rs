//! Putting inputs of several requests together, and their answers apart.

use crate::Predictions;
use mlctl_table::{Input, Table, Tensor, Values};
use serde_json::Value;

/// Counts an input's rows; `None` when its parts have not equally many, or no rows at all.
pub fn rows(input: &Input) -> Option<usize> {
    let of = |tensor: &Tensor| tensor.shape().first().copied();
    match input {
        Input::Table(table) => Some(table.rows()),
        Input::Tensor(tensor) => of(tensor),
        Input::Named(tensors) => {
            let (_, first) = tensors.first()?;
            let rows = of(first)?;
            tensors.iter().all(|(_, tensor)| of(tensor) == Some(rows)).then_some(rows)
        }
    }
}

/// Counts all values of an input.
pub fn values(input: &Input) -> usize {
    let sum = |tensors: &[(String, Tensor)]| tensors.iter().map(|(_, t)| t.values().len()).sum();
    match input {
        Input::Table(table) => sum(table.columns()),
        Input::Tensor(tensor) => tensor.values().len(),
        Input::Named(tensors) => sum(tensors),
    }
}

/// Tells whether two inputs differ in nothing but their rows.
pub fn are_alike(a: &Input, b: &Input) -> bool {
    fn one(a: &Tensor, b: &Tensor) -> bool {
        let inner = |tensor: &Tensor| tensor.shape().get(1..).map(<[usize]>::to_vec);
        a.values().data_type() == b.values().data_type() && inner(a) == inner(b)
    }
    let all = |a: &[(String, Tensor)], b: &[(String, Tensor)]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && one(&a.1, &b.1))
    };
    match (a, b) {
        (Input::Table(a), Input::Table(b)) => all(a.columns(), b.columns()),
        (Input::Tensor(a), Input::Tensor(b)) => one(a, b),
        (Input::Named(a), Input::Named(b)) => all(a, b),
        _ => false,
    }
}

/// Puts inputs that are alike below each other; `None` when they are not.
pub fn join(inputs: Vec<Input>) -> Option<Input> {
    let mut inputs = inputs.into_iter();
    let mut first = Parts::of(inputs.next()?);
    for input in inputs {
        let more = Parts::of(input);
        for ((_, tensor), (_, more)) in first.tensors.iter_mut().zip(more.tensors) {
            below(tensor, more)?;
        }
    }
    first.whole()
}

/// An input as a list of tensors.
struct Parts {
    kind: Kind,
    tensors: Vec<(String, (Vec<usize>, Values))>,
}

#[derive(Clone, Copy)]
enum Kind {
    Table,
    Tensor,
    Named,
}

impl Parts {
    fn of(input: Input) -> Self {
        let (kind, tensors) = match input {
            Input::Table(table) => (Kind::Table, table.into_columns()),
            Input::Tensor(tensor) => (Kind::Tensor, vec![(String::new(), tensor)]),
            Input::Named(tensors) => (Kind::Named, tensors),
        };
        let apart = |(name, tensor): (String, Tensor)| (name, tensor.into_parts());
        Self { kind, tensors: tensors.into_iter().map(apart).collect() }
    }

    fn whole(self) -> Option<Input> {
        let tensors = self.tensors.into_iter();
        let tensors = tensors
            .map(|(name, (shape, values))| Some((name, Tensor::new(shape, values).ok()?)))
            .collect::<Option<Vec<_>>>()?;
        match self.kind {
            Kind::Table => Table::new(tensors).ok().map(Input::Table),
            Kind::Named => Some(Input::Named(tensors)),
            Kind::Tensor => tensors.into_iter().next().map(|(_, tensor)| Input::Tensor(tensor)),
        }
    }
}

fn below((shape, values): &mut (Vec<usize>, Values), more: (Vec<usize>, Values)) -> Option<()> {
    *shape.first_mut()? += more.0.first()?;
    match (values, more.1) {
        (Values::Boolean(list), Values::Boolean(more)) => list.extend(more),
        (Values::Integer(list), Values::Integer(more)) => list.extend(more),
        (Values::Long(list), Values::Long(more)) => list.extend(more),
        (Values::Float(list), Values::Float(more)) => list.extend(more),
        (Values::Double(list), Values::Double(more)) => list.extend(more),
        (Values::String(list), Values::String(more)) => list.extend(more),
        _ => return None,
    }
    Some(())
}

/// Takes the answer to inputs with so many rows each apart; `None` when it does not have a row for
/// each of theirs.
pub fn part(answer: &Predictions, rows: &[usize]) -> Option<Vec<Predictions>> {
    let total: usize = rows.iter().sum();
    let fits = |tensor: &Tensor| tensor.shape().first() == Some(&total);
    match answer {
        Predictions::Json(Value::Array(list)) if list.len() == total => Some(
            starts(rows)
                .map(|(start, count)| {
                    Predictions::Json(Value::Array(list[start..start + count].to_vec()))
                })
                .collect(),
        ),
        Predictions::Json(_) | Predictions::Bare(_) => None,
        Predictions::Array(array) if fits(array) => {
            let cut = |(start, count)| array.rows(start, count).map(Predictions::Array);
            starts(rows).map(cut).collect()
        }
        Predictions::Array(_) => None,
        Predictions::Records(outputs) | Predictions::Outputs(outputs)
            if !outputs.iter().all(|(_, tensor)| fits(tensor)) =>
        {
            None
        }
        Predictions::Records(outputs) => {
            starts(rows).map(|at| Some(Predictions::Records(cut(outputs, at)?))).collect()
        }
        Predictions::Outputs(outputs) => {
            starts(rows).map(|at| Some(Predictions::Outputs(cut(outputs, at)?))).collect()
        }
    }
}

fn cut(outputs: &[(String, Tensor)], at: (usize, usize)) -> Option<Vec<(String, Tensor)>> {
    let one = |(name, tensor): &(String, Tensor)| Some((name.clone(), tensor.rows(at.0, at.1)?));
    outputs.iter().map(one).collect()
}

/// Pairs the first row of each with how many it has.
fn starts(rows: &[usize]) -> impl Iterator<Item = (usize, usize)> + '_ {
    rows.iter().scan(0, |next, count| {
        let start = *next;
        *next += count;
        Some((start, *count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(list: &[i64]) -> Tensor {
        Tensor::new(vec![list.len() / 2, 2], Values::Long(list.to_vec())).unwrap()
    }

    #[test]
    fn rows_come_back_to_where_they_came_from() {
        let inputs = [&[1, 2][..], &[3, 4, 5, 6], &[]].map(|list| Input::Tensor(matrix(list)));
        let counts: Vec<usize> = inputs.iter().filter_map(rows).collect();
        assert_eq!(counts, [1, 2, 0]);
        assert!(inputs.iter().all(|input| are_alike(&inputs[0], input)));

        let Some(Input::Tensor(all)) = join(inputs.to_vec()) else { panic!("they are alike") };
        let answers = part(&Predictions::Array(all), &counts).unwrap();

        let want = [&[1, 2][..], &[3, 4, 5, 6], &[]].map(|list| Predictions::Array(matrix(list)));
        assert_eq!(answers, want);
    }

    #[test]
    fn what_differs_is_not_joined() {
        let column = |name: &str, values| (name.to_owned(), Tensor::vector(values));
        let table = |name, values| Input::Table(Table::new(vec![column(name, values)]).unwrap());
        let one = table("a", Values::Long(vec![1]));
        assert!(are_alike(&one, &table("a", Values::Long(vec![1, 2]))));
        assert!(!are_alike(&one, &table("b", Values::Long(vec![1]))));
        assert!(!are_alike(&one, &table("a", Values::Double(vec![1.0]))));
        assert!(!are_alike(&one, &Input::Tensor(matrix(&[1, 2]))));
        assert!(join(vec![one, table("a", Values::Double(vec![1.0]))]).is_none());
    }

    #[test]
    fn an_answer_without_a_row_for_each_is_not_taken_apart() {
        let outputs = vec![("y".to_owned(), matrix(&[1, 2, 3, 4]))];
        assert!(part(&Predictions::Outputs(outputs.clone()), &[1, 1]).is_some());
        assert!(part(&Predictions::Outputs(outputs), &[1, 2]).is_none());
        assert!(part(&Predictions::Json(serde_json::json!({"a": 1})), &[1, 1]).is_none());
        assert!(part(&Predictions::Json(serde_json::json!([1, 2])), &[1, 1]).is_some());
    }
}
