//! What is checked before the text is parsed: its size, its characters, and how deep it nests. The parser recurses on
//! brackets, and the visitor of its tree on every operator of a chain; both stacks are bounded here.
//!
//! The scan cuts the text as CEL's own lexer does. Where the two might disagree about what is inside of a string, the
//! text is refused.

use super::error::ExprError;

/// Longest expression, in bytes.
pub const MAX_BYTES: usize = 4096;

/// Deepest nesting: brackets, and operators that hang on each other.
pub const MAX_NESTING: usize = 32;

/// One bracket, or the whole text.
#[derive(Debug, Default)]
struct Frame {
    /// The opening bracket and its offset.
    open: (usize, u8),
    /// `?` of the current part.
    conditions: usize,
    /// Operators since the last one that ends a chain: each hangs on the one before.
    chain: usize,
    /// Dots and indexes of the current operand of the chain.
    members: usize,
    /// Deepest bracket of the current operand.
    inner: usize,
    /// Deepest operand of the chain.
    operand: usize,
    /// Deepest chain of the current part.
    part: usize,
    /// Deepest part.
    deepest: usize,
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// The bracket that the scan is in, or the whole text.
    frame: Frame,
    /// Those around it, outermost first.
    outer: Vec<Frame>,
    /// The last token was the end of a value: what `[` then opens is an index.
    after_value: bool,
}

/// Refuses a text that is too large, nests too deep or has characters that no expression has.
pub(super) fn scan(text: &str) -> Result<(), ExprError> {
    if text.len() > MAX_BYTES {
        let error = format!("the expression has {} bytes, at most {MAX_BYTES} are allowed", text.len());
        return Err(ExprError::new(0, error));
    }
    let mut scan = Scan { text, at: 0, frame: Frame::default(), outer: Vec::new(), after_value: false };
    while let Some(byte) = scan.peek(0) {
        scan.token(byte)?;
    }
    match scan.frame.open {
        (_, 0) => scan.frame.end().map(drop),
        (offset, open) => Err(ExprError::new(offset, format!("`{}` is never closed", char::from(open)))),
    }
}

// === impl Scan ===

impl Scan<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn token(&mut self, byte: u8) -> Result<(), ExprError> {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | 0x0c => self.at += 1,
            b'/' if self.peek(1) == Some(b'/') => {
                while self.peek(0).is_some_and(|byte| byte != b'\n') {
                    self.at += 1;
                }
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'0'..=b'9' => return self.word(),
            b'"' | b'\'' => return self.string(false),
            b'(' | b'[' | b'{' => return self.open(byte),
            b')' | b']' | b'}' => return self.close(byte),
            _ => return self.operator(byte),
        }
        Ok(())
    }

    fn operator(&mut self, byte: u8) -> Result<(), ExprError> {
        let next = self.peek(1);
        let (at, frame) = (self.at, &mut self.frame);
        let mut width = 1;
        match byte {
            b',' => frame.end_part()?,
            b'?' => {
                frame.conditions += 1;
                frame.end_chain()?;
            }
            b':' => frame.end_chain()?,
            b'&' | b'|' if next == Some(byte) => {
                width = 2;
                frame.end_chain()?;
            }
            b'=' | b'!' | b'<' | b'>' if next == Some(b'=') => {
                width = 2;
                frame.link(at)?;
            }
            b'.' => frame.member(at)?,
            b'-' | b'+' | b'*' | b'/' | b'%' | b'!' | b'<' | b'>' => frame.link(at)?,
            b'=' => return Err(ExprError::new(at, "`=` is not an operator: write `==`")),
            b'&' | b'|' => {
                let byte = char::from(byte);
                return Err(ExprError::new(at, format!("`{byte}` is not an operator: write `{byte}{byte}`")));
            }
            _ => {
                let character = self.text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('\u{fffd}');
                return Err(ExprError::new(at, format!("unexpected character {character:?}")));
            }
        }
        self.at += width;
        self.after_value = false;
        Ok(())
    }

    fn word(&mut self) -> Result<(), ExprError> {
        let start = self.at;
        while self.peek(0).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        let word = self.text.get(start..self.at).unwrap_or_default();
        let quoted = matches!(self.peek(0), Some(b'"' | b'\''));
        match word {
            "r" | "R" | "br" | "bR" | "Br" | "BR" if quoted => return self.string(true),
            "b" | "B" if quoted => return self.string(false),
            _ if quoted => return Err(ExprError::new(self.at, format!("an operator is missing behind `{word}`"))),
            "and" => return Err(ExprError::new(start, "`and` is not an operator: write `&&`")),
            "or" => return Err(ExprError::new(start, "`or` is not an operator: write `||`")),
            "not" => return Err(ExprError::new(start, "`not` is not an operator: write `!`")),
            "in" => {
                self.frame.link(start)?;
                self.after_value = false;
            }
            _ => self.after_value = true,
        }
        Ok(())
    }

    fn string(&mut self, raw: bool) -> Result<(), ExprError> {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let quote = match rest.get(..3).filter(|quote| matches!(*quote, "\"\"\"" | "'''")) {
            Some(triple) => triple,
            None => rest.get(..1).unwrap_or_default(),
        };
        self.at += quote.len();
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            if rest.starts_with(quote.as_bytes()) {
                break;
            }
            match rest.first() {
                Some(b'\\') if !raw => self.escape()?,
                Some(b'\n' | b'\r') if quote.len() == 1 => return Err(unclosed(start)),
                Some(_) => self.at += 1,
                None => return Err(unclosed(start)),
            }
        }
        self.at += quote.len();
        self.after_value = true;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), ExprError> {
        let hex = |from: usize, digits: usize| {
            (from..from + digits).all(|ahead| self.peek(ahead).is_some_and(|byte| byte.is_ascii_hexdigit()))
        };
        let octal = |ahead: usize| self.peek(ahead).is_some_and(|byte| matches!(byte, b'0'..=b'7'));
        let width = match self.peek(1) {
            Some(b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'"' | b'\'' | b'\\' | b'?' | b'`') => 2,
            Some(b'x' | b'X') if hex(2, 2) => 4,
            Some(b'u') if hex(2, 4) => 6,
            Some(b'U') if hex(2, 8) => 10,
            Some(b'0'..=b'3') if octal(2) && octal(3) => 4,
            _ => {
                let text = "unknown escape in a string: write `\\\\` for a backslash, or the string as r\"...\"";
                return Err(ExprError::new(self.at, text));
            }
        };
        self.at += width;
        Ok(())
    }

    fn open(&mut self, bracket: u8) -> Result<(), ExprError> {
        let at = self.at;
        if bracket == b'[' && self.after_value {
            self.frame.member(at)?;
        }
        if self.outer.len() >= MAX_NESTING {
            return Err(too_deep(at));
        }
        self.outer.push(std::mem::replace(&mut self.frame, Frame { open: (at, bracket), ..Frame::default() }));
        self.after_value = false;
        self.at += 1;
        Ok(())
    }

    fn close(&mut self, bracket: u8) -> Result<(), ExprError> {
        let (close, open) = (char::from(bracket), char::from(self.frame.open.1));
        match (open, close, self.outer.pop()) {
            ('(', ')', Some(outer)) | ('[', ']', Some(outer)) | ('{', '}', Some(outer)) => {
                let depth = std::mem::replace(&mut self.frame, outer).end()?;
                self.frame.inner = self.frame.inner.max(depth + 1);
            }
            (_, _, None) => return Err(ExprError::new(self.at, format!("`{close}` closes nothing"))),
            _ => return Err(ExprError::new(self.at, format!("`{close}` does not close `{open}`"))),
        }
        self.after_value = true;
        self.at += 1;
        Ok(())
    }
}

// === impl Frame ===

impl Frame {
    /// One more dot or index hangs on the operand.
    fn member(&mut self, at: usize) -> Result<(), ExprError> {
        self.members += 1;
        if self.members > MAX_NESTING { Err(too_deep(at)) } else { Ok(()) }
    }

    /// One more operator hangs on the chain.
    fn link(&mut self, at: usize) -> Result<(), ExprError> {
        self.end_operand();
        self.chain += 1;
        if self.chain > MAX_NESTING { Err(too_deep(at)) } else { Ok(()) }
    }

    fn end_operand(&mut self) {
        self.operand = self.operand.max(self.members + self.inner);
        (self.members, self.inner) = (0, 0);
    }

    /// `&&`, `||`, `?` and `:` stand between chains: the parser keeps what is left and right of them side by side.
    fn end_chain(&mut self) -> Result<(), ExprError> {
        self.end_operand();
        self.part = self.part.max(self.chain + self.operand);
        (self.chain, self.operand) = (0, 0);
        if self.part + self.conditions > MAX_NESTING { Err(too_deep(self.open.0)) } else { Ok(()) }
    }

    fn end_part(&mut self) -> Result<(), ExprError> {
        self.end_chain()?;
        self.deepest = self.deepest.max(self.part + self.conditions);
        (self.part, self.conditions) = (0, 0);
        Ok(())
    }

    fn end(&mut self) -> Result<usize, ExprError> {
        self.end_part()?;
        Ok(self.deepest)
    }
}

fn too_deep(at: usize) -> ExprError {
    ExprError::new(at, format!("nested deeper than {MAX_NESTING}"))
}

fn unclosed(at: usize) -> ExprError {
    ExprError::new(at, "the string is never closed")
}
