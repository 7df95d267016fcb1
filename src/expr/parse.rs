//! From text to the `cel` crate's tree, and from its errors to ours.

use cel::common::ast::{Expr, IdedExpr, SourceInfo, operators};

use super::error::ExprError;

/// A text, its tree, and where the parts of the tree stand in the text.
pub(super) struct Parsed<'t> {
    pub text: &'t str,
    pub tree: IdedExpr,
    info: SourceInfo,
}

/// Parses a text that was scanned. No macro is expanded: `exists` and its like stay calls.
pub(super) fn parse(text: &str) -> Result<Parsed<'_>, Vec<ExprError>> {
    match cel::Env::default().parser().parse_with_source_info(text) {
        Ok((tree, info)) => Ok(Parsed { text, tree, info }),
        Err(errors) => {
            let mut found: Vec<ExprError> = errors.errors.iter().map(|error| translate(text, error)).collect();
            found.sort_by_key(|error| error.offset);
            // What follows the first syntax error is most often its echo.
            found.truncate(1);
            Err(found)
        }
    }
}

// === impl Parsed ===

impl Parsed<'_> {
    /// Offset of the token that made `part`: the operator, the name, the literal, the opening bracket of a call.
    pub fn token(&self, part: &IdedExpr) -> usize {
        self.info.offset_for(part.id).map_or(0, |(start, _)| start as usize)
    }

    /// Offset at which `part` begins, brackets around it aside.
    pub fn start(&self, part: &IdedExpr) -> usize {
        match &part.expr {
            Expr::Select(select) => self.start(&select.operand),
            Expr::Call(call) => match (&call.target, call.args.as_slice()) {
                (Some(target), _) => self.start(target),
                (None, [left, _, ..]) if call.func_name.starts_with('_') || call.func_name == operators::IN => {
                    self.start(left)
                }
                _ if call.func_name.ends_with('_') => self.token(part),
                _ => self.name_before(self.token(part), &call.func_name),
            },
            _ => self.token(part),
        }
    }

    /// Offset of the field's name in a selection, whose token is the dot.
    pub fn field(&self, part: &IdedExpr) -> usize {
        let dot = self.token(part);
        let name = self.text.get(dot + 1..).and_then(|rest| rest.find(|c: char| !c.is_whitespace()));
        dot + 1 + name.unwrap_or(0)
    }

    /// Offset of a function's name in a call, whose token is the opening bracket.
    pub fn function(&self, part: &IdedExpr, name: &str) -> usize {
        self.name_before(self.token(part), name)
    }

    fn name_before(&self, bracket: usize, name: &str) -> usize {
        self.text.get(..bracket).and_then(|before| before.rfind(name)).unwrap_or(bracket)
    }
}

fn translate(text: &str, error: &cel::ParseError) -> ExprError {
    let (line, column) = (error.pos.0.max(1) as usize, error.pos.1.max(1) as usize);
    let begin = text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
    let rest = text.get(begin..).unwrap_or_default();
    let offset = begin + rest.char_indices().nth(column - 1).map_or(rest.len(), |(at, _)| at);
    let message = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
    let quoted = message.split_once(" input '").and_then(|(_, rest)| Some(rest.rsplit_once('\'')?.0));
    let found = match quoted.map(|quoted| quoted.split_once("' expecting ").map_or(quoted, |(found, _)| found)) {
        Some("<EOF>") if text.trim().is_empty() => "the expression is empty".into(),
        Some("<EOF>") => "the expression ends too early".into(),
        Some(token) => format!("unexpected `{}`", token.chars().take(40).collect::<String>()),
        None => message.chars().take(200).collect(),
    };
    ExprError::new(offset, found)
}
