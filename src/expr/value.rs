//! What an expression evaluates to: a value borrowed from the session, the span or the expression.

use std::cell::OnceCell;
use std::cmp::Ordering;

use crate::flow::SessionKey;
use crate::intern::Name;
use crate::otlp::value::AnyValue;

/// A borrowed value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'v> {
    /// There is none; an error in CEL.
    Absent,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `uint`
    Uint(u64),
    /// `double`
    Double(f64),
    /// `string`
    Str(&'v str),
    /// A duration in nanoseconds.
    Duration(i64),
    /// A session's list of names.
    Names(&'v [Name]),
    /// A session's list of texts.
    Texts(&'v [Box<str>]),
    /// A list in the expression.
    List(&'v [Literal]),
    /// An attribute that is neither text nor number nor bool.
    Other(AnyValue<'v>),
}

/// A value written in an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `true`
    Bool(bool),
    /// `1`
    Int(i64),
    /// `1u`
    Uint(u64),
    /// `1.0`
    Double(f64),
    /// `"a"`
    Str(Box<str>),
    /// `duration("1s")`, in nanoseconds.
    Duration(i64),
}

/// Room for the id of a session as text, which is written when it is asked for.
#[derive(Debug, Default)]
pub struct IdText(OnceCell<[u8; 32]>);

// === impl Literal ===

impl Literal {
    /// The value.
    #[inline]
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Bool(is) => Value::Bool(*is),
            Self::Int(number) => Value::Int(*number),
            Self::Uint(number) => Value::Uint(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Str(text) => Value::Str(text),
            Self::Duration(nanos) => Value::Duration(*nanos),
        }
    }
}

// === impl Value ===

impl<'v> From<Option<AnyValue<'v>>> for Value<'v> {
    #[inline]
    fn from(value: Option<AnyValue<'v>>) -> Self {
        match value {
            None => Self::Absent,
            Some(AnyValue::Str(text)) => Self::Str(text),
            Some(AnyValue::Bool(is)) => Self::Bool(is),
            Some(AnyValue::Int(number)) => Self::Int(number),
            Some(AnyValue::Double(number)) => Self::Double(number),
            Some(other) => Self::Other(other),
        }
    }
}

impl<'v> Value<'v> {
    /// A count as an `int`.
    pub fn count(count: usize) -> Self {
        Self::Int(count.try_into().unwrap_or(i64::MAX))
    }

    /// Nanoseconds as a duration.
    pub fn nanoseconds(nanos: u64) -> Self {
        Self::Duration(nanos.try_into().unwrap_or(i64::MAX))
    }

    /// The value of a bool, `None` of anything else.
    #[inline]
    pub fn truth(self) -> Option<bool> {
        if let Self::Bool(is) = self { Some(is) } else { None }
    }

    /// Whether the two are equal; unlike types are not. `None` when one is absent.
    #[inline]
    pub fn equals(self, other: Self) -> Option<bool> {
        match (self, other) {
            (Self::Absent, _) | (_, Self::Absent) => None,
            (Self::Str(left), Self::Str(right)) => Some(left == right),
            (Self::Other(left), Self::Other(right)) => Some(left == right),
            (Self::Bool(left), Self::Bool(right)) => Some(left == right),
            _ => Some(self.compare(other) == Some(Ordering::Equal)),
        }
    }

    /// The order of two numbers, texts or durations; `None` of anything else, and of NaN.
    #[inline]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(&right)),
            (Self::Str(left), Self::Str(right)) => Some(left.cmp(right)),
            (Self::Duration(left), Self::Duration(right)) => Some(left.cmp(&right)),
            (Self::Double(left), Self::Double(right)) => left.partial_cmp(&right),
            (Self::Double(left), right) => compare_mixed(right.whole()?, left).map(Ordering::reverse),
            (left, Self::Double(right)) => compare_mixed(left.whole()?, right),
            (left, right) => Some(left.whole()?.cmp(&right.whole()?)),
        }
    }

    /// How long a text (in characters), a list or a map is; absent for anything else.
    pub fn size(self) -> Self {
        match self {
            Self::Str(text) => Self::count(text.chars().count()),
            Self::Other(AnyValue::Bytes(bytes)) => Self::count(bytes.len()),
            Self::Other(map @ AnyValue::KvList(_)) => Self::count(map.entries().count()),
            _ => self.items().map_or(Self::Absent, |items| Self::count(items.count())),
        }
    }

    /// The members of a list; `None` when it is none.
    #[inline]
    pub fn items(self) -> Option<impl Iterator<Item = Self>> {
        type Lists<'v> = (&'v [Name], &'v [Box<str>], &'v [Literal], AnyValue<'v>);
        let (names, texts, literals, array): Lists<'v> = match self {
            Self::Names(names) => (names, &[], &[], AnyValue::Empty),
            Self::Texts(texts) => (&[], texts, &[], AnyValue::Empty),
            Self::List(literals) => (&[], &[], literals, AnyValue::Empty),
            Self::Other(array @ AnyValue::Array(_)) => (&[], &[], &[], array),
            _ => return None,
        };
        let names = names.iter().map(|name| Self::Str(name.text()));
        let texts = texts.iter().map(|text| Self::Str(text));
        let array = array.items().map(|item| Self::from(Some(item)));
        Some(names.chain(texts).chain(literals.iter().map(Literal::value)).chain(array))
    }

    /// A number, or the text of one, as an `int`, cut towards zero; absent when it is none or out of range.
    pub fn to_int(self) -> Self {
        let int = match self {
            Self::Int(number) => Some(number),
            Self::Uint(number) => number.try_into().ok(),
            Self::Double(number) if number > -9.223_372_036_854_776e18 && number < 9.223_372_036_854_776e18 => {
                Some(number as i64)
            }
            Self::Str(text) => text.parse().ok(),
            _ => None,
        };
        int.map_or(Self::Absent, Self::Int)
    }

    /// A number, or the text of one, as a `double`; absent for anything else.
    pub fn to_double(self) -> Self {
        let double = match self {
            Self::Int(number) => Some(number as f64),
            Self::Uint(number) => Some(number as f64),
            Self::Double(number) => Some(number),
            Self::Str(text) => text.parse().ok(),
            _ => None,
        };
        double.map_or(Self::Absent, Self::Double)
    }

    #[inline]
    fn whole(self) -> Option<i128> {
        match self {
            Self::Int(number) => Some(number.into()),
            Self::Uint(number) => Some(number.into()),
            _ => None,
        }
    }
}

/// Compares exactly, where a cast to `double` would round. `whole` is an `int` or a `uint`.
fn compare_mixed(whole: i128, double: f64) -> Option<Ordering> {
    // Beyond every `int` and `uint`, and within what `i128` holds; NaN stays.
    let double = double.clamp(-1e30, 1e30);
    let cut = double.trunc();
    let fraction = 0.0.partial_cmp(&(double - cut))?;
    Some(whole.cmp(&(cut as i128)).then(fraction))
}

// === impl IdText ===

impl IdText {
    /// The id of a session as text: what the application gave, or the trace id in hexadecimal.
    pub(super) fn of<'v>(&'v self, key: &'v SessionKey) -> &'v str {
        let trace = match key {
            SessionKey::Id(id) => return &id.text,
            SessionKey::Trace(trace) => trace,
        };
        let digits = self.0.get_or_init(|| {
            let mut digits = [0; 32];
            for (pair, byte) in digits.chunks_exact_mut(2).zip(trace.0) {
                let digit = |four: u8| if four < 10 { b'0' + four } else { b'a' + four - 10 };
                pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
            digits
        });
        std::str::from_utf8(digits).unwrap_or_default()
    }
}
