//! `If`: one of two graphs, of which only the one that is taken has to fit.

use crate::array::Array;
use crate::kernel::{Inputs, Kernel};
use crate::node::Node;
use crate::program::{Program, Refusal};

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let yes = branch(node, "then_branch")?;
    let no = branch(node, "else_branch")?;
    let places = [(1, yes.captured.len()), (1 + yes.captured.len(), no.captured.len())];
    Ok(Box::new(move |mut inputs| {
        let is_yes = match inputs.list::<bool>(0)? {
            [only] => *only,
            several => return Err(format!("its condition has {} values, not one", several.len())),
        };
        let (program, (start, count)) = if is_yes { (&yes, places[0]) } else { (&no, places[1]) };
        let feed = feed(&mut inputs, start, count)?;
        let name = if is_yes { "then_branch" } else { "else_branch" };
        let outputs = program.run(feed).map_err(|problem| format!("its {name}: {problem}"))?;
        Ok(outputs.into_iter().collect())
    }))
}

/// Compiles a branch; what it needs of the graph around it follows the condition.
fn branch(node: &mut Node<'_>, name: &str) -> Result<Program, String> {
    let graph = node.graph(name)?.ok_or_else(|| format!("its {name} is missing"))?;
    if !graph.input.is_empty() || graph.output.len() < node.outputs.len() {
        return Err(format!("its {name} does not fit its outputs"));
    }
    let program = Program::compile(node.loader, graph, true).map_err(|refusal| match refusal {
        Refusal::Operators(names) => {
            let names: Vec<String> = names.into_iter().collect();
            format!("its {name} needs {}, which is not supported", names.join(", "))
        }
        Refusal::Problem(problem) => format!("its {name}: {problem}"),
    })?;
    node.capture(&program.captured);
    Ok(program)
}

fn feed(inputs: &mut Inputs<'_>, start: usize, count: usize) -> Result<Vec<Array>, String> {
    (start..start + count).map(|at| inputs.take(at)).collect()
}
