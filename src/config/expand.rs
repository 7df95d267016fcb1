//! `${env:NAME}` on the parsed tree, scalar by scalar, so that no value can change the YAML around it.
//!
//! As in otelcol: `${env:NAME:-default}` where the variable is not set (set but empty stays empty), `${NAME}` is the
//! same as `${env:NAME}`, `$$` is a dollar. A scalar that is nothing but one expansion may be of any type; a field that
//! wants a string gets the variable's text as it is. Other than otelcol: a variable that is not set and has no default
//! is an error, and a variable's value is not expanded again.

use super::problem::{Problem, Problems};
use super::section::{item, join};
use super::tree::{MAX_BYTES, Node, Scalar, Value};

/// Where variables come from: the value of a name, if it is set.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Deepest nesting of defaults within defaults.
const MAX_DEPTH: usize = 8;

/// Expands all scalars beneath `node`. What cannot be expanded is reported and left broken.
pub fn expand(node: &mut Node, env: Env<'_>, problems: &mut Problems) {
    let mut expander = Expander { env, room: 4 * MAX_BYTES, problems };
    expander.node(node, "");
}

struct Expander<'a> {
    env: Env<'a>,
    /// Bytes that expansions may still add to the file.
    room: usize,
    problems: &'a mut Problems,
}

impl Expander<'_> {
    fn node(&mut self, node: &mut Node, path: &str) {
        let place = Node { value: Value::Broken, file: node.file.clone(), line: node.line, column: node.column };
        match &mut node.value {
            Value::Scalar(scalar) if scalar.text.contains('$') => {
                if let Err(problem) = self.scalar(scalar, path, &place) {
                    self.problems.push(problem);
                    node.value = Value::Broken;
                }
            }
            Value::List(nodes) => {
                for (i, node) in nodes.iter_mut().enumerate() {
                    self.node(node, &item(path, i));
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    self.node(&mut entry.node, &join(path, &entry.key));
                }
            }
            Value::Scalar(_) | Value::Broken => {}
        }
    }

    fn scalar(&mut self, scalar: &mut Scalar, path: &str, place: &Node) -> Result<(), Problem> {
        let whole = closing(&scalar.text).is_some_and(|end| end + 1 == scalar.text.len());
        let mut text = String::new();
        self.text(&scalar.text, &mut text, 0).map_err(|text| place.problem(path, text))?;
        // A part of the expanded text may be quoted, and the value of a variable is a part.
        self.problems.hide(&text, &scalar.text);
        self.room = self
            .room
            .checked_sub(text.len())
            .ok_or_else(|| place.problem(path, "makes the file larger than 4 MiB, variables expanded"))?;
        scalar.text = text;
        scalar.expanded = whole;
        Ok(())
    }

    /// Appends the expanded text to `out`.
    fn text(&mut self, text: &str, out: &mut String, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("has defaults nested deeper than {MAX_DEPTH}"));
        }
        let mut rest = text;
        while let Some((before, from)) = rest.find('$').and_then(|at| rest.split_at_checked(at)) {
            out.push_str(before);
            if let Some(after) = from.strip_prefix("$$") {
                out.push('$');
                rest = after;
            } else if from.starts_with("${") {
                let end = closing(from).ok_or("has ${ without }, write $${ for the characters themselves")?;
                self.variable(from.get(2..end).unwrap_or_default(), out, depth)?;
                rest = from.get(end + 1..).unwrap_or_default();
            } else {
                out.push('$');
                rest = from.get(1..).unwrap_or_default();
            }
            if out.len() > self.room {
                return Err("makes the file larger than 4 MiB, variables expanded".into());
            }
        }
        out.push_str(rest);
        Ok(())
    }

    /// Expands what stands between `${` and `}`.
    fn variable(&mut self, body: &str, out: &mut String, depth: usize) -> Result<(), String> {
        let (name, default) = match body.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (body, None),
        };
        let name = name.strip_prefix("env:").unwrap_or(name);
        if let Some((scheme, _)) = name.split_once(':') {
            return Err(format!("asks for ${{{scheme}:...}}, only ${{env:NAME}} and ${{NAME}} are supported"));
        }
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || c.is_ascii_digit()) {
            return Err(format!("{name:?} is no name of a variable, write $${{ for the characters themselves"));
        }
        match ((self.env)(name), default) {
            (Some(value), _) => {
                self.problems.hide(&value, &format!("${{env:{name}}}"));
                out.push_str(&value);
                Ok(())
            }
            (None, Some(default)) => self.text(default, out, depth + 1),
            (None, None) => Err(format!(
                "the environment variable {name} is not set; set it, or give a default: ${{env:{name}:-default}}"
            )),
        }
    }
}

/// Where the `}` is that closes the `${` at the front.
fn closing(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("${")?;
    let (mut depth, mut dollar) = (1usize, false);
    for (at, c) in inner.char_indices() {
        match c {
            '{' if dollar => depth += 1,
            '}' if depth == 1 => return Some(at + 2),
            '}' => depth -= 1,
            _ => {}
        }
        dollar = c == '$' && !dollar;
    }
    None
}
